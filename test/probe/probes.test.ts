// Probes: where they may go, what a hit does, and that the program notices nothing.

import { describe, expect, test } from "vitest";
import { HostCall } from "../../linker/isa/host-calls.ts";
import { encode } from "../../linker/isa/index.ts";
import { Cpu, Patcher, Status } from "../../runtime/machine/layout.ts";
import { readVirtual, writePhysical } from "../../runtime/machine/memory.ts";
import { models } from "../../runtime/machine/models/index.ts";
import { extentOf, mappings, permits, unmapPages } from "../../runtime/machine/page-table.ts";
import { getCpu, PAGE } from "../../runtime/machine/state.ts";
import { views } from "../../runtime/machine/views.ts";
import { now } from "../../runtime/patch/drive/run.ts";
import {
	applyNow,
	isPatching,
	kill,
	recover,
	run,
	type System,
	staticCalls,
	submit,
	type Update,
} from "../../runtime/patch/index.ts";
import { getPatcher } from "../../runtime/patch/system.ts";
import {
	createProbes,
	type Handler,
	insert,
	type Probe,
	type ProbeOptions,
	type Probes,
	remove,
	takenSlots,
} from "../../runtime/probe/index.ts";
import { insertion, newProbe, removal } from "../../runtime/probe/insert.ts";
import { optimisation, reserveTrampoline } from "../../runtime/probe/optimise.ts";
import { digestOf, imageOf, modelNamed, type SystemOptions, systemOf, wordAt } from "../machines.ts";

/** Every kind of instruction with a place of its own; the sum at the end depends on each. */
const source = (rounds: number): string => `
	.global main
	.static_call hook, one
	.type main, @function
main:	movi	r8, ${rounds}
again:	nop
	nop5
	movi	r1, 5
push:	push	r1
	ld	r2, [sp + 0]
pop:	pop	r3
	add	r2, r2, r3
	xadd	r2, [r10 + total]
	cmpi	r8, 3
branch:	jlt	low
	nop
low:	movi	r4, double
	movi	r1, 7
callr:	callr	r4
call:	call	double
	xadd	r1, [r10 + total]
	ret0
site:	call	__SCT__hook
	addi	r8, r8, -1
	cmpi	r8, 0
	jne	again
	ret
	.size	main, . - main
	.type double, @function
double:	add	r1, r1, r1
	ret
	.size	double, . - double
	.type one, @function
one:	ret
	.size	one, . - one
	.type two, @function
two:	ret
	.size	two, . - two
	.data
total:	.word 0
`;
const image = imageOf(source(10));
const TOTAL = 10 * (10 + 28);
/** The same at the same addresses, for longer. */
const LONG = 200;
const longer = imageOf(source(LONG));

function probed(options: SystemOptions & ProbeOptions = {}, program = image): Probes {
	const { outOfLine, slots, optimise, redzone, ...rest } = options;
	const system = systemOf(program, { spare: 64, ...rest });
	return createProbes(system, JSON.parse(JSON.stringify({ outOfLine, slots, optimise, redzone })));
}

function at(label: string, offset = 0): number {
	return image.symbolNamed(label)!.address + offset;
}

function put(probes: Probes, address: number, handler: Handler = "count", space = 0): Probe {
	const probe = insert(probes, space, address, handler);
	if (!("hits" in probe)) throw new Error(JSON.stringify(probe));
	return probe;
}

/** Addresses of the instructions of a function that can be probed. */
function instructions(probes: Probes, name: string): number[] {
	const { address, size } = image.symbolNamed(name)!;
	const found: number[] = [];
	for (let offset = 0; offset < size; offset++) {
		const probe = insert(probes, 0, address + offset);
		if ("hits" in probe) {
			expect(remove(probes, probe)).toBeUndefined();
			found.push(address + offset);
		}
	}
	return found;
}

function finish(system: System): void {
	expect(run(system)).toEqual({ kind: "halted" });
	expect(wordAt(system, "total")).toBe(TOTAL);
}

describe("a hit", () => {
	test.each(["needed", "always"] as const)("is counted and changes nothing, out of line when %s", (outOfLine) => {
		const probes = probed({ outOfLine });
		const all = ["again", "push", "pop", "branch", "callr", "call"].map((label) => put(probes, at(label)));
		finish(probes.system);
		expect(all.map(({ hits }) => hits)).toEqual([10, 10, 10, 10, 10, 10]);
		expect(takenSlots(probes.system.machine, probes.areas.get(0)!)).toBe(0);
	});

	test("of every instruction at once", () => {
		const probes = probed({ outOfLine: "always" });
		const places = [...instructions(probes, "main"), ...instructions(probes, "double")];
		expect(places.length).toBe(24);
		const all = places.map((address) => put(probes, address));
		finish(probes.system);
		expect(all.every(({ hits }) => hits > 0)).toBe(true);
		expect(probes.system.counts.probeTraps).toBeGreaterThan(300);
	});
});

describe("a refusal", () => {
	const refusal = (probes: Probes, address: number, space = 0): string => {
		const answer = insert(probes, space, address);
		return "refused" in answer ? answer.refused : "";
	};

	test("says why", () => {
		const probes = probed();
		expect(refusal(probes, at("again", 2))).toMatch("in the middle of the instruction at main+0x7");
		expect(refusal(probes, at("site"))).toMatch("belongs to 'hook'");
		expect(refusal(probes, at("__SCT__hook"))).toMatch("no probe at __SCT__hook");
		expect(refusal(probes, at("total"))).toMatch("not in executable memory");
		expect(refusal(probes, 0x7000_0000)).toMatch("it is in no function");
		expect(refusal(probes, at("again"), 1)).toMatch("there is no process 1");
		put(probes, at("again"));
		expect(refusal(probes, at("again"))).toMatch("there is one already");
		expect(probes.system.counts.updates).toBe(1);
	});

	test("of what is not what the file has, of breakpoints, and of a page of slots", () => {
		const probes = probed();
		const { machine } = probes.system;
		writePhysical(machine, extentOf(machine, 0, at("double"))!.physical + (at("double") % PAGE), encode("spin"));
		expect(refusal(probes, at("double"))).toMatch("it holds eb 11 01, and the file has 01 11 01");
		put(probes, at("again"));
		expect(refusal(probes, probes.areas.get(0)!.address)).toMatch("it is in no function");
		const traps = imageOf("\t.global main\n\t.type main, @function\nmain:\tbrk\nspin:\tspin\n\t.size main, . - main\n");
		const own = createProbes(systemOf(traps, { spare: 64 }));
		for (const label of ["main", "spin"])
			expect(insert(own, 0, traps.symbolNamed(label)!.address)).toMatchObject({ refused: /breakpoint of its own/ });
	});

	test("goes the other way too: a static call with a probe on it is not updated", () => {
		const probes = probed();
		const { system } = probes;
		const probe = put(probes, at("one"));
		expect(staticCalls(system).update({ hook: "two" })).toEqual({ sites: 1, trampolines: 1 });
		expect(remove(probes, probe)).toBeUndefined();
		// As if the claim had been there before the image's sites were: a probe that got in somehow.
		const area = probes.areas.get(0)!;
		const stray = put(probes, at("two"));
		area.known.set(at("site"), { ...stray, address: at("site"), place: "site", bytes: new Uint8Array(5) });
		expect(staticCalls(system).update({ hook: "one" })).toEqual({
			refused: `the site at 0x${at("site").toString(16)} is taken by a probe at site`,
		});
		expect(staticCalls(system).get("hook").query()).toBe("two");
	});
});

describe("the page", () => {
	const physical = (system: System, space: number): number => extentOf(system.machine, space, at("main"))!.physical;

	test("is the process's own while it is probed, and the shared one again after", () => {
		const probes = probed({ cpus: 2, processes: 2 });
		const { system } = probes;
		const shared = physical(system, 0);
		expect(physical(system, 1)).toBe(shared);
		const [one, two] = [put(probes, at("again")), put(probes, at("pop"))];
		expect(physical(system, 0)).not.toBe(shared);
		expect(physical(system, 1)).toBe(shared);
		expect(readVirtual(system.machine, 1, at("again"), 1)).toEqual(encode("nop"));
		expect(remove(probes, one)).toBeUndefined();
		expect(physical(system, 0)).not.toBe(shared);
		expect(remove(probes, two)).toBeUndefined();
		expect(physical(system, 0)).toBe(shared);
	});

	test("of one process is probed: the other is not told, and both compute the same", () => {
		const probes = probed({ cpus: 2, processes: 2, outOfLine: "always" });
		const [mine, other] = [put(probes, at("again")), put(probes, at("call"), "count", 1)];
		const { system } = probes;
		finish(system);
		expect([mine.hits, other.hits]).toEqual([10, 10]);
		expect(new DataView(readVirtual(system.machine, 1, at("total"), 4)!.buffer).getInt32(0, true)).toBe(TOTAL);
	});

	test("is patched with the shared one: no update is lost, however it comes", () => {
		const probes = probed({ cpus: 2, processes: 2 });
		const { system } = probes;
		const probe = put(probes, at("again"));
		const held = (space: number): Uint8Array => readVirtual(system.machine, space, at("site"), 5)!;
		const before = held(1);
		expect(staticCalls(system).update({ hook: "two" })).toEqual({ sites: 1, trampolines: 1 });
		expect(held(0)).toEqual(held(1));
		expect(held(0)).not.toEqual(before);
		const key = (space: number) => readVirtual(system.machine, space, image.keys[0]!.address, 4);
		expect(key(0)).toEqual(key(1));
		expect(remove(probes, probe)).toBeUndefined();
		expect(physical(system, 0)).toBe(physical(system, 1));
		expect(staticCalls(system).update({ hook: "one" })).toEqual({ sites: 1, trampolines: 1 });
		put(probes, at("again"));
		expect(held(0)).toEqual(before);
		finish(system);
	});

	test("does not come back while something else in it differs", () => {
		const probes = probed();
		const { machine } = probes.system;
		const probe = put(probes, at("again"));
		const { copies } = probes.system;
		writePhysical(machine, copies[0]!.own + (at("double") % PAGE), encode("nop"));
		expect(remove(probes, probe)).toBeUndefined();
		expect(physical(probes.system, 0)).toBe(copies[0]!.own);
	});
});

describe("slots", () => {
	test("a CPU waits while all are taken", () => {
		const probes = probed({ cpus: 3, entries: ["main", "main", "main"], outOfLine: "always", slots: 1 });
		const { system } = probes;
		const all = ["again", "pop", "callr"].map((label) => put(probes, at(label)));
		let waited = 0;
		for (let cycles = 1; run(system, { cycles }).kind === "limit"; cycles++)
			for (const { id } of system.machine.cores)
				if (getCpu(system.machine, id, Cpu.status) === Status.waiting) waited++;
		expect(waited).toBeGreaterThan(0);
		expect(all.map(({ hits }) => hits)).toEqual([30, 30, 30]);
		expect(wordAt(system, "total")).toBe(3 * TOTAL);
	});

	test("a fault in one is reported where the instruction is", () => {
		const faulty = imageOf(
			"\t.global main\n\t.type main, @function\nmain:\tnop\nload:\tld r1, [r10 + 64]\n\tret\n\t.size main, . - main\n",
		);
		const probes = createProbes(systemOf(faulty, { spare: 64 }));
		const load = faulty.symbolNamed("load")!.address;
		expect(insert(probes, 0, load)).toMatchObject({ place: "main+0x1" });
		expect(run(probes.system)).toMatchObject({ kind: "trapped", pc: load, value: 64 });
		expect(takenSlots(probes.system.machine, probes.areas.get(0)!)).toBe(0);
	});

	test("are full of breakpoints, and named", () => {
		const probes = probed();
		put(probes, at("again"));
		const { address } = probes.areas.get(0)!;
		expect(readVirtual(probes.system.machine, 0, address, PAGE)!.every((byte) => byte === encode("brk")[0])).toBe(true);
		expect(probes.system.named).toEqual([{ space: 0, address, bytes: PAGE, name: "[probes]" }]);
		expect(mappings(probes.system.machine).find((one) => one.address === address)).toMatchObject({
			r: true,
			w: false,
			x: true,
		});
	});

	test.each(["unmapped", "overwritten"])("%s by the process: it dies, and the other goes on", (how) => {
		const probes = probed({ cpus: 2, processes: 2, outOfLine: "always" });
		const { system } = probes;
		put(probes, at("pop"));
		put(probes, at("pop"), "count", 1);
		const area = probes.areas.get(0)!;
		if (how === "unmapped") unmapPages(system.machine, 0, area.address, PAGE);
		else system.machine.memory.fill(0, area.physical, area.physical + PAGE);
		// What is overwritten after the instruction was put there: as the process's other threads might.
		if (how === "overwritten") overwriteBeforeSteps(probes);
		expect(run(system)).toEqual({ kind: "halted" });
		expect(system.deaths).toMatchObject([{ space: 0, cpu: 0, pc: at("pop"), why: /unmapped or overwritten: pop/ }]);
		expect(new DataView(readVirtual(system.machine, 1, at("total"), 4)!.buffer).getInt32(0, true)).toBe(TOTAL);
	});

	function overwriteBeforeSteps({ system, areas }: Probes): void {
		const { physical } = areas.get(0)!;
		for (let cycles = 1; getCpu(system.machine, 0, Cpu.stepping) === 0; cycles++) run(system, { cycles });
		writePhysical(system.machine, physical, encode("brk"));
	}
});

test("a machine without room for the page of slots is refused a probe, and goes on", () => {
	const probes = createProbes(systemOf(image, { spare: 2 }));
	expect(insert(probes, 0, at("again"))).toEqual({
		refused: "no probe at main+0x6: the machine has no memory left for it",
	});
	finish(probes.system);
});

test.each(["finish", "rollback"] as const)("a patcher that dies with a probe half there is carried on: %s", (how) => {
	for (let steps = 1; ; steps++) {
		const probes = probed({ entries: ["main", "main"] }, longer);
		const { system } = probes;
		run(system, { cycles: 100 });
		const probe = newProbe(probes, 0, at("pop"), "count") as Probe;
		const patcher = submit(system, insertion(probes, probe), now(system)) as number;
		const isThere = (): boolean => getPatcher(system.machine, patcher, Patcher.at) >= steps;
		for (let cycles = 101; !isThere() && isPatching(system.machine); cycles++) run(system, { cycles });
		const died = isPatching(system.machine);
		kill(system, patcher);
		run(system, { cycles: 5000 });
		recover(system, how);
		expect(run(system)).toEqual({ kind: "halted" });
		expect([wordAt(system, "total"), probe.hits > 0]).toEqual([(2 * TOTAL * LONG) / 10, true]);
		if (!died) break;
	}
});

test("a plan changes nothing until it is carried out, and the first one maps the page of slots", () => {
	const probes = probed({ optimise: true, spare: 64 });
	const { machine } = probes.system;
	const [one, two] = [at("again", 1), at("pop")].map((address) => newProbe(probes, 0, address, "count") as Probe);
	reserveTrampoline(probes, 0);
	const planned = (plan: () => Update): readonly string[] => {
		const before = digestOf(machine);
		const { steps } = plan();
		expect(digestOf(machine)).toBe(before);
		return steps.map(({ kind }) => kind);
	};
	const { address } = probes.areas.get(0)!;
	expect(planned(() => insertion(probes, one!)).slice(0, 3)).toEqual(["lock", "map", "clone"]);
	expect(permits(machine, 0, address, "x")).toBe(false);
	applyNow(probes.system, insertion(probes, one!));
	expect(permits(machine, 0, address, "x")).toBe(true);
	expect(planned(() => insertion(probes, two!)).slice(0, 2)).toEqual(["lock", "store"]);
	expect(planned(() => optimisation(probes, one!)).slice(0, 5)).toEqual(["lock", "map", "store", "interrupt", "await"]);
	expect(planned(() => removal(probes, one!)).at(-1)).toBe("unlock");
});

describe("a call for a breakpoint", () => {
	const nop5 = at("again", 1);

	test("goes to a trampoline in which CPUs may see breakpoints until they serialize", () => {
		const probes = probed({ model: modelNamed("riscv"), fetch: "stale" }, longer);
		const { system } = probes;
		const { machine } = system;
		run(system, { cycles: 50 });
		const probe = put(probes, nop5);
		reserveTrampoline(probes, 0);
		const update = optimisation(probes, probe);
		const patcher = submit(system, update, now(system)) as number;
		const seen = (): number[] =>
			views(machine, 0, probes.areas.get(0)!.trampoline!.address, 1)[0]!.values.map((one) => one.value);
		const stored = update.steps.findIndex(({ kind }) => kind === "store") + 1;
		const synced = update.steps.findIndex(({ kind }) => kind === "await") + 1;
		const reach = (steps: number): void => {
			for (let cycles = now(system) / 16; getPatcher(machine, patcher, Patcher.at) < steps; cycles++)
				run(system, { cycles });
		};
		reach(stored);
		expect(seen()).toEqual([encode("brk")[0], encode("ecall", { imm: HostCall.probe })[0]]);
		reach(synced);
		expect(seen()).toEqual([encode("ecall", { imm: HostCall.probe })[0]]);
	});

	test("takes its place after the first hit, and goes again", () => {
		const probes = probed({ optimise: true }, longer);
		const { system } = probes;
		const probe = put(probes, nop5);
		run(system, { cycles: 2000 });
		expect(readVirtual(system.machine, 0, nop5, 1)).toEqual(Uint8Array.of(encode("call", { imm: 0 })[0]!));
		const { probeTraps } = system.counts;
		expect(probeTraps).toBeGreaterThan(0);
		expect(run(system)).toEqual({ kind: "halted" });
		expect([probe.hits, system.counts.probeTraps]).toEqual([LONG, probeTraps]);
		expect(system.named.map(({ name }) => name)).toEqual(["[probes]", "[probe-trampolines]"]);
		expect(remove(probes, probe)).toBeUndefined();
		expect(readVirtual(system.machine, 0, nop5, 5)).toEqual(encode("nop5"));
	});

	test("is not made where a red zone may be", () => {
		const probes = probed({ optimise: true, redzone: 16 });
		const probe = put(probes, nop5);
		finish(probes.system);
		expect([probe.uncallable, probe.hits, probes.system.counts.probeTraps]).toEqual([
			expect.stringContaining("below the stack pointer"),
			10,
			10,
		]);
	});

	test("is made where the stack pointer is out of the way", () => {
		const framed = (down: number, up: number) =>
			imageOf(`\t.global main\n\t.type main, @function
main:	addi	sp, sp, -${down}
site:	nop5
	addi	sp, sp, ${up}
	ret
	.size main, . - main
`);
		for (const [down, up, callable] of [
			[16, 16, true],
			[8, 16, false],
			[16, 8, false],
		] as const) {
			const image = framed(down, up);
			const probes = createProbes(systemOf(image, { spare: 64 }), { optimise: true, redzone: 16 });
			const probe = insert(probes, 0, image.symbolNamed("site")!.address) as Probe;
			expect(probe.uncallable === undefined).toBe(callable);
		}
	});

	test("of nobody's is a trap: the host call counts only in a trampoline", () => {
		const calls = imageOf(`\t.global main\n\t.type main, @function\nmain:\tecall ${HostCall.probe}\n\tret\n`);
		const system = systemOf(calls, { spare: 64 });
		createProbes(system, { optimise: true });
		expect(run(system)).toMatchObject({ kind: "trapped", value: HostCall.probe });
	});
});

describe.each(models)("on $name", (model) => {
	test.each(["stale", "random"] as const)("probes come and go under CPUs that see %s bytes", (fetch) => {
		let hits = 0;
		for (let seed = 1; seed <= 2; seed++) {
			const entries = ["main", "main", "main"];
			const outOfLine = seed === 1 ? "needed" : "always";
			const probes = probed({ model, fetch, seed, entries, outOfLine, slots: 2, optimise: true }, longer);
			const { system } = probes;
			const labels = ["again", "push", "pop", "branch", "callr", "call", "double"];
			const places = [...labels.map((label) => at(label)), at("again", 1)];
			let present: Probe[] = [];
			for (let i = seed; run(system, { cycles: 1 + i * 40 }).kind === "limit"; i++) {
				const chosen = present.find(({ address }) => address === places[(i * 5) % places.length]);
				if (chosen === undefined) {
					const probe = insert(probes, 0, places[(i * 5) % places.length]!);
					if ("hits" in probe) present.push(probe);
				} else {
					remove(probes, chosen);
					present = present.filter((one) => one !== chosen);
					hits += chosen.hits;
				}
			}
			expect(wordAt(system, "total")).toBe((3 * TOTAL * LONG) / 10);
		}
		expect(hits).toBeGreaterThan(100);
	});
});
