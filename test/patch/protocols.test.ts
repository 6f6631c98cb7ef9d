// Every protocol on every model, with CPUs that run the sites all the time and an adversary that delivers the oldest bytes
// it may. What a protocol claims holds on every seed; what it does not claim is seen to fail.

import { describe, expect, test } from "vitest";
import { Global } from "../../runtime/machine/layout.ts";
import type { Model } from "../../runtime/machine/model.ts";
import { models } from "../../runtime/machine/models/index.ts";
import { writableAndExecutable } from "../../runtime/machine/write-xor-execute.ts";
import { type Protocol, phaseText, protocols, type RunEnd, type TargetName } from "../../runtime/patch/index.ts";
import type { System } from "../../runtime/patch/system.ts";
import { spread } from "../extent.ts";
import { modelNamed, protocolNamed, quick } from "../machines.ts";
import { begin, countsOf, hotSystem, isAtWork, runFor } from "../measure/hot-sites.ts";

/** What happened to a system in a storm of updates. */
interface Outcome {
	/** The run ended: some instruction was torn, or a call went astray. */
	readonly trap: RunEnd | undefined;
	/** Calls of the old target that began after an update was complete. */
	readonly stale: number;
	readonly updates: number;
	readonly calls: number;
	/** Some page could be written and executed. */
	readonly both: boolean;
}

/** How a storm blows. */
interface Storm {
	readonly seed: number;
	readonly rounds: number;
	/** Cycles that a store takes: with none, all stores of a phase are one blow. */
	readonly poke?: number;
	/** Cycles between two looks at the pages; they are not looked at when left out. */
	readonly look?: number;
}

const targets: readonly Record<string, TargetName>[] = [
	{ pick: "two" },
	{ hook: "three" },
	{ pick: "one", hook: null },
	{ pick: "__static_call_return0" },
	{ pick: "two", hook: "three" },
	{ pick: "one" },
	{ hook: null },
];

/** The results that calls of both keys give now. */
const resultsAfter = { one: 1, two: 2, three: 3, __static_call_return0: 0, null: 0 } as const;

function storm(protocol: Protocol, model: Model, { seed, rounds, poke = 4, look }: Storm): Outcome {
	const profile = { ...quick, poke };
	const system = hotSystem({ protocol, model, fetch: "stale", seed, profile, idler: true });
	const now = { pick: "one", hook: "null" };
	let stale = 0;
	let calls = 0;
	let updates = 0;
	let both = false;
	for (let round = 0; round < rounds; round++) {
		runFor(system, 100 + ((seed * 31 + round * 17) % 90));
		const target = targets[round % targets.length]!;
		const patcher = begin(system, target);
		for (const [key, to] of Object.entries(target)) now[key as "pick"] = String(to);
		while (isAtWork(system, patcher)) {
			const end = runFor(system, look ?? 20);
			if (look !== undefined && writableAndExecutable(system.machine) !== undefined) both = true;
			if (end.kind !== "limit") return { trap: end, stale, updates, calls, both };
		}
		updates++;
		const before = countsOf(system);
		const end = runFor(system, 1500);
		if (end.kind !== "limit") return { trap: end, stale, updates, calls, both };
		const expected = new Set([now.pick, now.hook].map((name) => resultsAfter[name as "one"]));
		for (const [cpu, all] of countsOf(system).entries()) {
			const counts = all.map((count, result) => count - before[cpu]![result]!);
			const old = counts.reduce((sum, count, result) => sum + (expected.has(result as 1) ? 0 : count), 0);
			// One call of each CPU, and what `passed_by` makes of it, was under way.
			stale += Math.max(0, old - 2);
			calls += counts.reduce((sum, count) => sum + count, 0);
		}
	}
	return { trap: undefined, stale, updates, calls, both };
}

const everywhere = models.map(({ name }) => name);
/** Where fetches take the aligned eight bytes whole. */
const whole = ["ideal", "amd-quad"];

/** Protocol -> the models on which nothing is torn, and those where nothing is stale after the end either. */
const claims: Record<string, { readonly whole: readonly string[]; readonly fresh: readonly string[] }> = {
	breakpoint: { whole: everywhere, fresh: everywhere },
	"stop-machine": { whole: everywhere, fresh: everywhere },
	"unmap-write-map": { whole: everywhere, fresh: everywhere },
	"rw-flip": { whole: everywhere, fresh: everywhere },
	"aligned-store": { whole, fresh: whole },
	"spin-jump": { whole, fresh: whole },
	"naive-sync": { whole: [], fresh: [] },
	naive: { whole: [], fresh: [] },
};

const running = protocols.filter(({ requires }) => requires !== "quiet");

test("every protocol for running text has its line above", () => {
	expect(Object.keys(claims).sort()).toEqual(running.map(({ name }) => name).sort());
});

describe.each(running)("$name", (protocol) => {
	test.each(spread(models, 3))("$name", (model) => {
		const claim = claims[protocol.name]!;
		if (!claim.whole.includes(model.name)) {
			const seeds = Array.from({ length: 12 }, (_, i) => i + 1);
			const torn = seeds.some((seed) => storm(protocol, model, { seed, rounds: 40 }).trap?.kind === "trapped");
			expect(torn, "torn or astray on some seed").toBe(true);
			return;
		}
		for (const seed of [1, 2]) {
			const { trap, updates, calls, stale } = storm(protocol, model, { seed, rounds: 21 });
			expect(trap).toBeUndefined();
			expect([updates, calls > 1000]).toEqual([21, true]);
			if (claim.fresh.includes(model.name)) expect(stale).toBe(0);
		}
	});
});

test.each(["x86", "amd-quad", "alpha"])(
	"naive, where nothing tears it: %s calls the old target after the end",
	(name) => {
		const model = models.find((each) => each.name === name)!;
		const aligned = { ...protocolNamed("naive"), requires: "aligned" } as const;
		const outcomes = [1, 2, 3, 4].map((seed) => storm(aligned, { ...model, unit: 8 }, { seed, rounds: 7 }));
		expect(outcomes.some(({ stale }) => stale > 0)).toBe(true);
	},
);

describe.each(running)("$name keeps W^X in every view after every step", (protocol) => {
	test.each(spread(models, 3))("$name", (model) => {
		for (const seed of [1, 2, 3]) {
			const system = hotSystem({ protocol, model, fetch: "stale", seed, idler: true });
			runFor(system, 200);
			const patcher = begin(system, { pick: "two", hook: "three" });
			let steps = 0;
			for (; isAtWork(system, patcher); steps++) {
				const end = runFor(system, 1);
				expect(writableAndExecutable(system.machine)).toBeUndefined();
				if (end.kind === "trapped") return;
			}
			expect(steps).toBeGreaterThan(2);
			expect(windowsOf(system)).toEqual([0, 0, 0]);
		}
	});
});

/** Every sync and release of the protocols that hold anywhere. */
const needed = running
	.filter(({ name }) => claims[name]!.whole === everywhere)
	.flatMap((protocol) =>
		protocol.phases.flatMap((phase, i) =>
			phase.kind === "sync" || phase.kind === "release" ? [[protocol, i, phaseText(phase)] as const] : [],
		),
	);

test.each(needed.map(([protocol, i, text]) => [`${protocol.name} ${i}: ${text}`, protocol, i] as const))(
	"%s is missed when it is left out",
	(_, protocol, i) => {
		const without = { ...protocol, phases: protocol.phases.filter((_, at) => at !== i) };
		const goesWrong = (model: string, storms: Storm): boolean => {
			const { trap, stale, both } = storm(without, modelNamed(model), storms);
			return trap !== undefined || stale > 0 || both;
		};
		const seeds = Array.from({ length: 10 }, (_, at) => at + 1);
		const found = seeds.some((seed) => [0, 4].some((poke) => goesWrong("x86", { seed, rounds: 14, poke, look: 2 })));
		expect(found).toBe(true);
	},
);

function windowsOf({ machine }: System): number[] {
	return [Global.lock, Global.armed, Global.window].map((word) => machine.words[word]!);
}
