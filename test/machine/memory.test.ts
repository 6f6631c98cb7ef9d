// Page tables, TLBs and physical memory: who may reach what, and what a CPU may still believe about it.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encode, Stop } from "../../linker/isa/index.ts";
import { CODE, historyOf } from "../../runtime/machine/histories.ts";
import { Cpu, Status } from "../../runtime/machine/layout.ts";
import { copyMachine } from "../../runtime/machine/machine.ts";
import { isText, readVirtual, writePhysical } from "../../runtime/machine/memory.ts";
import { LARGE_PAGE } from "../../runtime/machine/page-entry.ts";
import {
	aliasOf,
	extentOf,
	mapPages,
	mappings,
	permits,
	physicalIn,
	protectPages,
	protectText,
	translate,
	unmapPages,
} from "../../runtime/machine/page-table.ts";
import { advance, flush } from "../../runtime/machine/run.ts";
import { getCpu, type Machine, PAGE, setCpu, takeFrames } from "../../runtime/machine/state.ts";
import { writableAndExecutable } from "../../runtime/machine/write-xor-execute.ts";
import { bareMachine, mapFresh, modelNamed, putCode, R, RW, RX } from "../machines.ts";

const NONE = { r: false, w: false, x: false };

/** CPU 0 runs at `pc`; what is not said stays as it was. */
function runAt(machine: Machine, pc: number, cpu = 0): void {
	setCpu(machine, cpu, Cpu.pc, pc);
	setCpu(machine, cpu, Cpu.status, Status.running);
}

/** Steps a CPU once and says what stopped it. */
function stepOf(machine: Machine, cpu = 0): [stop: number, value: number] {
	const stop = advance(machine, cpu, 1);
	return [stop, stop === Stop.none ? 0 : getCpu(machine, cpu, Cpu.stopValue) >>> 0];
}

describe("old entries", () => {
	/** A page that CPUs may have seen at `from` and that is at `to` now; frames are filled with ones and twos. */
	function moved(): { readonly machine: Machine; readonly from: number; readonly to: number } {
		const machine = bareMachine();
		for (const cpu of [0, 1]) setCpu(machine, cpu, Cpu.status, Status.running);
		const from = mapFresh(machine, 0x5000, PAGE, RW);
		const to = takeFrames(machine, PAGE);
		machine.memory.fill(1, from, from + PAGE);
		machine.memory.fill(2, to, to + PAGE);
		mapPages(machine, 0, 0x5000, to, PAGE, RW);
		return { machine, from, to };
	}

	test.each([0, 1])("a word inside a page comes from one of them (answer %i)", (answer) => {
		const { machine } = moved();
		machine.oracle.answers.push(answer);
		expect(machine.cores[0]!.load32(0x5004)).toBe(0x01010101 * (answer + 1));
		expect(machine.oracle.options).toEqual([2]);
	});

	test("a store inside a page goes to one of them whole", () => {
		const { machine, from, to } = moved();
		machine.oracle.answers.push(0);
		machine.cores[0]!.store32(0x5004, 0x07070707);
		expect([...machine.memory.subarray(from + 4, from + 8)]).toEqual([7, 7, 7, 7]);
		expect([...machine.memory.subarray(to + 4, to + 8)]).toEqual([2, 2, 2, 2]);
	});

	test("a word across two pages uses an entry of each", () => {
		const { machine } = moved();
		mapPages(machine, 0, 0x6000, takeFrames(machine, PAGE), PAGE, RW);
		machine.oracle.answers.push(0);
		expect(machine.cores[0]!.load32(0x5ffe)).toBe(0x0101);
		expect(machine.oracle.options).toEqual([2]);
	});

	test("an absence is held by nobody: before and behind it CPUs see the same as without it", () => {
		const { machine, from, to } = moved();
		unmapPages(machine, 0, 0x5000, PAGE);
		flush(machine, 0);
		mapPages(machine, 0, 0x5000, to, PAGE, R);
		expect(translate(machine, 0, 0x5000, "r")).toBe(to);
		expect(translate(machine, 1, 0x5000, "r")).toBe(from);
		const { oracle } = machine;
		oracle.answers.push(0, 1, 2, 3);
		oracle.options.length = 0;
		translate(machine, 1, 0x5000, "r");
		expect(oracle.options).toEqual([3]);
	});
});

describe("mapping", () => {
	test("addresses go to their frames, with the rights of their page", () => {
		const machine = bareMachine();
		const physical = mapFresh(machine, 0x5000, 2 * PAGE, RW);
		expect(translate(machine, 0, 0x6004, "w")).toBe(physical + PAGE + 4);
		expect(translate(machine, 0, 0x6004, "x")).toBe(-1);
		expect(translate(machine, 0, 0x7000, "r")).toBe(-1);
		expect(translate(machine, 0, 0x4fff, "r")).toBe(-1);
		expect(mappings(machine).map(({ address, r, w, x }) => [address, r, w, x])).toEqual([
			[0x5000, true, true, false],
			[0x6000, true, true, false],
		]);
	});

	test("the highest page of memory is like the others", () => {
		const machine = bareMachine();
		const physical = mapFresh(machine, 0xffff_f000, PAGE, RW);
		expect(translate(machine, 0, 0xffff_fffc, "r")).toBe(physical + 0xffc);
		const core = machine.cores[0]!;
		core.store32(0xffff_fffc | 0, 77);
		expect(core.load32(-4)).toBe(77);
	});

	test.each<[string, () => void, string]>([
		["w and x", () => mapFresh(bareMachine(), 0x1000, PAGE, { r: true, w: true, x: true }), "writable and executable"],
		["an unaligned address", () => mapPages(bareMachine(), 0, 0x1010, 0, PAGE, RX), "not aligned to a page of 4096"],
		["an unaligned large page", () => mapPages(bareMachine(), 0, 0x1000, 0, LARGE_PAGE, RX, true), "2097152"],
		["a full table", () => mapFresh(bareMachine({ entries: 1 }), 0x1000, 2 * PAGE), "page table full: 1 entries"],
		["no frames", () => takeFrames(bareMachine({ memory: PAGE }), 2 * PAGE), "out of physical memory: 2 pages"],
	])("%s is refused", (_, act, message) => {
		expect(act).toThrow(message);
	});

	test("protecting or unmapping what is not mapped does nothing", () => {
		const machine = bareMachine();
		const before = machine.words.slice();
		protectPages(machine, 0, 0x1000, 4 * PAGE, R);
		unmapPages(machine, 0, 0x1000, 4 * PAGE);
		expect(machine.words.every((word, i) => word === before[i])).toBe(true);
	});
});

describe("pages of 2 MiB", () => {
	const large = (): Machine => {
		const machine = bareMachine({ memory: 2 * LARGE_PAGE });
		mapPages(machine, 0, LARGE_PAGE, LARGE_PAGE, LARGE_PAGE, RX, true);
		return machine;
	};

	test("one entry maps all of it", () => {
		const machine = large();
		expect(mappings(machine)).toHaveLength(1);
		expect(translate(machine, 0, LARGE_PAGE + 0x12345, "x")).toBe(LARGE_PAGE + 0x12345);
		expect(translate(machine, 0, 2 * LARGE_PAGE, "x")).toBe(-1);
		expect(extentOf(machine, 0, LARGE_PAGE + 0x12345)).toEqual({ physical: LARGE_PAGE, bytes: LARGE_PAGE });
		expect(isText(machine, 2 * LARGE_PAGE - 1)).toBe(true);
		expect(isText(machine, 0)).toBe(false);
	});

	test("code runs across its 4 KiB boundaries", () => {
		const machine = large();
		const at = LARGE_PAGE + 0x1ffd;
		putCode(machine, at, encode("movi", { a: 1, imm: 0x12345678 }), encode("hlt"));
		runAt(machine, at);
		expect(advance(machine, 0, 1e6)).toBe(Stop.halt);
		expect(machine.cores[0]!.r[1]).toBe(0x12345678);
	});

	test("rights change for the whole page, whichever part was named", () => {
		const machine = large();
		protectPages(machine, 0, LARGE_PAGE + 3 * PAGE, PAGE, R);
		expect(permits(machine, 0, LARGE_PAGE, "x")).toBe(false);
		expect(permits(machine, 0, 2 * LARGE_PAGE - 1, "x")).toBe(false);
	});

	test("a small page inside of it comes first", () => {
		const machine = large();
		mapPages(machine, 0, LARGE_PAGE + PAGE, 0, PAGE, RW);
		expect(translate(machine, 0, LARGE_PAGE + PAGE, "w")).toBe(0);
		expect(translate(machine, 0, LARGE_PAGE + 2 * PAGE, "x")).toBe(LARGE_PAGE + 2 * PAGE);
	});
});

describe("address spaces and aliases", () => {
	test("a CPU sees its own space", () => {
		const machine = bareMachine();
		const first = mapFresh(machine, 0x1000, PAGE, RW, 0);
		const second = mapFresh(machine, 0x1000, PAGE, RW, 1);
		setCpu(machine, 1, Cpu.space, 1);
		machine.cores[0]!.store32(0x1000, 10);
		machine.cores[1]!.store32(0x1000, 20);
		expect([machine.memory[first], machine.memory[second]]).toEqual([10, 20]);
		expect([machine.cores[0]!.load32(0x1000), machine.cores[1]!.load32(0x1000)]).toEqual([10, 20]);
		expect(translate(machine, 0, 0x1000, "x")).toBe(-1);
	});

	test("a store through an alias is a store to the text that others execute", () => {
		const machine = bareMachine({ fetch: "fresh" });
		const physical = mapFresh(machine, 0x1000, PAGE, RX);
		putCode(machine, physical, encode("movi", { a: 1, imm: 1 }), encode("hlt"));
		const run = (): number => {
			runAt(machine, 0x1000);
			advance(machine, 0, 1e6);
			return machine.cores[0]!.r[1]!;
		};
		expect(run()).toBe(1);
		mapPages(machine, 1, 0x9000, physical, PAGE, RW);
		setCpu(machine, 1, Cpu.space, 1);
		machine.cores[1]!.store8(0x9002, 2);
		expect(run()).toBe(2);
	});

	test("rights of text change in every mapping of it, and nowhere else", () => {
		const machine = bareMachine();
		const physical = mapFresh(machine, 0x1000, 2 * PAGE, RX);
		mapPages(machine, 1, 0x8000, physical, PAGE, RX);
		mapPages(machine, 0, 0x3000, physical, PAGE, R);
		protectText(machine, physical, 1, NONE);
		const executable = [permits(machine, 0, 0x1000, "x"), permits(machine, 1, 0x8000, "x")];
		expect(executable).toEqual([false, false]);
		expect(permits(machine, 0, 0x2000, "x"), "the next page").toBe(true);
		expect(permits(machine, 0, 0x3000, "r"), "a mapping that never was executable").toBe(true);
		protectText(machine, physical, 1, RX);
		expect([permits(machine, 0, 0x1000, "x"), permits(machine, 1, 0x8000, "x")]).toEqual([true, true]);
	});
});

describe("stores and loads of the program", () => {
	test("cross pages, and a store that faults changes nothing", () => {
		const machine = bareMachine();
		mapFresh(machine, 0x1000, PAGE, RW);
		const core = machine.cores[0]!;
		core.store32(0x1ffe, 0x11223344);
		expect([core.stop, core.stopValue]).toEqual([Stop.storeFault, 0x2000]);
		expect([...readVirtual(machine, 0, 0x1ffe, 2)!]).toEqual([0, 0]);
		core.stop = Stop.none;
		expect(core.load32(0x1fff)).toBe(0);
		expect([core.stop, core.stopValue]).toEqual([Stop.loadFault, 0x2000]);
		core.stop = Stop.none;
		mapFresh(machine, 0x2000, PAGE, RW);
		core.store32(0x1ffe, 0x11223344);
		expect([core.stop, core.load32(0x1ffe)]).toEqual([Stop.none, 0x11223344]);
	});

	test("agree with memory at any address, cached or not", () => {
		fc.assert(
			fc.property(
				fc.array(fc.tuple(fc.nat(2 * PAGE - 4), fc.integer(), fc.boolean()), { maxLength: 30 }),
				(accesses) => {
					const machine = bareMachine({ memory: 2 * PAGE });
					mapFresh(machine, 0x4000, 2 * PAGE, RW);
					const plain = new DataView(new ArrayBuffer(2 * PAGE));
					const core = machine.cores[0]!;
					for (const [at, value, word] of accesses) {
						if (word) core.store32(0x4000 + at, value);
						else core.store8(0x4000 + at, value);
						if (word) plain.setInt32(at, value, true);
						else plain.setInt8(at, value);
						expect(core.load32(0x4000 + at)).toBe(plain.getInt32(at, true));
						expect(core.load8(0x4000 + at)).toBe(plain.getUint8(at));
					}
				},
			),
			{ numRuns: 100 },
		);
	});

	test("to text are atomic within an aligned 8 bytes, and split where they cross", () => {
		const machine = bareMachine({ model: modelNamed("amd-quad") });
		const physical = mapFresh(machine, 0x1000, PAGE, RX);
		setCpu(machine, 1, Cpu.status, Status.running);
		mapPages(machine, 1, 0x9000, physical, PAGE, RW);
		setCpu(machine, 0, Cpu.space, 1);
		const versions = (unit: number): number | undefined => {
			const index = historyOf(machine, CODE, physical + unit);
			return index === undefined
				? undefined
				: machine.words[(machine.layout.histories >> 2) + index * machine.layout.historyWords + 2];
		};
		machine.cores[0]!.store32(0x9002, -1);
		expect(versions(0)).toBe(2);
		machine.cores[0]!.store32(0x900e, -1);
		expect([versions(8), versions(16)]).toEqual([2, 2]);
	});
});

describe("TLBs", () => {
	/** A page that CPU 1 may believe to be executable still. */
	const unmapped = (): Machine => {
		const machine = bareMachine();
		const physical = mapFresh(machine, 0x1000, PAGE, RX);
		putCode(machine, physical, encode("nop"), encode("hlt"));
		for (const cpu of [0, 1]) runAt(machine, 0x1000, cpu);
		protectPages(machine, 0, 0x1000, PAGE, R);
		return machine;
	};

	test("a CPU may execute in a page that is gone, until it flushes", () => {
		const machine = unmapped();
		machine.oracle.answers.push(0);
		expect(stepOf(machine, 1)).toEqual([Stop.none, 0]);
		runAt(machine, 0x1000, 1);
		machine.oracle.answers.splice(0, 1, 1);
		machine.oracle.options.length = 0;
		expect(stepOf(machine, 1), "or see the present").toEqual([Stop.fetchFault, 0x1000]);
		flush(machine, 1);
		runAt(machine, 0x1000, 1);
		machine.oracle.answers.length = 0;
		machine.oracle.options.length = 0;
		expect(stepOf(machine, 1)).toEqual([Stop.fetchFault, 0x1000]);
		expect(machine.oracle.options, "nothing left to choose").toEqual([]);
	});

	test("a new mapping is seen at once: what is absent is not cached", () => {
		const machine = bareMachine();
		runAt(machine, 0x1000);
		expect(stepOf(machine)).toEqual([Stop.fetchFault, 0x1000]);
		putCode(machine, mapFresh(machine, 0x1000, PAGE), encode("nop"));
		runAt(machine, 0x1000);
		expect(stepOf(machine)).toEqual([Stop.none, 0]);
	});

	test("data, too, goes where the stale entry says", () => {
		const machine = bareMachine({ fetch: "stale", seed: 3 });
		const old = mapFresh(machine, 0x1000, PAGE, RW);
		const now = takeFrames(machine, PAGE);
		for (const cpu of [0, 1]) setCpu(machine, cpu, Cpu.status, Status.running);
		machine.cores[0]!.store32(0x1000, 1);
		mapPages(machine, 0, 0x1000, now, PAGE, RW);
		machine.memory[now] = 2;
		const seen = new Set(Array.from({ length: 50 }, () => machine.cores[0]!.load32(0x1000)));
		expect(seen).toEqual(new Set([1, 2]));
		flush(machine, 0);
		flush(machine, 1);
		expect(machine.cores[0]!.load32(0x1000)).toBe(2);
		expect(machine.memory[old]).toBe(1);
	});
});

describe("W^X", () => {
	test("an alias that may be written while the text may be executed is found", () => {
		const machine = bareMachine();
		const physical = mapFresh(machine, 0x1000, PAGE, RX);
		setCpu(machine, 1, Cpu.status, Status.running);
		expect(writableAndExecutable(machine)).toBeUndefined();
		mapPages(machine, 1, 0x9000, physical, PAGE, RW);
		expect(writableAndExecutable(machine)).toBe(physical);
		unmapPages(machine, 1, 0x9000, PAGE);
		expect(writableAndExecutable(machine), "some TLB may hold it").toBe(physical);
		for (const cpu of [0, 1]) flush(machine, cpu);
		expect(writableAndExecutable(machine)).toBeUndefined();
	});

	test("a CPU whose TLB is old executes what others may write already", () => {
		const machine = bareMachine();
		const physical = mapFresh(machine, 0x1000, PAGE, RX);
		setCpu(machine, 1, Cpu.status, Status.running);
		protectPages(machine, 0, 0x1000, PAGE, RW);
		expect(writableAndExecutable(machine)).toBe(physical);
		flush(machine, 1);
		expect(writableAndExecutable(machine)).toBeUndefined();
		protectPages(machine, 0, 0x1000, PAGE, RX);
		expect(writableAndExecutable(machine), "and the other way round").toBe(physical);
	});

	test("a large page and a small one that share a frame are seen together", () => {
		const machine = bareMachine({ memory: 2 * LARGE_PAGE });
		mapPages(machine, 0, LARGE_PAGE, LARGE_PAGE, LARGE_PAGE, RX, true);
		mapPages(machine, 1, 0x1000, LARGE_PAGE + 5 * PAGE, PAGE, RW);
		expect(writableAndExecutable(machine)).toBe(LARGE_PAGE + 5 * PAGE);
	});
});

test("the patcher's alias reaches text whatever its page permits", () => {
	const machine = bareMachine();
	const physical = mapFresh(machine, 0x1000, PAGE, RX);
	protectText(machine, physical, PAGE, NONE);
	expect(physicalIn(machine, 0, 0x1008)).toBe(-1);
	expect(aliasOf(machine, 0, 0x1008)).toBe(physical + 8);
	expect(() => aliasOf(machine, 0, 0x9000)).toThrow("nothing is mapped at 0x9000");
});

test("a copy maps the same and shares nothing", () => {
	const machine = bareMachine();
	const physical = mapFresh(machine, 0x1000, PAGE, RX);
	setCpu(machine, 1, Cpu.status, Status.running);
	writePhysical(machine, physical, Uint8Array.of(1));
	const copy = copyMachine(machine);
	expect(mappings(copy)).toEqual(mappings(machine));
	expect(historyOf(copy, CODE, physical)).toBe(historyOf(machine, CODE, physical));
	writePhysical(copy, physical, Uint8Array.of(9));
	protectPages(copy, 0, 0x1000, PAGE, R);
	expect(machine.memory[physical]).toBe(1);
	expect(permits(machine, 0, 0x1000, "x")).toBe(true);
});
