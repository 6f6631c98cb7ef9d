// Programs under probes: every fixture prints what Node prints with a probe on every instruction, each executed out of
// line, and while probes come and go at random under four CPUs, with static calls retargeted, static keys switched and
// functions traced beside.
//
// PROBES=all keeps every probe to the end, and storms on every model and policy: minutes, not seconds.

import { afterAll, describe, expect, test } from "vitest";
import { type Image, link } from "../../linker/link/index.ts";
import { entryNamed, start } from "../../runtime/load.ts";
import type { FetchPolicy } from "../../runtime/machine/index.ts";
import { Cpu } from "../../runtime/machine/layout.ts";
import type { Model } from "../../runtime/machine/model.ts";
import { models } from "../../runtime/machine/models/index.ts";
import { getCounter } from "../../runtime/machine/state.ts";
import { randomFrom } from "../../runtime/measure/index.ts";
import { boot, isPatching, run, type System } from "../../runtime/patch/index.ts";
import { createProbes, insert, instructionsOf, type Probe, type Probes, remove } from "../../runtime/probe/index.ts";
import { spread } from "../extent.ts";
import { objectsOf } from "../language/modes.ts";
import { type Program, programs } from "../language/programs.ts";
import { systemOf } from "../machines.ts";
import { gust } from "../measure/gusts.ts";

const all = process.env.PROBES === "all";
/** Hits after which a probe has shown what it can. */
const ENOUGH = all ? Number.POSITIVE_INFINITY : 4;
/** Probes that come or go in a storm. */
const CHANGES = all ? 1000 : 60;
const CPUS = 4;
const SPARE = 64;

/** What can be probed: all but text that somebody else patches. */
function everywhere(probes: Probes): Probe[] {
	const placed: Probe[] = [];
	for (const address of instructionsOf(probes.system.image)) {
		const probe = insert(probes, 0, address);
		if ("hits" in probe) placed.push(probe);
		else expect(probe).toMatchObject({ refused: /the text belongs to/ });
	}
	return placed;
}

function onEveryInstruction(program: Program, image: Image): void {
	const system = systemOf(image, { spare: SPARE, stack: 64 * 1024 });
	const probes = createProbes(system, { outOfLine: "always" });
	let present = everywhere(probes);
	expect(present.length).toBeGreaterThan([...instructionsOf(image)].length * 0.7);
	const [total, before] = [present.length, present];
	for (let cycles = 500; run(system, { cycles }).kind === "limit"; cycles += all ? 1e6 : 400) {
		const done = new Set(present.filter(({ hits }) => hits >= ENOUGH));
		for (const probe of done) expect(remove(probes, probe)).toBeUndefined();
		present = present.filter((probe) => !done.has(probe));
	}
	expect(system.output).toEqual(program.expected);
	expect(before.filter(({ hits }) => hits > 0).length).toBeGreaterThan(total * 0.6);
}

interface Weather {
	readonly model: Model;
	readonly fetch: FetchPolicy;
}

function storm(program: Program, image: Image, { model, fetch }: Weather, seed: number): number {
	const system = systemOf(image, { model, fetch, seed, cpus: CPUS, spare: SPARE, stack: 64 * 1024 });
	if (image.symbolNamed("worker") !== undefined)
		for (let cpu = 1; cpu < CPUS; cpu++) start(system.machine, cpu, entryNamed(image, "worker"));
	boot(system);
	const below = randomFrom(seed);
	const outOfLine = seed % 2 === 0 ? "always" : "needed";
	const probes = createProbes(system, { outOfLine, slots: 2, optimise: true });
	const places = [...instructionsOf(image)];
	const present: Probe[] = [];
	const gone: Probe[] = [];
	for (let changes = 0; changes < CHANGES && runFor(system, 1 + below(200)); changes++) {
		if (present.length > 12 || (present.length > 0 && below(3) === 0)) {
			const [probe] = present.splice(below(present.length), 1) as [Probe];
			remove(probes, probe);
			gone.push(probe);
		} else {
			const probe = insert(probes, 0, places[below(places.length)]!);
			if ("hits" in probe) present.push(probe);
		}
		if (below(4) === 0 && !isPatching(system.machine)) {
			const clock = getCounter(system.machine, 0, Cpu.clock);
			system.queue.push({ changes: gust(image, program.name, below), cpu: undefined, clock });
		}
	}
	for (const probe of present) remove(probes, probe);
	system.queue.length = 0;
	expect(run(system), system.refusal).toEqual({ kind: "halted" });
	expect(system.output, `seed ${seed}`).toEqual(program.expected);
	updates += system.counts.updates;
	return [...gone, ...present].reduce((sum, { hits }) => sum + hits, 0);
}

/** @returns whether the program goes on; an update of text that is probed is refused, and nothing else happens */
function runFor(system: System, cycles: number): boolean {
	for (;;) {
		const { kind } = run(system, { cycles: getCounter(system.machine, 0, Cpu.clock) / 16 + cycles });
		if (kind !== "refused") return kind === "limit";
		expect(system.refusal).toMatch(/probe/);
	}
}

/** One model and policy a program; together they meet them all. */
function conditionsFor(index: number): Weather[] {
	const policies: readonly FetchPolicy[] = ["stale", "random"];
	if (all) return models.flatMap((model) => policies.map((fetch) => ({ model, fetch })));
	return [{ model: models[index % models.length]!, fetch: policies[(index >> 1) % 2]! }];
}

/** Counts over all storms: some probes are nowhere that anybody comes, and updates of what is probed are refused. */
let hits = 0;
let updates = 0;
let storms = 0;
afterAll(() => {
	expect(hits).toBeGreaterThanOrEqual(20 * (storms - 2));
	expect(updates).toBeGreaterThanOrEqual(4 * storms);
});

describe.each(
	spread(
		programs().map((program, index) => [program.name, program, index] as const),
		10,
	),
)("%s", (_, program, index) => {
	const image = link(objectsOf(program));
	const traceable = link(objectsOf(program, { entryNops: true }));

	test("with a probe on every instruction", () => onEveryInstruction(program, image));

	test.each(conditionsFor(index).map((one) => [`${one.model.name}, ${one.fetch}`, one] as const))(
		"in a storm of probes: %s",
		(_name, conditions) => {
			for (const seed of [1, 2]) {
				storms++;
				hits += storm(program, traceable, conditions, seed);
			}
		},
	);
});
