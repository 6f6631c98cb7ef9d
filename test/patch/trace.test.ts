// Traces: valid by the rules of the Trace Event Format, and with everything in them that an update does.

import { describe, expect, test } from "vitest";
import { Patcher } from "../../runtime/machine/layout.ts";
import { change } from "../../runtime/patch/change/update.ts";
import {
	applyNow,
	createSystem,
	early,
	perfettoTrace,
	planUpdate,
	run,
	type System,
	type TraceEvent,
	textTrace,
	type Update,
} from "../../runtime/patch/index.ts";
import { getPatcher } from "../../runtime/patch/system.ts";
import { imageOf, modelNamed, protocolNamed, systemOf } from "../machines.ts";

const source = `
        .global main
        .static_call pick, fifo
        .type main, @function
main:   movi    r1, 400
1:      call    __SCT__pick
        addi    r1, r1, -1
        cmpi    r1, 0
        jne     1b
        movi    r0, 7
        ecall   1
        ecall   4
        hlt
        .type worker, @function
worker: movi    r1, 600
1:      call    __SCT__pick
        addi    r1, r1, -1
        cmpi    r1, 0
        jne     1b
        hlt
        .type fifo, @function
fifo:   addi    r2, r2, 1
        ret
        .type deadline, @function
deadline: addi  r3, r3, 1
        ret
`;

function traced(protocol = "breakpoint"): System {
	const image = imageOf(source);
	const plain = systemOf(image, { entries: ["main", "worker", "worker"], protocol: protocolNamed(protocol) });
	const system = createSystem(plain.machine, image, plain.protocol, { trace: true });
	const end = run(system, { updates: [{ at: 300, changes: [change(image, "pick", "deadline")] }] });
	expect(end.kind).toBe("halted");
	return system;
}

/** Slices of a lane contain each other or are apart. */
function expectNested(slices: readonly TraceEvent[]): void {
	const open: number[] = [];
	for (const { ts, dur, name } of slices) {
		while (open.length > 0 && open.at(-1)! <= ts) open.pop();
		if (open.length > 0) expect(ts + dur!, name).toBeLessThanOrEqual(open.at(-1)!);
		open.push(ts + dur!);
	}
}

describe("a Perfetto trace", () => {
	const { traceEvents } = JSON.parse(JSON.stringify(perfettoTrace(traced()))) as { traceEvents: TraceEvent[] };
	const named = (tid: number): unknown =>
		traceEvents.find((e) => e.name === "thread_name" && e.tid === tid)?.args?.name;
	const inLane = (lane: string, ph: string): TraceEvent[] =>
		traceEvents.filter((event) => named(event.tid) === lane && event.ph === ph);

	test("has only events of the format, each in a named lane", () => {
		for (const event of traceEvents) {
			expect(["X", "i", "s", "f", "C", "M"]).toContain(event.ph);
			expect(event.pid).toBe(1);
			expect(event.ts).toBeGreaterThanOrEqual(0);
			if (event.ph === "X") expect(event.dur).toBeGreaterThanOrEqual(0);
			if (event.ph === "i") expect(event.s).toBe("t");
			if (event.name !== "process_name" && event.ph !== "C") expect(named(event.tid)).toBeDefined();
		}
		const times = traceEvents.filter(({ ph }) => ph !== "M").map(({ ts }) => ts);
		expect(times).toEqual(times.toSorted((a, b) => a - b));
	});

	test("has slices that nest", () => {
		for (const lane of ["patcher", "CPU 0", "CPU 1", "CPU 2"]) expectNested(inLane(lane, "X"));
	});

	test("shows the update, its phases and its steps", () => {
		const slices = inLane("patcher", "X");
		expect(slices.filter(({ cat }) => cat === "update").map(({ name }) => name)).toEqual(["update pick"]);
		expect(slices.filter(({ cat }) => cat === "phase").map(({ name }) => name)).toEqual([
			"write breakpoint",
			"sync serialize",
			"write tail",
			"sync serialize",
			"write head",
			"sync serialize",
		]);
		const instants = inLane("patcher", "i").filter(({ cat }) => cat === "phase");
		expect(instants.map(({ name }) => name)).toEqual(["arm", "disarm"]);
		expect(slices.some(({ name }) => /^store 0x[0-9a-f]+ cc$/.test(name))).toBe(true);
	});

	test("has an arrow from every sync to every CPU", () => {
		const starts = traceEvents.filter(({ ph }) => ph === "s");
		const ends = traceEvents.filter(({ ph }) => ph === "f");
		expect(starts).toHaveLength(3 * 3);
		expect(ends.map(({ id }) => id)).toEqual(expect.arrayContaining(starts.map(({ id }) => id)));
		for (const end of ends) {
			expect(starts.find(({ id }) => id === end.id)!.ts).toBeLessThanOrEqual(end.ts);
			const around = traceEvents.find(
				({ ph, tid, ts, cat }) => ph === "X" && cat === "interrupt" && tid === end.tid && ts === end.ts,
			);
			expect(around?.name).toBe("interrupt: serialize");
		}
	});

	test("shows where each CPU first runs the new target", () => {
		for (const [lane, place] of [
			["CPU 0", "main+0x6"],
			["CPU 1", "worker+0x6"],
			["CPU 2", "worker+0x6"],
		] as const) {
			const first = inLane(lane, "i").filter(({ cat }) => cat === "first");
			expect(first.map(({ name }) => name)).toEqual([`first run of ${place}`]);
			const [update] = inLane("patcher", "X").filter(({ cat }) => cat === "update");
			expect(first[0]!.ts).toBeGreaterThan(update!.ts);
		}
	});

	test("shows traps, prints and halts", () => {
		const kinds = new Set(traceEvents.map(({ cat }) => cat));
		expect([...kinds]).toEqual(expect.arrayContaining(["trap", "print", "halt"]));
		expect(inLane("CPU 0", "i").map(({ name }) => name)).toContain("print: 7");
	});
});

describe("the counters of a Perfetto trace", () => {
	/** The values of a counter, in the order of time. */
	function curve(system: System, name: string): number[] {
		const own = perfettoTrace(system).traceEvents.filter((event) => event.ph === "C" && event.name === name);
		return own.map(({ args }) => args!.value as number);
	}

	function stormy(fetch: "stale" | "fresh"): System {
		const image = imageOf(source.replaceAll(/^(fifo|deadline):/gm, "$1: .entry_nop\n"));
		const plain = systemOf(image, { entries: ["main", "worker"], model: modelNamed("x86"), fetch });
		const system = createSystem(plain.machine, image, plain.protocol, { trace: true });
		const functions = image.entries.map(({ address }) => address);
		applyNow(system, planUpdate(system, [{ functions, traced: true }], early) as Update);
		run(system, { updates: [{ at: 300, changes: [change(image, "pick", "deadline")] }] });
		return system;
	}

	const system = stormy("stale");

	test("count the calls at the sites of each key, whatever they call", () => {
		const { calls } = system.tracer;
		expect(calls.length).toBeGreaterThan(900);
		expect(curve(system, "calls at sites of pick")).toEqual(calls.map((_, i) => i + 1));
	});

	test("count stores, interrupts and traps", () => {
		expect(curve(system, "stores of patchers").at(-1)).toBe(system.counts.stores);
		const total = (what: string): number =>
			[0, 1].reduce((sum, id) => sum + (curve(system, `${what}, CPU ${id}`).at(-1) ?? 0), 0);
		expect(total("interrupts")).toBe(system.counts.interrupts);
		expect(total("traps")).toBe(system.counts.traps);
	});

	test("say how much code is in flux: something after the first store, nothing in the end", () => {
		const flux = curve(system, "code bytes in flux");
		expect(Math.max(...flux)).toBeGreaterThan(0);
		expect(flux.at(-1)).toBe(0);
		expect(curve(stormy("fresh"), "code bytes in flux")).toEqual([]);
	});
});

test("an update's slice begins when its patcher does, not when it was asked for", () => {
	const image = imageOf(source);
	const plain = systemOf(image, { entries: ["main", "worker"] });
	const system = createSystem(plain.machine, image, plain.protocol, { trace: true });
	const update = (at: number, to: string) => ({ at, changes: [change(image, "pick", to)] });
	run(system, { updates: [update(300, "deadline"), update(301, "fifo")] });
	const slices = perfettoTrace(system).traceEvents.filter(({ tid, ph }) => tid === 1000 && ph === "X");
	expect(slices.filter(({ cat }) => cat === "update")).toHaveLength(2);
	expectNested(slices);
});

test("what is patched before the start takes no time, in both kinds of trace", () => {
	const image = imageOf(source);
	const plain = systemOf(image);
	const system = createSystem(plain.machine, image, plain.protocol, { trace: true });
	for (const to of ["deadline", "fifo", "deadline"])
		applyNow(system, planUpdate(system, [change(image, "pick", to)], early) as Update);
	run(system);
	const patched = perfettoTrace(system).traceEvents.filter(({ tid, ph }) => tid === 1000 && ph !== "M");
	expect(patched.filter(({ cat }) => cat === "update")).toHaveLength(3);
	expect(patched.filter(({ ts, ph }) => ts !== 0 || ph !== "i")).toEqual([]);
	const lines = textTrace(system).split("\n");
	const first = lines.findIndex((line) => line.includes("first run of"));
	expect(lines.slice(first).some((line) => line.includes("write whole"))).toBe(false);
	expect(getPatcher(system.machine, 0, Patcher.clock)).toBe(0);
});

test("the first run is seen without a trap too", () => {
	const { events = [] } = traced("stop-machine");
	expect(events.filter(({ what }) => what === "trap")).toEqual([]);
	expect(events.filter(({ what }) => what === "first").map(({ cpu }) => cpu)).toHaveLength(3);
});

test("a text trace has a column per CPU and one for the patcher", () => {
	const lines = textTrace(traced()).trimEnd().split("\n");
	expect(lines[0]).toMatch(/^ +cycle {2}patcher +CPU 0 +CPU 1 +CPU 2$/);
	const clocks = lines.slice(1).map((line) => Number.parseFloat(line));
	expect(clocks).toEqual(clocks.toSorted((a, b) => a - b));
	const at = lines[0]!.indexOf("CPU 1");
	expect(lines.find((line) => line.slice(at).startsWith("first run of worker+0x6"))).toBeDefined();
	expect(lines.some((line) => line.includes("write tail: store"))).toBe(true);
});
