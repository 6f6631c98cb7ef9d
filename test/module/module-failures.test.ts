// Every call of a module's loading that may fail, failed in turn: afterwards everything is as it was.

import { beforeEach, describe, expect, test, vi } from "vitest";
import { assemble } from "../../linker/compile/index.ts";
import type * as execmem from "../../runtime/execmem/execmem.ts";
import { AREA } from "../../runtime/execmem/memory-types.ts";
import { openExecmem } from "../../runtime/execmem/open-execmem.ts";
import { createModules, loadModule, type Modules } from "../../runtime/module/index.ts";
import { run } from "../../runtime/patch/index.ts";
import { imageOf, modelNamed, systemOf } from "../machines.ts";
import { stateOf } from "./module-memory.ts";

/** The call that fails, counted from 0, and the calls there were. */
const fault = vi.hoisted(() => ({ at: -1, calls: 0 }));

vi.mock("../../runtime/execmem/execmem.ts", async (original) => {
	const actual = await original<typeof execmem>();
	const injured = { ok: false, error: { kind: "out-of-memory", why: "a fault was injected" } };
	const failing =
		<A extends unknown[], R>(call: (...args: A) => R) =>
		(...args: A) =>
			fault.calls++ === fault.at ? injured : call(...args);
	const { execmemAlloc, execmemWrite, execmemFinish } = actual;
	return {
		...actual,
		execmemAlloc: failing(execmemAlloc),
		execmemWrite: failing(execmemWrite),
		execmemFinish: failing(execmemFinish),
	};
});

beforeEach(() => {
	fault.at = -1;
});

/** Pages: enough for a module on pages of its own, text twice. */
const SMALL = 16;

const program = imageOf(`
	.global main, other, __SCK__hook, __SCT__hook
	.static_call hook, null
	.type main, @function
main:	call __SCT__hook
	jmp main
	.type other, @function
other:	ret
`);
/** Has a piece of every kind of memory; its init makes the program call it. */
const module = assemble(
	`
	.type visit, @function
visit:	call other
	ret
	.rodata
	.word 1
	.data
	.word 2
	.section .data..ro_after_init, "aw"
	.word 3
	.section .init.data, "aw"
	.word 4
	.section .init.text, "ax"
	.type init, @function
init:	movi r0, __SCK__hook
	movi r1, visit
	ecall 8
	call other
	movi r0, 0
	ret
`,
	{ file: "every.s" },
);

const started = (memory: object, cycles: number, spare: number): Modules => {
	const options = { model: modelNamed("x86"), fetch: "stale", entries: ["main", "main"], spare } as const;
	const modules = createModules(openExecmem(systemOf(program, options), memory));
	if (cycles > 0) run(modules.system, { cycles });
	return modules;
};

/** What the loading said that failed and left no trace; undefined when it did not fail. */
function failureOf(modules: Modules, cycles: number): unknown {
	const before = stateOf(modules);
	const result = loadModule(modules, [module]);
	if ("name" in result) return undefined;
	expect(stateOf(modules)).toEqual(before);
	expect(run(modules.system, { cycles: cycles + 5_000 })).toEqual({ kind: "limit" });
	return result;
}

const places = [
	["near", { textPoke: false }],
	["far, with thunks", { textPoke: false, reserved: [{ start: AREA, end: 0x2000_0000 }] }],
] as const;

describe.each(places)("a module that is loaded %s", (_, memory) => {
	test.each([0, 200])("at cycle %i: each call fails in turn", (cycles) => {
		fault.calls = 0;
		expect(loadModule(started(memory, cycles, SMALL), [module])).toMatchObject({ name: "every" });
		const { calls } = fault;
		expect(calls).toBeGreaterThanOrEqual(3 * 6);
		for (let at = 0; at < calls; at++) {
			Object.assign(fault, { at, calls: 0 });
			expect(failureOf(started(memory, cycles, SMALL), cycles)).toEqual({ refused: "every: a fault was injected" });
		}
	});
});

test.each([
	["4 KiB", 1, { textPoke: false }],
	["2 MiB", AREA / 4096, {}],
] as const)("there is memory for one page of %s more each time", (_, step, memory) => {
	let refusals = 0;
	for (let spare = 0; failureOf(started(memory, 0, spare), 0) !== undefined; spare += step)
		expect(refusals++).toBeLessThan(9);
	expect(refusals).toBeGreaterThanOrEqual(4);
});
