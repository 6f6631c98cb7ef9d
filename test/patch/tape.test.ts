// Going through a run in both directions: wherever one comes from, a place on the tape is one state, byte for byte.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type FetchPolicy, views } from "../../runtime/machine/index.ts";
import { Global } from "../../runtime/machine/layout.ts";
import {
	byDefault,
	change,
	moves,
	record,
	restoreSystem,
	run,
	type System,
	saveSystem,
} from "../../runtime/patch/index.ts";
import { digestOf, imageOf, modelNamed, protocolNamed, systemOf } from "../machines.ts";

const image = imageOf(`
	.global main
	.static_call pick, one
	.type main, @function
main:	movi	r8, 0
again:	call	__SCT__pick
	addi	r9, r9, 1
	mov	r0, r9
	ecall	1
	ecall	4
	addi	r8, r8, 1
	cmpi	r8, 40
	jne	again
	ret
	.type one, @function
one:	movi	r0, 1
	ret
	.type two, @function
two:	movi	r0, 2
	ret
`);

function systemFor(model: string, fetch: FetchPolicy, seed = 1, updates = true): System {
	const system = systemOf(image, {
		entries: ["main", "main"],
		model: modelNamed(model),
		fetch,
		seed,
		protocol: protocolNamed("breakpoint"),
		histories: 64,
	});
	if (updates)
		for (const [i, to] of ["two", byDefault].entries())
			system.queue.push({ changes: [change(image, "pick", to)], cpu: undefined, clock: (100 + 90 * i) * 16 });
	return system;
}

const stateOf = ({ machine, output, counts, queue, firstRuns, line }: System): object =>
	structuredClone({ words: digestOf(machine), output, counts, queued: queue.length, firstRuns, line });

describe("a tape", () => {
	test("has one state at each place, however one comes there", () => {
		const places = fc.array(fc.integer({ min: 0, max: 1200 }), { minLength: 2, maxLength: 12 });
		fc.assert(
			fc.property(
				fc.constantFrom("x86", "arm"),
				fc.constantFrom<FetchPolicy>("fresh", "stale"),
				places,
				(model, fetch, to) => {
					const tape = record(systemFor(model, fetch), { every: 100, memory: 2 ** 22 });
					const known = new Map<number, object>();
					for (const place of to) {
						tape.goto(place);
						const state = stateOf(tape.system);
						expect(state).toEqual(known.get(tape.at) ?? state);
						known.set(tape.at, state);
					}
					const fresh = systemFor(model, fetch);
					expect(run(fresh)).toEqual(tape.goto(Number.POSITIVE_INFINITY));
					expect(stateOf(tape.system)).toEqual(stateOf(fresh));
				},
			),
			{ numRuns: 20 },
		);
	});

	test("goes step by step to what is asked for, and back", () => {
		const tape = record(systemFor("x86", "stale"), { every: 50 });
		expect(tape.until(({ machine }) => machine.words[Global.armed] !== 0)).toBe(true);
		const armed = tape.at;
		const state = stateOf(tape.system);
		tape.back(3);
		expect(tape.at).toBe(armed - 3);
		expect(tape.system.machine.words[Global.armed]).toBe(0);
		tape.goto(armed);
		expect(stateOf(tape.system)).toEqual(state);
		expect(tape.until(() => false)).toBe(false);
		expect(tape.end).toEqual({ kind: "halted" });
		expect(tape.at).toBe(tape.length);
	});

	test("keeps what was done by hand", () => {
		const tape = record(systemFor("x86", "fresh", 1, false), { every: 10 });
		tape.goto(30);
		tape.ask({ pick: "two" });
		expect(() => tape.ask({ pock: "two" })).toThrow("pock");
		for (let i = 0; i < 40; i++) {
			const possible = moves(tape.system);
			expect(tape.choose(possible[i % possible.length]!)).toBe(true);
		}
		const at = tape.at;
		const state = stateOf(tape.system);
		tape.goto(0);
		tape.goto(at);
		expect(stateOf(tape.system)).toEqual(state);
		const again = record(systemFor("x86", "fresh", 1, false), { chosen: tape.chosen });
		again.goto(at);
		expect(stateOf(again.system)).toEqual(state);
		expect(tape.goto(Number.POSITIVE_INFINITY)).toEqual({ kind: "halted" });
		expect(tape.system.counts.updates).toBe(1);
	});
});

describe("a saved system", () => {
	test("is not touched by what goes on", () => {
		const system = systemFor("arm", "random");
		run(system, { cycles: 150 });
		const saved = saveSystem(system);
		const state = stateOf(system);
		run(system);
		const end = stateOf(system);
		restoreSystem(system, saved);
		expect(stateOf(system)).toEqual(state);
		run(system);
		expect(stateOf(system)).toEqual(end);
		const other = systemFor("arm", "random", 7);
		restoreSystem(other, saved);
		expect(stateOf(other)).toEqual(state);
	});
});

describe("what a CPU may see", () => {
	test("is more than memory holds, as long as it did not serialize, and says how old it is", () => {
		const tape = record(systemFor("x86", "stale"));
		const site = image.sites[0]!.address;
		const seen = (cpu: number) => views(tape.system.machine, cpu, site, 1)[0]!;
		expect(seen(0).values).toEqual([{ value: seen(0).now, age: 0, by: "floor" }]);
		const old = seen(0).now;
		expect(tape.until(() => seen(0).now !== old)).toBe(true);
		expect(seen(1).values).toEqual([
			{ value: old, age: 1, by: "floor" },
			{ value: seen(1).now, age: 0, by: "floor" },
		]);
		tape.system.machine.fetches = [];
		tape.until(({ machine }) => machine.fetches!.length > 0);
		const [note] = tape.system.machine.fetches;
		expect(note).toMatchObject({ options: { length: 2 } });
		expect([0, 1]).toContain(note!.taken);
	});
});
