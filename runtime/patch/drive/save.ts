// A system put aside and taken up again: the machine's words, and what lies beside them. Nothing of it is shared with the
// system that runs on.

import { ArgumentError } from "../../../linker/errors.ts";
import { restore } from "../../machine/machine.ts";
import type { System, TracedCall } from "../system.ts";

/** A system as it was at one moment. */
export type SavedSystem = Readonly<Omit<System, "machine" | "protocol" | "trapServers" | "claims" | "spaces">> & {
	readonly words: Int32Array;
	/** Addresses whose fetches were watched. */
	readonly watched: readonly number[];
};

/** @throws Error where somebody beside the system has a state of its own that this would leave behind: probes, or
 * instruction TLBs that are counted */
export function saveSystem(system: System): SavedSystem {
	const { machine } = system;
	refuseOthers(system);
	return { ...copyOf(system), words: machine.words.slice(), watched: [...(machine.watch?.addresses ?? [])] };
}

/** Puts the system that was saved, or one that was made alike, into the state that it had. */
export function restoreSystem(system: System, saved: SavedSystem): void {
	refuseOthers(system);
	const { machine } = system;
	restore(machine, saved.words);
	machine.watch = saved.watched.length === 0 ? undefined : { addresses: new Set(saved.watched), sightings: [] };
	const copy = copyOf(saved);
	system.image = copy.image;
	system.booted = copy.booted;
	system.refusal = copy.refusal;
	Object.assign(system.counts, copy.counts);
	Object.assign(system.handlers, copy.handlers);
	for (const list of ["plans", "queue", "output", "copies", "named", "deaths", "events"] as const)
		replaceAll(system[list] as unknown[] | undefined, copy[list]);
	replaceAll(system.tracer.calls, copy.tracer.calls);
	for (const table of ["line", "firstRuns"] as const) refill<unknown>(system[table], copy[table]);
	refill(system.tracer.stacks, copy.tracer.stacks);
}

/** Everything beside the machine that changes while a system runs. */
function copyOf(system: Omit<SavedSystem, "words" | "watched">): Omit<SavedSystem, "words" | "watched"> {
	const { image, booted, plans, queue, counts, output, line, refusal } = system;
	const { events, firstRuns, copies, named, deaths, handlers } = system;
	return {
		image,
		booted,
		plans: [...plans],
		queue: [...queue],
		counts: { ...counts },
		output: [...output],
		line: new Map([...line].map(([cpu, values]) => [cpu, [...values]])),
		refusal,
		events: events && [...events],
		firstRuns: new Map([...firstRuns].map(([at, { bytes, cpus }]) => [at, { bytes, cpus: new Set(cpus) }])),
		tracer: copyTracer(system),
		copies: [...copies],
		named: [...named],
		deaths: [...deaths],
		handlers: { ...handlers },
	};
}

/** A call that is on a stack and in the list stays one. */
function copyTracer({ tracer }: Pick<System, "tracer">): System["tracer"] {
	const copies = new Map<TracedCall, TracedCall>(tracer.calls.map((call) => [call, { ...call }]));
	return {
		calls: [...copies.values()],
		stacks: new Map([...tracer.stacks].map(([cpu, calls]) => [cpu, calls.map((call) => copies.get(call)!)])),
	};
}

function refuseOthers({ machine, trapServers }: System): void {
	if (trapServers.length > 1)
		throw new ArgumentError("a system with probes cannot be saved: they have a state of their own");
	if (machine.instructionTlbs !== undefined)
		throw new ArgumentError("a system whose instruction TLBs are counted cannot be saved");
}

function replaceAll<T>(list: T[] | undefined, by: readonly T[] | undefined): void {
	if (list === undefined) return;
	list.length = 0;
	for (const one of by ?? []) list.push(one);
}

function refill<T>(table: Map<number, T>, by: ReadonlyMap<number, T>): void {
	table.clear();
	for (const [key, value] of by) table.set(key, value);
}
