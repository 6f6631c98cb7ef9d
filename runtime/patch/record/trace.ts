// What happened in a run, for people: as a file that Perfetto and Chrome open (Trace Event Format), and as columns of
// text. Both have a lane per CPU and one per patcher. A cycle of the machine is a microsecond of the trace.

import { placeOf } from "../../../linker/link/image.ts";
import { Cpu } from "../../machine/layout.ts";
import { ticksToCycles } from "../../machine/profile.ts";
import { getCounter } from "../../machine/state.ts";
import { phaseText } from "../plan/protocol.ts";
import type { Happening, System } from "../system.ts";
import { counters } from "./counters.ts";
import { PROCESS, type TraceEvent } from "./trace-event.ts";

/** A trace in the Trace Event Format, as JSON. Times are in cycles, written as microseconds. */
export interface TraceFile {
	readonly displayTimeUnit: "ms";
	readonly otherData: Readonly<Record<string, string>>;
	readonly traceEvents: readonly TraceEvent[];
}

/** Lanes: CPUs are 1.., patchers come before them. */
const PATCHERS = 1000;

/**
 * What happened in a system as a trace for Perfetto: a lane per CPU and per patcher. Without `trace` in the
 * system's options there are no events.
 */
export function perfettoTrace(system: System): TraceFile {
	const { machine, image, protocol } = system;
	const events = system.events ?? [];
	const slices = events.flatMap(sliceOf);
	const all = [
		...[...slices, ...phases(events), ...updates(events), ...arrows(events), ...tracedCalls(system)],
		...counters(system),
	];
	return {
		displayTimeUnit: "ms",
		otherData: {
			program: image.name,
			protocol: protocol.name,
			model: machine.config.model.name,
			profile: machine.config.profile.name,
			unit: "1 us is one cycle",
		},
		traceEvents: [...laneNames(system), ...all.sort(byTimeThenLength)],
	};
}

/** A slice comes before those inside of it. */
function byTimeThenLength(a: TraceEvent, b: TraceEvent): number {
	return a.ts - b.ts || (b.dur ?? 0) - (a.dur ?? 0);
}

function laneNames({ machine, events = [] }: System): TraceEvent[] {
	const patchers = [...new Set(events.flatMap(({ patcher }) => patcher ?? []))].sort((a, b) => a - b);
	const lane = (tid: number, name: string, order: number): TraceEvent[] => [
		{ name: "thread_name", ph: "M", pid: PROCESS, tid, ts: 0, args: { name } },
		{ name: "thread_sort_index", ph: "M", pid: PROCESS, tid, ts: 0, args: { sort_index: order } },
	];
	return [
		{ name: "process_name", ph: "M", pid: PROCESS, tid: 0, ts: 0, args: { name: "patchbay" } },
		...patchers.flatMap((patcher) => lane(PATCHERS + patcher, patcherName(patcher), patcher)),
		...machine.cores.flatMap(({ id }) => lane(1 + id, `CPU ${id}`, PATCHERS + id)),
	];
}

function patcherName(patcher: number): string {
	return patcher === 0 ? "patcher" : `patcher ${patcher}`;
}

function laneOf({ cpu, patcher }: Happening): number {
	return patcher === undefined ? 1 + (cpu ?? 0) : PATCHERS + patcher;
}

/** What a happening says, in a few words. */
function wording({ what, detail }: Happening): string {
	switch (what) {
		case "first":
			return `first run of ${detail}`;
		case "begin":
		case "module":
		case "step":
			return detail;
		default:
			return detail === "" ? what : `${what}: ${detail}`;
	}
}

/** What takes no time is an instant. An update's slice is made from its ends. */
function sliceOf(event: Happening): TraceEvent[] {
	if (event.what === "begin" || event.what === "end") return [];
	return [slice(wording(event), event.what, event, event.clock + event.duration)];
}

/** Each patcher's own events, in their order. */
function byPatcher(events: readonly Happening[]): Map<number, Happening[]> {
	const all = new Map<number, Happening[]>();
	for (const event of events) {
		if (event.patcher === undefined || event.what === "module") continue;
		const own = all.get(event.patcher) ?? [];
		own.push(event);
		all.set(event.patcher, own);
	}
	return all;
}

/** The slice of every update; one that did not end reaches to the patcher's last event. */
function updates(events: readonly Happening[]): TraceEvent[] {
	const slices: TraceEvent[] = [];
	for (const own of byPatcher(events).values()) {
		for (const [i, event] of own.entries()) {
			if (event.what !== "begin") continue;
			const next = own.findIndex(({ what }, j) => j > i && what === "begin");
			const last = own[(next < 0 ? own.length : next) - 1]!;
			slices.push(slice(wording(event), "update", event, endOf(last)));
		}
	}
	return slices;
}

/** Runs of steps that are one phase of the protocol. */
function phases(events: readonly Happening[]): TraceEvent[] {
	const slices: TraceEvent[] = [];
	for (const own of byPatcher(events).values()) {
		let first: Happening | undefined;
		for (const [i, event] of own.entries()) {
			if (event.phase === undefined) continue;
			first ??= event;
			if (own[i + 1]?.phase === event.phase) continue;
			slices.push(slice(phaseText(event.phase), "phase", first, endOf(event)));
			first = undefined;
		}
	}
	return slices;
}

/** Functions that were traced lie inside of each other on their CPU's lane. */
function tracedCalls({ tracer, image, machine }: System): TraceEvent[] {
	return tracer.calls.map(({ cpu, address, entered, left }) => {
		const ts = ticksToCycles(entered);
		const end = left ?? getCounter(machine, cpu, Cpu.clock);
		const name = placeOf(image, address);
		return { name, ph: "X", pid: PROCESS, tid: 1 + cpu, ts, dur: ticksToCycles(end) - ts, cat: "function" };
	});
}

/** From every step that interrupts to each CPU that takes the interrupt. */
function arrows(events: readonly Happening[]): TraceEvent[] {
	const all: TraceEvent[] = [];
	let sender: Happening | undefined;
	for (const event of events) {
		if (isInterrupting(event)) sender = event;
		if (event.what !== "interrupt" || sender === undefined) continue;
		const arrow = { name: "IPI", cat: "ipi", pid: PROCESS, id: all.length / 2 };
		all.push({ ...arrow, ph: "s", tid: laneOf(sender), ts: ticksToCycles(sender.clock) });
		all.push({ ...arrow, ph: "f", bp: "e", tid: laneOf(event), ts: ticksToCycles(event.clock) });
	}
	return all;
}

function isInterrupting({ what, detail }: Happening): boolean {
	return what === "step" && detail.startsWith("interrupt");
}

function endOf({ clock, duration, what }: Happening): number {
	return what === "end" ? clock : clock + duration;
}

function slice(name: string, cat: string, from: Happening, end: number): TraceEvent {
	const ts = ticksToCycles(from.clock);
	const dur = ticksToCycles(end) - ts;
	const place = { name, pid: PROCESS, tid: laneOf(from), ts, cat };
	return dur === 0 ? { ...place, ph: "i", s: "t" } : { ...place, ph: "X", dur };
}

/** Columns: the cycle, every patcher that did something, every CPU. A line per happening, in the order of time. */
export function textTrace(system: System): string {
	const events = (system.events ?? []).toSorted((a, b) => a.clock - b.clock);
	const patchers = [...byPatcher(events).keys()].sort((a, b) => a - b);
	const lanes = [...patchers.map((each) => PATCHERS + each), ...system.machine.cores.map(({ id }) => 1 + id)];
	const titles = [...patchers.map(patcherName), ...system.machine.cores.map(({ id }) => `CPU ${id}`)];
	const cells = events.map((event) => ({ event, lane: lanes.indexOf(laneOf(event)), text: lineText(event) }));
	const widths = titles.map((title) => title.length);
	for (const { lane, text } of cells) widths[lane] = Math.max(widths[lane]!, text.length);
	const line = (clock: string, texts: readonly string[]): string =>
		[clock.padStart(CLOCK), ...texts.map((text, lane) => text.padEnd(widths[lane]!))].join("  ").trimEnd();
	const rows = cells.map(({ event, lane, text }) =>
		line(
			ticksToCycles(event.clock).toFixed(1),
			titles.map((_, i) => (i === lane ? text : "")),
		),
	);
	return `${[line("cycle", titles), ...rows].join("\n")}\n`;
}

const CLOCK = 12;

function lineText(event: Happening): string {
	if (event.what === "end") return "done";
	const words = wording(event);
	const phase = event.phase === undefined ? words : phaseText(event.phase);
	return phase === words ? words : `${phase}: ${words}`;
}
