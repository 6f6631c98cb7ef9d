// Patching by hand: plans and their phases, the breakpoint trap, and patchers that wait for CPUs and for each other.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { conditions, encode, Stop } from "../../linker/isa/index.ts";
import { start } from "../../runtime/load.ts";
import { ticksToCycles } from "../../runtime/machine/index.ts";
import { Cpu, Global, Patcher, Status } from "../../runtime/machine/layout.ts";
import { readVirtual } from "../../runtime/machine/memory.ts";
import { mapPages, protectPages } from "../../runtime/machine/page-table.ts";
import { advance, Interrupt, requestsOf, take } from "../../runtime/machine/run.ts";
import { getCounter, getCpu, type Machine, PAGE, setCpu } from "../../runtime/machine/state.ts";
import { readWord } from "../../runtime/machine/words.ts";
import {
	applyNow,
	change,
	createSystem,
	type Edit,
	findEdit,
	type Plan,
	perform,
	plan,
	planUpdate,
	type Refusal,
	ready,
	run,
	type Step,
	type System,
	serveTrap,
	settle,
	submit,
	type Update,
} from "../../runtime/patch/index.ts";
import { getPatcher, Life, patcherClocks, setPatcher } from "../../runtime/patch/system.ts";
import {
	bareMachine,
	imageOf,
	mapFresh,
	modelNamed,
	protocolNamed,
	putCode,
	quick,
	RW,
	RX,
	systemOf,
} from "../machines.ts";
import { begin, hotSystem, isAtWork, runFor } from "../measure/hot-sites.ts";

const breakpoint = protocolNamed("breakpoint");
const x86 = modelNamed("x86");
const BRK = encode("brk")[0]!;

const kinds = ({ steps }: Plan): string[] =>
	steps.map((step) => (step.kind === "interrupt" ? `interrupt ${step.request}` : step.kind));
const syncs = ({ steps }: Plan): number => steps.filter(({ kind }) => kind === "interrupt").length;

function edit(address: number, old: Uint8Array, bytes: Uint8Array): Edit {
	return { address, old, bytes };
}

describe("a plan of text_poke_bp", () => {
	const call = (address: number): Edit => edit(address, encode("call", { imm: 0x100 }), encode("jmp", { imm: 0x2345 }));
	const ret = (address: number): Edit => edit(address, encode("nop"), encode("ret"));
	const trap = (address: number): Edit => edit(address, encode("nop"), encode("brk"));

	test("stores the breakpoint, the tail, the head, with a sync after each", () => {
		expect(kinds(plan(breakpoint, [call(0x1000)], x86))).toEqual([
			"lock",
			"arm",
			"store",
			"interrupt serialize",
			"await",
			"store",
			"interrupt serialize",
			"await",
			"store",
			"interrupt serialize",
			"await",
			"disarm",
			"unlock",
		]);
	});

	test.each<[string, Edit[], number]>([
		["one site", [call(0x1000)], 3],
		["256 sites", Array.from({ length: 256 }, (_, i) => call(0x1000 + 8 * i)), 3],
		["one byte: there is no tail", [ret(0x1000)], 2],
		["256 of one byte", Array.from({ length: 256 }, (_, i) => ret(0x1000 + i)), 2],
		["the new instruction is a breakpoint: there is no head", [trap(0x1000)], 1],
		["one of them has a tail", [ret(0x1000), call(0x1010), trap(0x1020)], 3],
		["the tail stays the same", [edit(0x1000, encode("call", { imm: 9 }), encode("jmp", { imm: 9 }))], 2],
	])("%s", (_, edits, expected) => {
		expect(syncs(plan(breakpoint, edits, x86))).toBe(expected);
	});

	test("says nothing about sites that are right already", () => {
		const same = edit(0x2000, encode("ret"), encode("ret"));
		expect(plan(breakpoint, [same], x86)).toEqual({ steps: [], edits: [] });
		expect(plan(breakpoint, [same, call(0x1000)], x86).edits.map(({ address }) => address)).toEqual([0x1000]);
	});

	test("sorts its sites, and splits stores where they cross eight bytes", () => {
		const { edits, steps } = plan(breakpoint, [call(0x2000), call(0x1006)], x86);
		expect(edits.map(({ address }) => address)).toEqual([0x1006, 0x2000]);
		const tails = steps.filter((step): step is Step & { kind: "store" } => step.kind === "store").slice(2, 5);
		expect(tails.map(({ address, bytes }) => [address, bytes.length])).toEqual([
			[0x1007, 1],
			[0x1008, 3],
			[0x2001, 4],
		]);
	});

	test("on a machine that is not coherent every store is cleaned, then invalidated", () => {
		const { steps } = plan(breakpoint, [call(0x1006)], modelNamed("arm"));
		const text = steps
			.slice(2, 9)
			.map((step) => ("address" in step ? `${step.kind} ${step.address.toString(16)}` : step.kind));
		expect(text).toEqual([
			"store 1006",
			"clean 1004",
			"invalidate 1004",
			"interrupt",
			"await",
			"store 1007",
			"store 1008",
		]);
	});

	test("the words of keys come first, under the lock; without sites there is nothing else", () => {
		const word = edit(0x5000, Uint8Array.of(1, 0, 0, 0), Uint8Array.of(2, 0, 0, 0));
		expect(kinds(plan(breakpoint, [], x86, [word]))).toEqual(["lock", "store", "unlock"]);
		expect(kinds(plan(breakpoint, [call(0x1000)], x86, [word])).slice(0, 3)).toEqual(["lock", "store", "arm"]);
	});
});

test("binary search finds every site and nothing else", () => {
	fc.assert(
		fc.property(fc.uniqueArray(fc.nat(300)), fc.nat(300), (addresses, wanted) => {
			const edits = addresses.sort((a, b) => a - b).map((address) => edit(address, encode("nop"), encode("ret")));
			expect(findEdit(edits, wanted)?.address).toBe(addresses.includes(wanted) ? wanted : undefined);
		}),
	);
});

test("a round of interrupts costs for each CPU that it asks", () => {
	const costOf = (cpus?: readonly number[]): number => {
		const machine = bareMachine({ cpus: 4, profile: { ...quick, syncRound: 10, syncCpu: 100 } });
		for (const { id } of machine.cores) setCpu(machine, id, Cpu.status, Status.running);
		setCpu(machine, 3, Cpu.status, Status.halted);
		const system = createSystem(machine, imageOf(".global main\nmain: ret"), breakpoint);
		system.plans[0] = { steps: [{ kind: "interrupt", request: "serialize", ...(cpus && { cpus }) }], edits: [] };
		setPatcher(machine, 0, Patcher.active, Life.atWork);
		perform(system, 0);
		return ticksToCycles(patcherClocks(machine, 0)[Patcher.clock / 2]!);
	};
	expect([costOf(), costOf([1, 2]), costOf([1]), costOf([3]), costOf([])]).toEqual([310, 210, 110, 10, 10]);
});

describe("the breakpoint trap", () => {
	const SITE = 0x1010;

	/** CPU 0 has met a breakpoint at SITE while a patcher is about to put `bytes` there. */
	function trapped(bytes: Uint8Array, prepare: (machine: Machine) => void = () => {}): System {
		const machine = bareMachine({ fetch: "fresh" });
		putCode(machine, mapFresh(machine, 0x1000, PAGE) + 0x10, encode("brk"));
		mapFresh(machine, 0x8000, PAGE, RW);
		machine.cores[0]!.r[15] = 0x9000;
		setCpu(machine, 0, Cpu.pc, SITE);
		setCpu(machine, 0, Cpu.status, Status.running);
		prepare(machine);
		const system = createSystem(machine, imageOf(".global main\nmain: ret"), breakpoint);
		const old = new Uint8Array(bytes.length);
		system.plans[0] = plan(breakpoint, [edit(SITE - 8, encode("nop"), encode("ret")), edit(SITE, old, bytes)], x86);
		setPatcher(machine, 0, Patcher.active, Life.atWork);
		for (const step of ["lock", "arm"]) {
			expect(system.plans[0].steps[getPatcher(machine, 0, Patcher.at)]!.kind).toBe(step);
			perform(system, 0);
		}
		expect(advance(machine, 0, 1)).toBe(Stop.breakpoint);
		return system;
	}

	/** Where the CPU is after its trap was served, from the site on. */
	function pcAfter(bytes: Uint8Array, prepare?: (machine: Machine) => void): number {
		const system = trapped(bytes, prepare);
		expect(serveTrap(system, 0)).toBe(true);
		expect(getCpu(system.machine, 0, Cpu.status)).toBe(Status.running);
		return getCpu(system.machine, 0, Cpu.pc) - SITE;
	}

	test("CALL pushes its return address on the real stack", () => {
		const system = trapped(encode("call", { imm: 0x40 }));
		serveTrap(system, 0);
		const core = system.machine.cores[0]!;
		expect(getCpu(system.machine, 0, Cpu.pc)).toBe(SITE + 5 + 0x40);
		expect([core.r[15], core.load32(0x8ffc)]).toEqual([0x8ffc, SITE + 5]);
	});

	test("RET pops it", () => {
		const at = pcAfter(Uint8Array.of(...encode("ret"), BRK, BRK, BRK, BRK), (machine) => {
			machine.cores[0]!.r[15] = 0x8ffc;
			machine.cores[0]!.store32(0x8ffc, SITE + 77);
		});
		expect(at).toBe(77);
	});

	test("JMP goes there, NOP5 goes on", () => {
		expect(pcAfter(encode("jmp", { imm: -20 }))).toBe(5 - 20);
		expect(pcAfter(encode("nop5"))).toBe(5);
		expect(pcAfter(encode("nop"))).toBe(1);
	});

	test("RET0 clears the result register and goes on", () => {
		const system = trapped(encode("ret0"), (machine) => {
			machine.cores[0]!.r[0] = 99;
		});
		serveTrap(system, 0);
		expect([getCpu(system.machine, 0, Cpu.pc), system.machine.cores[0]!.r[0]]).toEqual([SITE + 5, 0]);
	});

	test("a jump through memory reads the word", () => {
		const at = pcAfter(encode("jmpm", { imm: 0x8000 }), (machine) => machine.cores[0]!.store32(0x8000, SITE + 300));
		expect(at).toBe(300);
	});

	/** Flags: bit 0 equal, bit 1 less, bit 2 less unsigned, as CMP leaves them. */
	const compared: readonly [a: number, b: number][] = [
		[1, 1],
		[1, 2],
		[2, 1],
		[-1, 1],
		[1, -1],
	];
	test.each(conditions.map((name, c) => [name, c] as const))("Jcc both ways: %s", (_, c) => {
		for (const [a, b] of compared) {
			const taken = (): boolean => {
				const machine = bareMachine({ fetch: "fresh" });
				putCode(machine, mapFresh(machine, 0x1000, PAGE), encode("cmp", { a: 1, b: 2 }), encode("j", { c, imm: 0x40 }));
				machine.cores[0]!.r.set([a, b], 1);
				setCpu(machine, 0, Cpu.pc, 0x1000);
				setCpu(machine, 0, Cpu.status, Status.running);
				for (const _ of "12") advance(machine, 0, 1);
				return getCpu(machine, 0, Cpu.pc) === 0x1000 + 7 + 0x40;
			};
			const emulated = pcAfter(encode("j", { c, imm: 0x40 }), (machine) => {
				const at = mapFresh(machine, 0x5000, PAGE);
				putCode(machine, at, encode("cmp", { a: 1, b: 2 }));
				machine.cores[0]!.r.set([a, b], 1);
				setCpu(machine, 0, Cpu.pc, 0x5000);
				advance(machine, 0, 1);
				setCpu(machine, 0, Cpu.pc, SITE);
			});
			expect(emulated).toBe(taken() ? 5 + 0x40 : 5);
		}
	});

	test("a CALL whose push faults is the program's fault, at the site", () => {
		const system = trapped(encode("call", { imm: 0x40 }), (machine) => {
			machine.cores[0]!.r[15] = 0x100;
		});
		serveTrap(system, 0);
		const { machine } = system;
		expect(getCpu(machine, 0, Cpu.status)).toBe(Status.trapped);
		expect([getCpu(machine, 0, Cpu.stop), getCpu(machine, 0, Cpu.pc)]).toEqual([Stop.storeFault, SITE]);
		expect(machine.cores[0]!.r[15]).toBe(0x100);
	});

	test("what a site has become a breakpoint is the program's own", () => {
		expect(serveTrap(trapped(encode("brk")), 0)).toBe(false);
	});

	test("in another address space the same address may be something else", () => {
		const elsewhere = (physical: number): System => {
			const system = trapped(encode("nop5"));
			mapPages(system.machine, 1, 0x1000, physical, PAGE, RX);
			setCpu(system.machine, 0, Cpu.space, 1);
			return system;
		};
		expect(serveTrap(elsewhere(40 * PAGE), 0)).toBe(false);
		expect(serveTrap(elsewhere(0), 0), "the same text").toBe(true);
	});

	test("the same text is the same, whatever the size of the page that maps it", () => {
		const LARGE = 2 ** 21;
		const machine = bareMachine({ memory: 2 * LARGE, fetch: "fresh" });
		mapPages(machine, 0, LARGE, LARGE, LARGE, RX, true);
		mapPages(machine, 1, LARGE + PAGE, LARGE + PAGE, PAGE, RX);
		putCode(machine, LARGE + PAGE, encode("brk"));
		setCpu(machine, 0, Cpu.space, 1);
		setCpu(machine, 0, Cpu.pc, LARGE + PAGE);
		setCpu(machine, 0, Cpu.status, Status.running);
		const system = createSystem(machine, imageOf(".global main\nmain: ret"), breakpoint);
		system.plans[0] = plan(breakpoint, [edit(LARGE + PAGE, encode("call"), encode("nop5"))], x86);
		machine.words[Global.armed] = 1;
		advance(machine, 0, 1);
		expect(serveTrap(system, 0)).toBe(true);
	});

	test("nobody leaves the handler before the sync: the patcher waits for a CPU inside of it", () => {
		const system = trapped(encode("nop5"));
		const { machine } = system;
		while (ready(system, 0)) perform(system, 0);
		expect(getCpu(machine, 0, Cpu.pending)).toBe(Interrupt.serialize & requestsOf(0));
		expect(machine.words[Global.armed], "still armed").toBe(1);
		serveTrap(system, 0);
		expect(ready(system, 0), "served, but the interrupt is still to be taken").toBe(false);
		take(machine, { kind: "interrupt", cpu: 0 });
		expect(ready(system, 0)).toBe(true);
	});
});

describe("breakpoints of the program", () => {
	const image = imageOf(`
		.global main, worker
		.static_call pick, one
		.type main, @function
		.type worker, @function
	main:	brk
		ret
	worker:	call	__SCT__pick
		jmp	worker
		.type one, @function
	one:	ret
		.type two, @function
	two:	ret`);
	const armedSystem = (entry: string): System => {
		const system = systemOf(image, { entries: ["worker", entry], fetch: "stale", model: x86 });
		const update = planUpdate(system, [change(image, "pick", "two")], breakpoint) as Update;
		submit(system, update, 0);
		return system;
	};

	test("stay its own while sites elsewhere are armed", () => {
		const end = run(armedSystem("main"));
		expect(end).toMatchObject({
			kind: "trapped",
			cpu: 1,
			stop: Stop.breakpoint,
			pc: image.symbolNamed("main")!.address,
		});
	});

	test("and when nobody patches", () => {
		expect(run(systemOf(image))).toMatchObject({ kind: "trapped", stop: Stop.breakpoint });
	});
});

describe("patchers and CPUs", () => {
	const image = imageOf(`
		.global main, masked, sleeper, idler
		.static_call pick, one
		.static_call hook, null
		.set UPDATE, 8
		.type main, @function
	main:	call	__SCT__pick
		call	__SCT__hook
		jmp	main
		.type masked, @function
	masked:	cli
		movi	r1, 200
	1:	call	__SCT__pick
		addi	r1, r1, -1
		cmpi	r1, 0
		jgt	1b
		sti
		ret
		.type sleeper, @function
	sleeper:
		cli
		idle
		.type idler, @function
	idler:	movi	r3, 1
		idle
		movi	r3, 2
		jmp	idler
		.type updater, @function
	updater:
		movi	r0, __SCK__pick
		movi	r1, two
		ecall	UPDATE
		movi	r0, __SCK__pick
		movi	r1, one
		ecall	UPDATE
		jmp	updater
		.type wrong, @function
	wrong:	cli
		movi	r0, __SCK__pick
		movi	r1, two
		ecall	UPDATE
		ret
		.type one, @function
	one:	ret
		.type two, @function
	two:	ret`);
	const planOf = (system: System, key: string, to: string | null): Update | Refusal =>
		planUpdate(system, [change(image, key, to)], system.protocol);

	test("a CPU with interrupts masked delays the sync and runs the new instruction meanwhile", () => {
		const system = systemOf(image, { entries: ["main", "masked"], model: x86, fetch: "stale" });
		run(system, { cycles: 1000 });
		expect(getCpu(system.machine, 1, Cpu.masked)).toBe(1);
		submit(system, planOf(system, "pick", "two") as Update, 1000 * 16);
		expect(settle(system)).toBeUndefined();
		expect(getCpu(system.machine, 1, Cpu.masked), "complete only after STI").toBe(0);
		expect(system.counts.traps).toBeGreaterThan(50);
	});

	test("a CPU that sleeps with interrupts masked is waited for in vain", () => {
		const system = systemOf(image, { entries: ["sleeper", "sleeper"] });
		run(system, { cycles: 20 });
		submit(system, planOf(system, "pick", "two") as Update, 20 * 16);
		expect(run(system)).toEqual({ kind: "stuck" });
	});

	test("an idle CPU wakes for the sync and idles again; one that is off is not asked", () => {
		const system = systemOf(image, { entries: ["idler", "idler", "idler"], model: x86, fetch: "stale" });
		setCpu(system.machine, 2, Cpu.status, Status.halted);
		run(system, { cycles: 20 });
		submit(system, planOf(system, "pick", "two") as Update, 20 * 16);
		expect(run(system)).toEqual({ kind: "halted" });
		const { machine } = system;
		const woken = machine.cores.map(({ id }) => getCounter(machine, id, Cpu.instructions));
		expect(woken[0]).toBeGreaterThan(8);
		expect(woken[2]).toBe(0);
		start(machine, 2, image.symbolNamed("main")!.address);
		runFor(system, 100);
		expect(machine.words[Global.histories], "nothing old to see for the one that starts").toBe(0);
	});

	test("several CPUs update at once: one after the other, each against what it finds", () => {
		for (const seed of [1, 2, 3]) {
			const entries = ["updater", "updater", "updater", "main"];
			const system = systemOf(image, { entries, model: x86, fetch: "stale", seed });
			expect(run(system, { cycles: 30_000 })).toEqual({ kind: "limit" });
			expect(system.counts.updates).toBeGreaterThan(50);
			expect(system.refusal).toBeUndefined();
			for (const { id } of system.machine.cores.slice(0, 3))
				expect(getCounter(system.machine, id, Cpu.instructions)).toBeGreaterThan(100);
		}
	});

	test("requests from outside queue behind each other and behind the program's own", () => {
		const system = systemOf(image, { entries: ["updater", "main"], model: x86, fetch: "random", seed: 5 });
		const updates = Array.from({ length: 30 }, (_, i) => ({
			at: 100 + i,
			changes: [change(image, "hook", i % 2 === 0 ? "one" : null), change(image, "pick", i % 3 === 0 ? "one" : "two")],
		}));
		expect(run(system, { cycles: 20_000, updates })).toEqual({ kind: "limit" });
		expect(system.queue.filter(({ cpu }) => cpu === undefined)).toEqual([]);
		expect(system.counts.updates).toBeGreaterThan(30);
	});

	test("a patcher that waited begins when the one before it is done", () => {
		const { machine } = systemOf(image, { entries: ["main"], model: x86, fetch: "stale" });
		const queued = createSystem(machine, image, breakpoint, { trace: true });
		run(queued, {
			updates: ["two", "one"].map((to) => ({ at: 50, changes: [change(image, "pick", to)] })),
			cycles: 5000,
		});
		const steps = queued.events!.filter(({ what }) => what === "step");
		const ends = queued.events!.filter(({ what }) => what === "end");
		expect(ends).toHaveLength(2);
		const after = steps.filter((_, i) => i >= steps.length / 2);
		expect(Math.min(...after.map(({ clock }) => clock))).toBeGreaterThanOrEqual(ends[0]!.clock);
		expect(ends[1]!.duration, "waiting counts").toBe(ends[1]!.clock - 50 * 16);
	});

	test("one that waits at the lock goes on when it is free, not earlier", () => {
		const { machine } = systemOf(image, { entries: ["main", "main"] });
		const both = createSystem(machine, image, breakpoint, { trace: true });
		submit(both, planOf(both, "pick", "two") as Update, 0);
		submit(both, planOf(both, "hook", "one") as Update, 0);
		settle(both);
		const [first, second] = [0, 1].map((patcher) => both.events!.filter((event) => event.patcher === patcher));
		const end = first!.find(({ what }) => what === "end")!.clock;
		const stores = second!.filter(({ what, detail }) => what === "step" && detail.startsWith("store"));
		expect(stores.length).toBeGreaterThan(3);
		expect(Math.min(...stores.map(({ clock }) => clock))).toBeGreaterThanOrEqual(end);
	});

	test("changing the same site twice at a time is refused, another one is not", () => {
		const system = systemOf(image, { entries: ["main", "main"] });
		const pick = planOf(system, "pick", "two") as Update;
		const hook = planOf(system, "hook", "one") as Update;
		expect(submit(system, pick, 0)).toBe(0);
		expect(submit(system, pick, 0)).toMatchObject({ refused: expect.stringMatching(/patched by somebody else/) });
		expect(submit(system, hook, 0)).toBe(1);
		expect(settle(system)).toBeUndefined();
		expect([system.counts.updates, system.counts.syncs]).toEqual([2, 6]);
		expect(submit(system, planOf(system, "pick", "one") as Update, 0)).toBe(0);
	});

	test("with interrupts masked nobody may ask for an update", () => {
		const system = systemOf(image, { entries: ["wrong", "main"] });
		expect(run(system, { cycles: 1e5 })).toMatchObject({ kind: "trapped", cpu: 0 });
		expect(system.refusal).toMatch(/interrupts masked/);
		expect(system.queue).toEqual([]);
	});

	test("a CPU may be parked and released wherever it is", () => {
		const system = systemOf(image, {
			entries: ["main", "idler", "updater", "masked"],
			protocol: protocolNamed("stop-machine"),
			model: x86,
			fetch: "stale",
		});
		expect(run(system, { cycles: 20_000 })).toEqual({ kind: "limit" });
		expect(system.counts.updates).toBeGreaterThan(20);
		const statuses = system.machine.cores.map(({ id }) => getCpu(system.machine, id, Cpu.before));
		expect(statuses.every((before) => before === 0 || before === Status.patching)).toBe(true);
	});
});

describe("pages that a patcher holds", () => {
	const image = imageOf(`
		.global main, masked
		.static_call pick, one
		.type main, @function
	main:	call	__SCT__pick
		jmp	main
		.type masked, @function
	masked:	cli
	1:	call	__SCT__pick
		jmp	1b
		.type reader, @function
	reader:	ld	r1, [r2 + one]
		jmp	reader
		.type writer, @function
	writer:	st	[r2 + one], r1
		jmp	writer
		.type one, @function
	one:	ret
		.type two, @function
	two:	ret`);
	const held = (protocol: string, entries: string[]): System => {
		const system = systemOf(image, { entries, protocol: protocolNamed(protocol), model: x86, fetch: "stale" });
		run(system, { cycles: 50 });
		submit(system, planUpdate(system, [change(image, "pick", "two")], system.protocol) as Update, 50 * 16);
		return system;
	};

	test.each(["unmap-write-map", "rw-flip"])("%s: who fetches or reads there tries again", (protocol) => {
		const system = held(protocol, ["main", "reader", "main"]);
		expect(settle(system)).toBeUndefined();
		expect(system.counts.traps).toBeGreaterThan(0);
		expect(runFor(system, 500)).toEqual({ kind: "limit" });
	});

	test.each(["unmap-write-map", "rw-flip"])(
		"%s: a CPU that faults with interrupts masked does not hold it up",
		(protocol) => {
			const system = held(protocol, ["masked", "main"]);
			expect(settle(system)).toBeUndefined();
			expect(getCpu(system.machine, 0, Cpu.masked)).toBe(1);
		},
	);

	test("a store to text is never let through", () => {
		const system = held("unmap-write-map", ["main", "main"]);
		for (let i = 0; i < 100 && system.machine.words[Global.window] === 0; i++) runFor(system, 1);
		setCpu(system.machine, 1, Cpu.pc, image.symbolNamed("writer")!.address);
		expect(run(system)).toMatchObject({ kind: "trapped", cpu: 1, stop: Stop.storeFault });
		expect(system.machine.words[Global.window], "while the pages are held").toBe(1);
	});

	test("a fault elsewhere stays one", () => {
		const system = held("unmap-write-map", ["main", "main"]);
		setCpu(system.machine, 1, Cpu.pc, 0x300000);
		expect(run(system)).toMatchObject({ kind: "trapped", cpu: 1, stop: Stop.fetchFault, value: 0x300000 });
	});

	test("a fault that is only the TLB's is tried again", () => {
		const system = systemOf(image, { entries: ["main", "reader"], model: x86, fetch: "stale" });
		const text = image.symbolNamed("one")!.address & ~(PAGE - 1);
		run(system, { cycles: 50 });
		const { machine } = system;
		protectPages(machine, 0, text, PAGE, { r: true, w: false, x: false });
		protectPages(machine, 0, text, PAGE, RX);
		expect(runFor(system, 2000)).toEqual({ kind: "limit" });
	});

	test.each(["unmap-write-map", "rw-flip", "breakpoint", "stop-machine"])(
		"%s under text mapped in two address spaces and by a large page",
		(name) => {
			const system = largeSystem(name);
			expect(settle(system)).toBeUndefined();
			expect(system.counts.updates).toBe(1);
			const bytes = readVirtual(system.machine, 0, LARGE + 16, 5)!;
			expect([...bytes]).toEqual([...encode("nop5")]);
			for (const cpu of [0, 1]) expect(getCpu(system.machine, cpu, Cpu.status)).toBe(Status.running);
		},
	);

	const LARGE = 2 ** 21;

	/** Two CPUs, in two spaces that share a page of 2 MiB, go round a loop with a site, far from where they started. */
	function largeSystem(protocol: string): System {
		const machine = bareMachine({ memory: 2 * LARGE, model: x86, fetch: "stale" });
		const code = [encode("call", { imm: 0x100000 }), encode("jmp", { imm: -10 })];
		putCode(machine, LARGE + 16, ...code);
		putCode(machine, LARGE + 16 + 5 + 0x100000, encode("ret"));
		for (const cpu of [0, 1]) {
			mapPages(machine, cpu, LARGE, LARGE, LARGE, RX, true);
			mapPages(machine, cpu, 0x1000, cpu * PAGE, PAGE, RW);
			setCpu(machine, cpu, Cpu.space, cpu);
			setCpu(machine, cpu, Cpu.pc, LARGE + 16);
			setCpu(machine, cpu, Cpu.status, Status.running);
			machine.cores[cpu]!.r[15] = 0x2000;
		}
		const system = createSystem(machine, image, protocolNamed(protocol));
		const update = plan(system.protocol, [edit(LARGE + 16, encode("call", { imm: 0x100000 }), encode("nop5"))], x86);
		runFor(system, 100);
		submit(system, { ...update, keys: [] }, 100 * 16);
		return system;
	}
});

describe("early", () => {
	const early = protocolNamed("early");
	const image = imageOf(`
		.global main
		.static_call pick, one
		.type main, @function
	main:	call	__SCT__pick
		jmp	main
		.type one, @function
	one:	ret
		.type two, @function
	two:	movi	r5, 2
		ret`);
	const update = (system: System, cpu?: number): Update | Refusal =>
		planUpdate(system, [change(image, "pick", "two")], early, cpu);

	test.each(["x86", "arm"])("%s: before the start nobody has seen the old bytes", (model) => {
		const system = systemOf(image, { model: modelNamed(model), fetch: "stale", cpus: 2 });
		applyNow(system, update(system) as Update);
		expect(system.machine.words[Global.histories]).toBe(0);
		run(system, { cycles: 50 });
		expect(system.machine.cores[0]!.r[5]).toBe(2);
		expect(system.counts.syncs).toBe(0);
	});

	test("is refused while somebody else may run the text", () => {
		const system = systemOf(image, { entries: ["main", "main"] });
		run(system, { cycles: 50 });
		const refused = {
			refused: expect.stringMatching(/protocol 'early' patches text that nobody runs, and CPU 0 does/),
		};
		expect(update(system)).toMatchObject(refused);
		expect(update(system, 1)).toMatchObject(refused);
	});

	test("is allowed to the only CPU that runs", () => {
		const system = systemOf(image, { model: x86, fetch: "stale" });
		run(system, { cycles: 50 });
		expect(update(system)).toHaveProperty("refused");
		const own = update(system, 0) as Update;
		setCpu(system.machine, 0, Cpu.status, Status.patching);
		submit(system, own, 50 * 16, 0);
		expect(settle(system)).toBeUndefined();
		expect(system.machine.words[Global.histories], "it went on through a barrier").toBe(0);
	});

	test("is allowed on text that was never executable, whoever runs", () => {
		const system = systemOf(image, { entries: ["main", "main"] });
		run(system, { cycles: 50 });
		const { machine } = system;
		// As a loader of modules has it: bytes in place, their page not yet executable.
		for (const frame of [...machine.codeFrames.keys()]) machine.codeFrames.delete(frame);
		expect(update(system)).toHaveProperty("steps");
	});
});

describe("protocols that need their sites aligned", () => {
	test.each(["aligned-store", "spin-jump"])("%s says where one is not, and what to do", (name) => {
		const system = hotSystem();
		const refused = planUpdate(system, [change(system.image, "pick", "two")], protocolNamed(name)) as Refusal;
		expect(refused.refused).toMatch(
			new RegExp(
				`protocol '${name}' patches sites inside an aligned 8 bytes, and the one at 0x[0-9a-f]+ is not: build with --align-sites`,
			),
		);
		const address = Number(/0x[0-9a-f]+/.exec(refused.refused)![0]);
		expect((address % 8) + 5).toBeGreaterThan(8);
	});

	test("a site in the way of another key does not matter", () => {
		const system = hotSystem({ aligned: true, protocol: protocolNamed("spin-jump") });
		const patcher = begin(system, { pick: "two", hook: "three" });
		expect(isAtWork(system, patcher)).toBe(true);
		expect(settle(system)).toBeUndefined();
	});
});

test("CPUs that exchange their tasks exchange the processes that these run in", () => {
	const counting = imageOf(`	.global main
	.type main, @function
main:	ld	r1, [r10 + count]
	addi	r1, r1, 1
	st	[r10 + count], r1
	addi	r8, r8, -1
	cmpi	r8, 0
	jne	main
	hlt
	.data
count:	.word 0
`);
	const system = systemOf(counting, { cpus: 2, processes: 2, entries: ["main", "main"] });
	const { machine } = system;
	const space = (cpu: number): number => getCpu(machine, cpu, Cpu.space);
	const count = (of: number): number => readWord(machine, of, counting.symbolNamed("count")!.address)!;
	machine.cores[0]!.r[8] = 40;
	machine.cores[1]!.r[8] = 47;
	runFor(system, 60);
	expect([space(0), space(1)]).toEqual([0, 1]);
	const steps: Step[] = [{ kind: "exchange", cpus: [0, 1], serialize: false }];
	submit(system, { steps, edits: [], label: "exchange" }, 0);
	expect(run(system)).toEqual({ kind: "halted" });
	expect([space(0), space(1)]).toEqual([1, 0]);
	expect([count(0), count(1)]).toEqual([40, 47]);
});
