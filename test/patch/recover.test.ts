// A patcher that dies after any step of any protocol, under CPUs that run its sites all the time; what the program does
// then, and that somebody else can finish the update or undo it.

import { describe, expect, test } from "vitest";
import { CODE } from "../../runtime/machine/histories.ts";
import { Cpu, Global, Patcher, Status } from "../../runtime/machine/layout.ts";
import { readVirtual } from "../../runtime/machine/memory.ts";
import type { Model } from "../../runtime/machine/model.ts";
import { models } from "../../runtime/machine/models/index.ts";
import { mappings } from "../../runtime/machine/page-table.ts";
import { getCpu, setCpu } from "../../runtime/machine/state.ts";
import { writableAndExecutable } from "../../runtime/machine/write-xor-execute.ts";
import {
	change,
	kill,
	type Protocol,
	planUpdate,
	query,
	ready,
	recover,
	run,
	stepPatcher,
	submit,
	type Transaction,
	type Update,
} from "../../runtime/patch/index.ts";
import { getPatcher, Life, type System, setPatcher } from "../../runtime/patch/system.ts";
import { spread } from "../extent.ts";
import { imageOf, modelNamed, protocolNamed, systemOf } from "../machines.ts";
import { begin, countsOf, hotSystem, runFor } from "../measure/hot-sites.ts";

const PATCHER = 0;

interface Killed {
	readonly system: System;
	readonly transaction: Transaction;
	/** Steps of the whole plan. */
	readonly length: number;
}

/** A patcher did `steps` steps of an update of both keys, with CPUs running after each, and died. */
function killedAfter(steps: number, protocol: Protocol, model: Model, seed = 1): Killed {
	const system = hotSystem({ protocol, model, fetch: "stale", seed });
	runFor(system, 150);
	expect(begin(system, { pick: "two", hook: "three" })).toBe(PATCHER);
	const { transaction, steps: all } = system.plans[PATCHER]!;
	kill(system, PATCHER);
	while (getPatcher(system.machine, PATCHER, Patcher.at) < steps) {
		setPatcher(system.machine, PATCHER, Patcher.active, Life.atWork);
		const able = ready(system, PATCHER);
		if (able) stepPatcher(system, PATCHER);
		kill(system, PATCHER);
		const end = runFor(system, 1 + ((steps * 7 + seed) % 13));
		if (end.kind === "trapped" || (end.kind === "stuck" && !able)) break;
	}
	return { system, transaction: transaction!, length: all.length };
}

const totals = (system: System): number[] => countsOf(system).map((counts) => counts.reduce((sum, n) => sum + n, 0));

/** What CPUs do while nobody patches: all go on, some wait, or one trapped. */
function aftermath(system: System): "runs" | "waits" | "breaks" {
	const before = totals(system);
	const end = runFor(system, 700);
	if (system.machine.cores.some(({ id }) => getCpu(system.machine, id, Cpu.status) === Status.trapped)) return "breaks";
	if (end.kind !== "limit") return "waits";
	return totals(system).every((total, cpu) => total > before[cpu]!) ? "runs" : "waits";
}

/** Everything that an update leaves behind, with `side` of every edit in place. */
function expectSettled({ system, transaction }: Killed, side: "old" | "bytes"): void {
	const { machine } = system;
	for (const edit of [...transaction.edits, ...transaction.words])
		expect([...readVirtual(machine, 0, edit.address, edit.bytes.length)!]).toEqual([...edit[side]]);
	expect([Global.lock, Global.armed, Global.window].map((word) => machine.words[word])).toEqual([0, 0, 0]);
	expect(codeInFlux(system), "nobody sees old code").toBe(false);
	for (const { id } of machine.cores) {
		expect(getCpu(machine, id, Cpu.status)).toBe(Status.running);
		expect(getCpu(machine, id, Cpu.pending)).toBe(0);
	}
	const text = mappings(machine).filter(({ address }) =>
		transaction.edits.some((edit) => edit.address >> 12 === address >> 12),
	);
	expect(text.length).toBeGreaterThan(0);
	for (const page of text) expect(page).toMatchObject({ r: true, w: false, x: true });
	expect(writableAndExecutable(machine)).toBeUndefined();
}

function codeInFlux({ machine }: System): boolean {
	const first = machine.layout.histories >> 2;
	const spaces = Array.from(
		{ length: machine.words[Global.histories]! },
		(_, i) => machine.words[first + i * machine.layout.historyWords],
	);
	return spaces.includes(CODE);
}

/** From here on only these results come, but for one call of each CPU that was under way. */
function expectOnly(system: System, results: readonly number[]): void {
	const before = countsOf(system);
	expect(runFor(system, 600)).toEqual({ kind: "limit" });
	for (const [cpu, counts] of countsOf(system).entries()) {
		const wrong = counts.filter((_, result) => !results.includes(result)).reduce((a, b) => a + b, 0);
		const wrongBefore = before[cpu]!.filter((_, result) => !results.includes(result)).reduce((a, b) => a + b, 0);
		expect(wrong - wrongBefore).toBeLessThanOrEqual(2);
		expect(counts.reduce((a, b) => a + b, 0)).toBeGreaterThan(before[cpu]!.reduce((a, b) => a + b, 0));
	}
}

/** Where a protocol claims to hold, and what happens after its patcher died in the middle. */
const cases: readonly { protocol: string; models: readonly string[]; after: readonly string[] }[] = [
	{ protocol: "breakpoint", models: models.map(({ name }) => name), after: ["runs"] },
	{ protocol: "stop-machine", models: ["x86", "arm"], after: ["runs", "waits"] },
	{ protocol: "unmap-write-map", models: ["x86", "arm"], after: ["runs", "waits"] },
	{ protocol: "rw-flip", models: ["x86", "arm"], after: ["runs", "waits"] },
	{ protocol: "spin-jump", models: ["ideal"], after: ["runs", "waits"] },
	// A stale fetch takes a CPU out of the jump to itself.
	{ protocol: "spin-jump", models: ["amd-quad"], after: ["runs"] },
	{ protocol: "aligned-store", models: ["amd-quad", "ideal"], after: ["runs"] },
];

describe.each(cases)("$protocol", ({ protocol: name, models: names, after }) => {
	const protocol = protocolNamed(name);

	test.each(spread(names, 12))("%s, killed after every step", (model) => {
		const { length } = killedAfter(0, protocol, modelNamed(model));
		const seen = new Set<string>();
		for (let steps = 0; steps < length; steps++) {
			// Long plans take turns: what differs between two neighbours is one more cache operation.
			const both = ["finish", "rollback"] as const;
			for (const how of length < 80 ? both : [both[steps % 2]!]) {
				const killed = killedAfter(steps, protocol, modelNamed(model), 1 + steps);
				const { system } = killed;
				seen.add(aftermath(system));
				expect(recover(system, how)).toEqual({ patchers: 1, ended: undefined });
				expectSettled(killed, how === "finish" ? "bytes" : "old");
				expect([query(system, "pick"), query(system, "hook")]).toEqual(
					how === "finish" ? ["two", "three"] : ["one", null],
				);
				expectOnly(system, how === "finish" ? [2, 3] : [0, 1]);
			}
		}
		expect([...seen].sort()).toEqual(after);
	});
});

test.each(["naive", "naive-sync"])("%s: what dies in the middle may break the program at once", (name) => {
	const { length } = killedAfter(0, protocolNamed(name), modelNamed("x86"));
	const seen = new Set<string>();
	for (let steps = 0; steps < length; steps++)
		seen.add(aftermath(killedAfter(steps, protocolNamed(name), modelNamed("x86")).system));
	expect(seen).toContain("breaks");
});

test("a recovery can die, too, and the next one goes the way it is told", () => {
	const protocol = protocolNamed("breakpoint");
	for (const [first, second] of [
		["rollback", "rollback"],
		["rollback", "finish"],
		["finish", "rollback"],
	] as const) {
		const killed = killedAfter(20, protocol, modelNamed("arm"));
		const { system } = killed;
		setCpu(system.machine, 0, Cpu.masked, 1);
		setCpu(system.machine, 0, Cpu.status, Status.idle);
		expect(recover(system, first, 2000).ended, "CPU 0 sleeps and does not answer").toEqual({ kind: "limit" });
		kill(system, PATCHER);
		setCpu(system.machine, 0, Cpu.masked, 0);
		setCpu(system.machine, 0, Cpu.status, Status.running);
		recover(system, second);
		expectSettled(killed, second === "finish" ? "bytes" : "old");
	}
});

describe("others, while a dead patcher holds the lock", () => {
	const image = imageOf(`
		.global main, spinner
		.static_call pick, one
		.set UPDATE, 8
		.type main, @function
	main:	movi	r0, __SCK__pick
		movi	r1, two
		ecall	UPDATE
		call	__SCT__pick
		mov	r8, r0
		hlt
		.type spinner, @function
	spinner:
		call	__SCT__pick
		jmp	spinner
		.type one, @function
	one:	movi	r0, 1
		ret
		.type two, @function
	two:	movi	r0, 2
		ret`);

	test.each(["finish", "rollback"] as const)("a CPU that waits for its own update goes on: %s", (how) => {
		const system = systemOf(image, { entries: ["main", "spinner"], model: modelNamed("x86"), fetch: "stale" });
		for (let i = 0; i < 60 && getPatcher(system.machine, PATCHER, Patcher.at) < 8; i++) runFor(system, 2);
		kill(system, PATCHER);
		expect(getCpu(system.machine, 0, Cpu.status)).toBe(Status.patching);
		expect(runFor(system, 500)).toEqual({ kind: "limit" });
		recover(system, how);
		runFor(system, 500);
		expect(getCpu(system.machine, 0, Cpu.status)).toBe(Status.halted);
		expect(system.machine.cores[0]!.r[8]).toBe(how === "finish" ? 2 : 1);
	});

	test("their requests wait until somebody recovers", () => {
		const system = systemOf(image, { entries: ["spinner", "main"], model: modelNamed("x86"), fetch: "stale" });
		setCpu(system.machine, 1, Cpu.status, Status.halted);
		submit(system, planUpdate(system, [change(image, "pick", "two")], system.protocol) as Update, 0);
		for (let i = 0; i < 60 && getPatcher(system.machine, PATCHER, Patcher.at) < 6; i++) runFor(system, 2);
		kill(system, PATCHER);
		setCpu(system.machine, 1, Cpu.status, Status.running);
		expect(runFor(system, 1000)).toEqual({ kind: "limit" });
		expect(getCpu(system.machine, 1, Cpu.status)).toBe(Status.patching);
		recover(system, "rollback");
		runFor(system, 1000);
		expect(getCpu(system.machine, 1, Cpu.status)).toBe(Status.halted);
		expect(query(system, "pick")).toBe("two");
	});

	test("nothing is dead, nothing is done", () => {
		const system = systemOf(image, { entries: ["spinner"] });
		kill(system, PATCHER);
		expect(recover(system, "finish")).toEqual({ patchers: 0, ended: undefined });
		expect(run(system, { cycles: 100 })).toEqual({ kind: "limit" });
	});
});
