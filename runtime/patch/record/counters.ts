// The counters of a Perfetto trace, each a curve of its own below the lanes: what patchers stored, how much code is in flux,
// interrupts and traps of each CPU, and calls at the sites of each key where functions are traced. Each is a running total,
// but for the bytes in flux.

import type { Image } from "../../../linker/link/image.ts";
import { ticksToCycles } from "../../machine/profile.ts";
import type { Happening, System, TracedCall } from "../system.ts";
import { PROCESS, type TraceEvent } from "./trace-event.ts";

export function counters({ events = [], tracer, image }: System): TraceEvent[] {
	const flux = events.flatMap((event): Point[] =>
		event.flux === undefined
			? []
			: [{ clock: event.clock + event.duration, name: "code bytes in flux", value: event.flux }],
	);
	return [
		...totals(events.flatMap((event) => happeningName(event) ?? []).sort(byClock)),
		...flux.map(pointEvent),
		...totals(keyCalls(image, tracer.calls)),
	];
}

interface Point {
	/** Ticks. */
	readonly clock: number;
	readonly name: string;
	readonly value: number;
}

type Once = Omit<Point, "value">;

function happeningName({ what, step, clock, cpu }: Happening): Once | undefined {
	if (what === "step" && step?.kind === "store") return { clock, name: "stores of patchers" };
	if (what === "interrupt") return { clock, name: `interrupts, CPU ${cpu}` };
	if (what === "trap") return { clock, name: `traps, CPU ${cpu}` };
	return undefined;
}

/** A call at a site of a key returns behind that site. A tail call returns somewhere else, and tells nothing of its site. */
function keyCalls({ keys, sites }: Image, calls: readonly TracedCall[]): Once[] {
	const keyBehind = new Map(sites.map(({ address, length, key }) => [address + length, keys[key]!.name]));
	return calls
		.flatMap(({ returnTo, entered }): Once[] => {
			const key = keyBehind.get(returnTo);
			return key === undefined ? [] : [{ clock: entered, name: `calls at sites of ${key}` }];
		})
		.sort(byClock);
}

/** A running total of each name. @param all ascending by time */
function totals(all: readonly Once[]): TraceEvent[] {
	const sums = new Map<string, number>();
	return all.map(({ clock, name }) => {
		const value = (sums.get(name) ?? 0) + 1;
		sums.set(name, value);
		return pointEvent({ clock, name, value });
	});
}

function pointEvent({ clock, name, value }: Point): TraceEvent {
	return { name, ph: "C", pid: PROCESS, tid: 0, ts: ticksToCycles(clock), args: { value } };
}

function byClock(a: Once, b: Once): number {
	return a.clock - b.clock;
}
