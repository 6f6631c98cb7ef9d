// Executable memory on a machine: what is refused and that it changes nothing, where pieces go, what a flush does for many,
// and code that is copied, called and gone. That the orders of steps are right is the checker's (fixtures/check/execmem).

import { describe, expect, test } from "vitest";
import { encode, R_TOY_CALL28 } from "../../linker/isa/index.ts";
import { openAreas } from "../../runtime/execmem/allocator.ts";
import {
	execmemAlloc,
	execmemFinish,
	execmemFlush,
	execmemFree,
	execmemTextAlloc,
	execmemWrite,
	executable,
	jitAlloc,
	jitFinalize,
	jitFree,
	jitMap,
	jitMapRwInPlace,
	jitTextAlloc,
	jitWrite,
	type Outcome,
	textCopy,
	textSet,
} from "../../runtime/execmem/execmem.ts";
import { freeBytes } from "../../runtime/execmem/frames.ts";
import { brokenInvariant } from "../../runtime/execmem/invariants.ts";
import { AREA, reachOf } from "../../runtime/execmem/memory-types.ts";
import { createExecmem, type Execmem, type ExecmemOptions } from "../../runtime/execmem/pieces.ts";
import { entryNamed, start } from "../../runtime/load.ts";
import { readVirtual } from "../../runtime/machine/memory.ts";
import { LARGE_PAGE } from "../../runtime/machine/page-entry.ts";
import { mappings } from "../../runtime/machine/page-table.ts";
import { PAGE } from "../../runtime/machine/state.ts";
import { run } from "../../runtime/patch/drive/run.ts";
import { imageOf, modelNamed, systemOf } from "../machines.ts";

const image = imageOf(
	`	.global main, seven
	.type main, @function
	.type seven, @function
main:	jmp main
seven:	movi r0, 7
	ret
	.type twice, @function
`,
	{ entry: "main" },
);
const CODE = Uint8Array.from([...encode("movi", { a: 0, imm: 42 }), ...encode("ret")]);
const BRK = encode("brk")[0]!;

function execmemOf(options: Partial<ExecmemOptions> & { readonly large?: number } = {}, model = "x86"): Execmem {
	const { large = 5, ...rest } = options;
	const system = systemOf(image, {
		model: modelNamed(model),
		entries: ["main", "main"],
		fetch: "stale",
		spare: (large + 1) * (LARGE_PAGE / PAGE),
	});
	const text = { start: image.segments[0]!.address, end: image.segments[0]!.address + PAGE };
	return createExecmem(system, {
		near: reachOf(text),
		anywhere: { start: AREA, end: 0x6000_0000 },
		reserved: [text],
		...rest,
	});
}

function given<T>(outcome: Outcome<T>): T {
	if (!outcome.ok) throw new Error(outcome.error.why);
	return outcome;
}

/** All that a call could change: the machine to the byte, and what the execmem knows. */
function stateOf(execmem: Execmem): unknown {
	const { allocator, pieces, handles, frames, counts, system } = execmem;
	const known = { areas: openAreas(allocator), pieces: [...pieces], handles: [...handles], free: frames.free, counts };
	return [Buffer.from(system.machine.bytes).toString("latin1"), JSON.stringify(known)];
}

describe("what is refused changes nothing", () => {
	const cases: Record<string, (execmem: Execmem) => { readonly now: () => Outcome }> = {
		"zero-size": (execmem) => ({ now: () => execmemAlloc(execmem, { type: "text", bytes: 0 }) }),
		"too-large": (execmem) => ({ now: () => execmemAlloc(execmem, { type: "text", bytes: 2 ** 31 }) }),
		"no-room": (execmem) => ({ now: () => execmemAlloc(execmem, { type: "text", bytes: 7 * LARGE_PAGE }) }),
		"bad-alignment": (execmem) => ({ now: () => execmemAlloc(execmem, { type: "text", bytes: 8, align: 3 }) }),
		"unknown-node": (execmem) => ({ now: () => execmemAlloc(execmem, { type: "text", bytes: 8, node: 9 }) }),
		"unknown-address": (execmem) => ({ now: () => execmemFree(execmem, 0x1234_5000) }),
		"inside-piece": (execmem) => {
			const { address } = given(execmemTextAlloc(execmem, 256));
			return { now: () => execmemFree(execmem, address + 64) };
		},
		overlapping: (execmem) => {
			const { address } = given(execmemTextAlloc(execmem, 256));
			return { now: () => execmemFree(execmem, address, 300) };
		},
		"double-free": (execmem) => {
			const { address } = given(execmemTextAlloc(execmem, 256));
			given(execmemFree(execmem, address));
			return { now: () => execmemFree(execmem, address) };
		},
		"write-after-finish": (execmem) => {
			const { address } = given(execmemTextAlloc(execmem, 256));
			given(execmemFinish(execmem, address));
			return { now: () => execmemWrite(execmem, address, CODE) };
		},
		"outside-piece": (execmem) => {
			const { address } = given(execmemTextAlloc(execmem, 16));
			return { now: () => execmemWrite(execmem, address, CODE, 12) };
		},
		"finished-twice": (execmem) => {
			const { address } = given(execmemTextAlloc(execmem, 256));
			given(execmemFinish(execmem, address));
			return { now: () => execmemFinish(execmem, address) };
		},
		"not-finished": (execmem) => {
			const { address } = given(execmemTextAlloc(execmem, 256));
			return { now: () => executable(execmem, address) };
		},
		"not-executable": (execmem) => {
			const { address } = given(execmemAlloc(execmem, { type: "data", bytes: 256 }));
			given(execmemFinish(execmem, address));
			return { now: () => executable(execmem, address) };
		},
		"mapped-twice": (execmem) => {
			const { handle } = given(jitAlloc(execmem, 100));
			given(jitMap(execmem, handle));
			return { now: () => jitMap(execmem, handle) };
		},
		"finalized-twice": (execmem) => {
			const { address } = given(jitMapRwInPlace(execmem, 100));
			given(jitFinalize(execmem, address));
			return { now: () => jitFinalize(execmem, address) };
		},
		"wrong-use": (execmem) => {
			const { address } = given(jitAlloc(execmem, 100));
			return { now: () => jitFinalize(execmem, address) };
		},
		"out-of-reach": (execmem) => {
			const { address } = given(execmemTextAlloc(execmem, 100));
			const fixup = { offset: 1, type: R_TOY_CALL28, target: address + 2 ** 28, addend: -4 };
			return { now: () => textCopy(execmem, address, encode("call"), [fixup]) };
		},
	};

	test.each(Object.entries(cases))("%s", (kind, prepare) => {
		const execmem = execmemOf();
		const { now } = prepare(execmem);
		const before = stateOf(execmem);
		expect(now()).toMatchObject({ ok: false, error: { kind } });
		expect(stateOf(execmem)).toEqual(before);
		expect(brokenInvariant(execmem)).toBeUndefined();
	});

	test("a handle that is gone names nothing", () => {
		const execmem = execmemOf();
		const { handle, address } = given(jitAlloc(execmem, 100));
		given(jitFree(execmem, address));
		expect(jitWrite(execmem, handle, CODE)).toMatchObject({ error: { kind: "unknown-address" } });
		expect(jitMap(execmem, handle)).toMatchObject({ error: { kind: "unknown-address" } });
	});

	test("frames that are too scattered for a large page", () => {
		const execmem = execmemOf({ large: 1 });
		const small = Array.from({ length: 600 }, () => given(jitAlloc(execmem, PAGE)).address);
		for (const [i, address] of small.entries()) if (i % 2 === 0) given(execmemFree(execmem, address));
		given(execmemFlush(execmem));
		const before = JSON.stringify(execmem.frames);
		expect(execmemTextAlloc(execmem, 64)).toMatchObject({ error: { kind: "out-of-memory" } });
		expect(JSON.stringify(execmem.frames)).toEqual(before);
		expect(brokenInvariant(execmem)).toBeUndefined();
		for (const [i, address] of small.entries()) if (i % 2 === 1) given(execmemFree(execmem, address));
		given(execmemFlush(execmem));
		expect(given(execmemTextAlloc(execmem, 64)).address).toBeGreaterThan(0);
	});
});

describe("where pieces go", () => {
	test("text is near, and a compiler's text is not", () => {
		const execmem = execmemOf();
		const { near } = execmem.options;
		const isNear = ({ address }: { address: number }): boolean => address >= near.start && address < near.end;
		expect(isNear(given(jitTextAlloc(execmem, 100)))).toBe(false);
		expect(isNear(given(execmemTextAlloc(execmem, 100)))).toBe(true);
	});

	test("a thousand small texts share one large page, and leave it whole", () => {
		const execmem = execmemOf();
		const { machine } = execmem.system;
		const texts = Array.from({ length: 1000 }, () => given(execmemTextAlloc(execmem, 100)).address);
		for (const address of texts) given(execmemWrite(execmem, address, CODE));
		for (const address of texts) given(execmemFinish(execmem, address));
		const pages = (): unknown[] => mappings(machine).filter(({ large }) => large);
		expect(pages()).toHaveLength(1);
		for (const address of texts.slice(1)) given(execmemFree(execmem, address));
		given(execmemFlush(execmem));
		expect(pages()).toHaveLength(1);
		expect(readVirtual(machine, 0, texts[0]!, CODE.length)).toEqual(CODE);
		expect(brokenInvariant(execmem)).toBeUndefined();
	});

	test("without text_poke every text has pages of its own", () => {
		const execmem = execmemOf({ textPoke: false });
		const texts = [1, 2, 3].map(() => given(execmemTextAlloc(execmem, 100)).address);
		expect(texts.every((address) => address % PAGE === 0)).toBe(true);
		expect(executable(execmem, texts[0]!)).toMatchObject({ error: { kind: "not-finished" } });
		given(execmemWrite(execmem, texts[0]!, CODE));
		given(execmemFinish(execmem, texts[0]!));
		const rights = mappings(execmem.system.machine).filter(({ address }) => texts.includes(address));
		expect(rights.map(({ r, w, x }) => [r, w, x].map(Number).join(""))).toEqual(["101", "110", "110"]);
	});
});

describe("freeing", () => {
	test.each(["x86", "arm", "riscv"])("one shootdown gives back what many had, on %s", (model) => {
		const execmem = execmemOf({ lazy: 1000 }, model);
		const all = freeBytes(execmem.frames);
		run(execmem.system, { cycles: 100 });
		const pieces = Array.from({ length: 40 }, (_, i) =>
			given(i % 2 === 0 ? execmemTextAlloc(execmem, 100) : jitMapRwInPlace(execmem, 100)),
		);
		for (const { address } of pieces) given(execmemWrite(execmem, address, CODE));
		for (const { address } of pieces) given(execmemFree(execmem, address));
		const { syncs } = execmem.system.counts;
		given(execmemFlush(execmem));
		expect(execmem.counts).toMatchObject({ shootdowns: 1, freed: 40 });
		expect(execmem.system.counts.syncs - syncs).toBe(2);
		expect(freeBytes(execmem.frames)).toBe(all);
		expect(openAreas(execmem.allocator)).toEqual([]);
		expect(brokenInvariant(execmem)).toBeUndefined();
	});

	test("what is freed is breakpoints at once, and anybody's after the flush", () => {
		const execmem = execmemOf();
		const { machine } = execmem.system;
		const keep = given(execmemTextAlloc(execmem, 64)).address;
		const { address } = given(execmemTextAlloc(execmem, 64));
		given(execmemWrite(execmem, address, CODE));
		given(execmemFree(execmem, address));
		expect(readVirtual(machine, 0, address, 7)).toEqual(new Uint8Array(7).fill(BRK));
		expect(given(execmemTextAlloc(execmem, 64)).address).not.toBe(address);
		given(execmemFlush(execmem));
		expect(given(execmemTextAlloc(execmem, 64)).address).toBe(address);
		expect(keep).toBeLessThan(address);
	});

	test("memory that is used up is found in what was freed and not flushed yet", () => {
		const execmem = execmemOf({ large: 1, lazy: 1000 });
		const { address } = given(execmemTextAlloc(execmem, LARGE_PAGE));
		expect(jitTextAlloc(execmem, LARGE_PAGE)).toMatchObject({ error: { kind: "out-of-memory" } });
		given(execmemFree(execmem, address));
		given(jitTextAlloc(execmem, LARGE_PAGE));
		expect(execmem.counts.shootdowns).toBe(1);
	});
});

describe("code that is copied", () => {
	test("calls what it is relocated for, from where it lies", () => {
		const execmem = execmemOf();
		const { system } = execmem;
		const { address } = given(execmemTextAlloc(execmem, 64));
		const code = Uint8Array.from([...encode("call"), ...encode("addi", { a: 0, b: 0, imm: 1 }), ...encode("ret")]);
		const target = entryNamed(image, "seven");
		given(textSet(execmem, address, 32, 32, encode("nop")[0]!));
		given(textCopy(execmem, address, code, [{ offset: 1, type: R_TOY_CALL28, target, addend: -4 }]));
		given(execmemFinish(execmem, address));
		expect(executable(execmem, address)).toEqual({ ok: true });
		start(system.machine, 1, address);
		run(system, { cycles: 1000 });
		expect(system.machine.cores[1]!.r[0]).toBe(8);
	});
});
