// CPUs: what each can do, what interrupts do to it, and that a machine is its bytes.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { conditions, encode, rows, Stop } from "../../linker/isa/index.ts";
import { Cpu, Status } from "../../runtime/machine/layout.ts";
import { copyMachine, createMachine, restore } from "../../runtime/machine/machine.ts";
import { writePhysical } from "../../runtime/machine/memory.ts";
import { models } from "../../runtime/machine/models/index.ts";
import { mapPages } from "../../runtime/machine/page-table.ts";
import { advance, choices, Interrupt, interruptible, take } from "../../runtime/machine/run.ts";
import { getCounter, getCpu, type Machine, PAGE, setCpu, takeFrames } from "../../runtime/machine/state.ts";
import { run } from "../../runtime/patch/index.ts";
import { bareMachine, imageOf, mapFresh, modelNamed, putCode, quick, RW, RX, systemOf } from "../machines.ts";

const TEXT = 0x1000;

/** A machine with this code at TEXT, a stack, and CPU 0 about to run it. */
function machineWith(code: readonly Uint8Array[], config: Parameters<typeof bareMachine>[0] = {}): Machine {
	const machine = bareMachine({ fetch: "fresh", ...config });
	putCode(machine, mapFresh(machine, TEXT, PAGE), ...code);
	mapFresh(machine, 0x8000, PAGE, RW);
	startAt(machine, 0, TEXT);
	return machine;
}

function startAt(machine: Machine, cpu: number, pc: number): void {
	machine.cores[cpu]!.r[15] = 0x9000 - 64 * cpu;
	setCpu(machine, cpu, Cpu.pc, pc);
	setCpu(machine, cpu, Cpu.status, Status.running);
}

const status = (machine: Machine, cpu = 0): number => getCpu(machine, cpu, Cpu.status);
const pc = (machine: Machine, cpu = 0): number => getCpu(machine, cpu, Cpu.pc) - TEXT;

const number = fc.oneof(fc.integer({ min: -8, max: 40 }), fc.integer({ min: 0x7ff8, max: 0x8040 }), fc.integer());
const register = fc.nat(15);
const instruction = fc
	.record({ row: fc.constantFrom(...rows), a: register, b: register, c: register, imm: number })
	.map(({ row: { mnemonic, format, flow }, a, b, c, imm }) => {
		const conditional = flow === "branch" || format === "regCond";
		const field = format === "reg3" ? c : conditional ? c % conditions.length : 0;
		return encode(mnemonic, { a, b, c: field, imm: format === "imm8" ? imm & 255 : format === "rel" ? imm % 64 : imm });
	});

test("the loop does what each row's execute does outside of it", () => {
	fc.assert(
		fc.property(
			fc.array(instruction, { minLength: 1, maxLength: 6 }),
			fc.array(number, { maxLength: 15 }),
			(code, r) => {
				const [cached, uncached] = (["fresh", "chosen"] as const).map((fetch) => {
					const machine = machineWith([...code, encode("jmp", { imm: -5 - Buffer.concat(code).length })], { fetch });
					machine.cores[0]!.r.set([...r, 0x8100], 15 - r.length);
					return machine;
				}) as [Machine, Machine];
				for (let i = 0; i < 24 && status(cached) === Status.running; i++) {
					expect(advance(cached, 0, 1)).toBe(advance(uncached, 0, 1));
					expect(Buffer.from(cached.buffer).equals(Buffer.from(uncached.buffer))).toBe(true);
				}
			},
		),
		{ seed: 1, numRuns: 2000 },
	);
});

describe("1 to 256 CPUs", () => {
	test.each([0, 257])("%i are refused", (cpus) => {
		expect(() => bareMachine({ cpus })).toThrow(`CPUs: ${cpus} is not in [1, 257)`);
	});

	test("memory is whole pages", () => {
		expect(() => bareMachine({ memory: 1000 })).toThrow("not a multiple of 4096");
	});

	test.each([1, 2, 255, 256])("%i of them each do their part", (cpus) => {
		const image = imageOf(
			`
			.global worker
			.type worker, @function
		worker:	cpuid	r0
			movi	r1, 1
			xadd	r1, [r4+total]
			movi	r1, 7
			stx	[table + r0*4], r1
			ret
			.bss
		total:	.zero 4
		table:	.zero 1024`,
			{ entry: "worker" },
		);
		const system = systemOf(image, { entries: Array(cpus).fill("worker") });
		expect(run(system, { cycles: 1e6 })).toEqual({ kind: "halted" });
		const { machine } = system;
		const at = image.symbolNamed("total")!.address;
		expect(machine.cores[0]!.load32(at)).toBe(cpus);
		const table = image.symbolNamed("table")!.address;
		const marks = Array.from({ length: 256 }, (_, i) => machine.cores[0]!.load32(table + 4 * i));
		expect(marks).toEqual([...Array(cpus).fill(7), ...Array(256 - cpus).fill(0)]);
		for (const { id } of machine.cores) expect(getCounter(machine, id, Cpu.instructions)).toBe(7);
	});
});

describe("interrupts", () => {
	const ask = (machine: Machine, cpu: number, what: number): void =>
		setCpu(machine, cpu, Cpu.pending, getCpu(machine, cpu, Cpu.pending) | what);

	test("are taken between two instructions and cost what the profile says", () => {
		const machine = machineWith([encode("nop"), encode("nop")]);
		ask(machine, 0, Interrupt.serialize);
		expect(choices(machine)).toEqual([
			{ kind: "interrupt", cpu: 0 },
			{ kind: "step", cpu: 0 },
		]);
		take(machine, { kind: "interrupt", cpu: 0 });
		expect([pc(machine), getCpu(machine, 0, Cpu.pending)]).toEqual([0, 0]);
		expect(getCounter(machine, 0, Cpu.clock)).toBe(quick.interrupt * 16);
		expect(getCounter(machine, 0, Cpu.instructions)).toBe(0);
	});

	test("wait while they are masked, and are due at once after STI", () => {
		const machine = machineWith([encode("cli"), encode("nop"), encode("sti"), encode("nop")]);
		take(machine, { kind: "step", cpu: 0 });
		ask(machine, 0, Interrupt.serialize);
		expect(interruptible(machine, 0)).toBe(false);
		expect(advance(machine, 0, 1e6)).toBe(Stop.unmask);
		expect(pc(machine), "the instruction behind STI has not run").toBe(3);
		expect(interruptible(machine, 0)).toBe(true);
	});

	test("wake a CPU that idles, which goes on behind its IDLE", () => {
		const machine = machineWith([encode("idle"), encode("movi", { a: 1, imm: 5 }), encode("hlt")]);
		expect(advance(machine, 0, 1e6)).toBe(Stop.idle);
		expect(choices(machine)).toEqual([]);
		ask(machine, 0, Interrupt.flush);
		expect(choices(machine)).toEqual([{ kind: "interrupt", cpu: 0 }]);
		take(machine, { kind: "interrupt", cpu: 0 });
		expect(status(machine)).toBe(Status.running);
		advance(machine, 0, 1e6);
		expect(machine.cores[0]!.r[1]).toBe(5);
	});

	test("do not wake a CPU that idles with interrupts masked", () => {
		const machine = machineWith([encode("cli"), encode("idle")]);
		advance(machine, 0, 1e6);
		ask(machine, 0, Interrupt.serialize);
		expect(choices(machine)).toEqual([]);
	});

	test("park a CPU, which then does nothing", () => {
		const machine = machineWith([encode("nop")]);
		ask(machine, 0, Interrupt.park | Interrupt.serialize);
		take(machine, { kind: "interrupt", cpu: 0 });
		expect([status(machine), getCpu(machine, 0, Cpu.before)]).toEqual([Status.parked, Status.running]);
		ask(machine, 0, Interrupt.serialize);
		expect(choices(machine)).toEqual([]);
	});

	test("park a CPU with interrupts off if one of two asks for that", () => {
		const machine = machineWith([encode("nop"), encode("nop")]);
		ask(machine, 0, Interrupt["park-interruptible"]);
		take(machine, { kind: "interrupt", cpu: 0 });
		expect(status(machine)).toBe(Status.attentive);
		const other = machineWith([encode("nop")]);
		ask(other, 0, Interrupt["park-interruptible"] | Interrupt.park);
		take(other, { kind: "interrupt", cpu: 0 });
		expect(status(other)).toBe(Status.parked);
	});

	test("are not for a CPU that halted", () => {
		const machine = machineWith([encode("hlt")]);
		ask(machine, 0, Interrupt.serialize);
		advance(machine, 0, 1e6);
		expect([status(machine), getCpu(machine, 0, Cpu.pending)]).toEqual([Status.halted, 0]);
		expect(choices(machine)).toEqual([]);
	});

	test("are not for a CPU in a trap handler", () => {
		const machine = machineWith([encode("brk")]);
		advance(machine, 0, 1e6);
		ask(machine, 0, Interrupt.serialize);
		expect([status(machine), interruptible(machine, 0)]).toEqual([Status.trapped, false]);
	});
});

describe("faults of the program are values", () => {
	test.each<[string, Uint8Array[], number, number]>([
		["an illegal instruction", [Uint8Array.of(0x06)], Stop.illegal, 0x06],
		["a breakpoint", [encode("brk")], Stop.breakpoint, 0],
		["a load from nowhere", [encode("ld", { a: 1, b: 0, imm: 0x100 })], Stop.loadFault, 0x100],
		["a store to text", [encode("st", { a: 1, b: 0, imm: TEXT })], Stop.storeFault, TEXT],
		["overflow", [encode("movi", { a: 1, imm: -1 }), encode("addtui", { a: 1, b: 1, imm: 1 })], Stop.overflow, 0],
		["an index out of bounds", [encode("movi", { a: 1, imm: 9 }), encode("bound", { a: 1, imm: 9 })], Stop.bounds, 9],
		["a jump to where nothing is", [encode("jmp", { imm: 0x10000 })], Stop.fetchFault, TEXT + 0x10005],
	])("%s", (_, code, stop, value) => {
		const machine = machineWith(code);
		expect(advance(machine, 0, 1e6)).toBe(stop);
		expect(status(machine)).toBe(Status.trapped);
		expect(getCpu(machine, 0, Cpu.stopValue) >>> 0).toBe(value);
	});

	test("the instruction did not happen, what came before did", () => {
		const machine = machineWith([encode("nop"), encode("push", { a: 1 }), encode("brk")]);
		machine.cores[0]!.r[15] = 0x8000;
		expect(advance(machine, 0, 1e6)).toBe(Stop.storeFault);
		expect([pc(machine), machine.cores[0]!.r[15]]).toEqual([1, 0x8000]);
		expect(getCounter(machine, 0, Cpu.instructions)).toBe(1);
	});

	test("an instruction cut off by the end of its page faults at the next one", () => {
		const machine = bareMachine({ fetch: "fresh" });
		const physical = mapFresh(machine, TEXT, PAGE);
		putCode(machine, physical + PAGE - 3, encode("call").subarray(0, 3));
		startAt(machine, 0, TEXT + PAGE - 3);
		expect(advance(machine, 0, 1)).toBe(Stop.fetchFault);
		expect(getCpu(machine, 0, Cpu.stopValue)).toBe(TEXT + PAGE);
	});
});

describe("the decode cache", () => {
	test.each(models)("$name, fresh: a patch takes effect at once", (model) => {
		const machine = machineWith(
			[encode("movi", { a: 1, imm: 1 }), encode("addi", { a: 2, b: 2, imm: 1 }), encode("jmp", { imm: -17 })],
			{ model },
		);
		advance(machine, 0, 2000);
		const before = machine.cores[0]!.r[2]!;
		expect([before > 10, machine.cores[0]!.r[1]]).toEqual([true, 1]);
		writePhysical(machine, 2, Uint8Array.of(9));
		advance(machine, 0, 64);
		expect([machine.cores[0]!.r[1], machine.cores[0]!.r[2]! > before]).toEqual([9, true]);
	});

	test("forgets an instruction when any of its bytes changes, and only then", () => {
		fc.assert(
			fc.property(fc.nat(11), (at) => {
				const machine = machineWith([
					encode("movi", { a: 1, imm: 0 }),
					encode("movi", { a: 2, imm: 0 }),
					encode("jmp", { imm: -17 }),
				]);
				advance(machine, 0, 1000);
				const old = machine.memory[at]!;
				const bytes = machine.memory.slice(0, 12);
				bytes[at] = at % 6 < 2 ? old : 1;
				writePhysical(machine, at, bytes.subarray(at, at + 1));
				advance(machine, 0, 1000);
				const value = (from: number): number => new DataView(bytes.buffer).getInt32(from + 2, true);
				expect([machine.cores[0]!.r[1], machine.cores[0]!.r[2]]).toEqual([value(0), value(6)]);
			}),
		);
	});

	test("an instruction across two pages is patched in either of them", () => {
		const machine = bareMachine({ fetch: "fresh" });
		const second = mapFresh(machine, TEXT + PAGE, PAGE);
		const first = mapFresh(machine, TEXT, PAGE);
		const at = TEXT + PAGE - 3;
		const code = encode("movi", { a: 1, imm: 0x04030201 });
		putCode(machine, first + PAGE - 3, code.subarray(0, 3));
		putCode(machine, second, code.subarray(3), encode("hlt"));
		const result = (): number => {
			startAt(machine, 0, at);
			expect(advance(machine, 0, 1e6)).toBe(Stop.halt);
			return machine.cores[0]!.r[1]!;
		};
		expect(result()).toBe(0x04030201);
		writePhysical(machine, second, Uint8Array.of(0x22));
		expect(result()).toBe(0x04032201);
		writePhysical(machine, first + PAGE - 1, Uint8Array.of(0x11));
		expect(result()).toBe(0x04032211);
	});

	test("a jump to itself is fetched every time, and ends when it is overwritten", () => {
		const machine = machineWith([encode("spin"), encode("hlt")]);
		advance(machine, 0, 5000);
		expect([status(machine), pc(machine)]).toEqual([Status.running, 0]);
		writePhysical(machine, 0, encode("nop"));
		expect(advance(machine, 0, 100)).toBe(Stop.halt);
	});

	test("frames that two pages map have one decoded form", () => {
		const machine = machineWith([encode("movi", { a: 1, imm: 1 }), encode("hlt")]);
		mapPages(machine, 0, 0x5000, 0, PAGE, RX);
		startAt(machine, 1, 0x5000);
		for (const cpu of [0, 1]) advance(machine, cpu, 1e6);
		writePhysical(machine, 2, Uint8Array.of(4));
		for (const [cpu, at] of [TEXT, 0x5000].entries()) {
			startAt(machine, cpu, at);
			advance(machine, cpu, 1e6);
		}
		expect([0, 1].map((cpu) => machine.cores[cpu]!.r[1])).toEqual([4, 4]);
	});
});

describe("fetches while bytes change", () => {
	/** Every instruction that a CPU may make of five bytes that change, by asking for every choice. */
	function decoded(model: string, offset: number): Set<string> {
		const seen = new Set<string>();
		const old = encode("movi", { a: 1, imm: 0x11111111 }).subarray(1);
		const now = encode("movi", { a: 2, imm: 0x22222222 }).subarray(1);
		const machine = bareMachine({ model: modelNamed(model) });
		const physical = mapFresh(machine, TEXT, PAGE);
		putCode(machine, physical + offset, encode("movi").subarray(0, 1), old);
		startAt(machine, 0, TEXT + offset);
		writePhysical(machine, physical + offset + 1, now);
		const start = machine.words.slice();
		const answers = machine.oracle.answers;
		for (;;) {
			machine.oracle.options.length = 0;
			restore(machine, start);
			advance(machine, 0, 1);
			seen.add([...machine.cores[0]!.fetchedBytes].map((byte) => byte.toString(16).padStart(2, "0")).join(""));
			const { options } = machine.oracle;
			while (answers.length < options.length) answers.push(0);
			while (answers.length > 0 && answers.at(-1)! + 1 >= options[answers.length - 1]!) answers.pop();
			if (answers.length === 0) return seen;
			answers[answers.length - 1]!++;
		}
	}
	const OLD = "b80111111111";
	const NOW = "b80222222222";

	test("ideal: the present", () => {
		expect(decoded("ideal", 3)).toEqual(new Set([NOW]));
	});

	test("amd-quad: old or new, inside an aligned 8 bytes", () => {
		expect(decoded("amd-quad", 1)).toEqual(new Set([OLD, NOW]));
	});

	test("amd-quad: either part old or new, across two of them", () => {
		expect(decoded("amd-quad", 5)).toEqual(new Set([OLD, NOW, "b80111222222", "b80222111111"]));
	});

	test.each(["arm", "riscv", "alpha"])("%s: four bytes at a time", (model) => {
		expect(decoded(model, 0)).toEqual(new Set([OLD, NOW, "b80111112222", "b80222221111"]));
	});

	test("x86: any byte old or new", () => {
		expect(decoded("x86", 1).size).toBe(2 ** 5);
	});
});

describe("a machine is its bytes", () => {
	const program = `
		.global worker
		.type worker, @function
	worker:	movi	r1, 400
	1:	movi	r2, 1
		xadd	r2, [r4+total]
		addi	r1, r1, -1
		cmpi	r1, 0
		jgt	1b
		ret
		.bss
	total:	.zero 4`;
	const image = imageOf(program, { entry: "worker" });

	test.each(["fresh", "stale", "random"] as const)("%s: the same seed makes the same bytes", (fetch) => {
		const bytesAfter = (seed: number): Uint8Array => {
			const system = systemOf(image, { entries: ["worker", "worker", "worker"], fetch, seed, histories: 16 });
			run(system, { cycles: 1500 });
			return system.machine.bytes;
		};
		const first = bytesAfter(7);
		expect(Buffer.compare(bytesAfter(7), first)).toBe(0);
		expect(Buffer.compare(bytesAfter(8), first)).not.toBe(0);
	});

	test("a copy goes on as the original does, and shares nothing", () => {
		const machine = machineWith([encode("addi", { a: 1, b: 1, imm: 1 }), encode("jmp", { imm: -11 })]);
		advance(machine, 0, 500);
		const copy = copyMachine(machine);
		advance(machine, 0, 500);
		expect(Buffer.compare(copy.bytes, machine.bytes)).not.toBe(0);
		advance(copy, 0, 500);
		expect(Buffer.compare(copy.bytes, machine.bytes)).toBe(0);
	});

	test("what is beside the bytes can be dropped at any time", () => {
		const machine = machineWith([encode("addi", { a: 1, b: 1, imm: 1 }), encode("jmp", { imm: -11 })]);
		const other = copyMachine(machine);
		for (let i = 0; i < 20; i++) {
			advance(machine, 0, 100);
			advance(other, 0, 100);
			restore(other, other.words.slice());
		}
		expect(Buffer.compare(other.bytes, machine.bytes)).toBe(0);
	});

	test("taking steps one by one is running", () => {
		const machine = machineWith([
			encode("addi", { a: 1, b: 1, imm: 1 }),
			encode("push", { a: 1 }),
			encode("jmp", { imm: -13 }),
		]);
		const other = copyMachine(machine);
		advance(machine, 0, 600);
		while (getCounter(other, 0, Cpu.instructions) < getCounter(machine, 0, Cpu.instructions))
			take(other, { kind: "step", cpu: 0 });
		expect(Buffer.compare(other.bytes, machine.bytes)).toBe(0);
	});
});

test("frames are handed out once", () => {
	const machine = createMachine({ ...bareMachine().config, memory: 4 * PAGE });
	expect([takeFrames(machine, 1), takeFrames(machine, PAGE + 1), takeFrames(machine, PAGE)]).toEqual([
		0,
		PAGE,
		3 * PAGE,
	]);
});
