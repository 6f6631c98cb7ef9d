// All ends of a scenario, as herd prints its `States`: what the places hold that its outcome names, or where it names none
// every register that is not zero in all ends, and in how many final states of the machine.

import type { Machine } from "../machine/state.ts";
import type { Built } from "./build.ts";
import { type Term, valueAt } from "./outcome.ts";

/** One end that a scenario may come to: the values of registers and words that it is asked for. */
export interface Outcome {
	/** Place -> its value: `0:r1`, `x`. A word of a page that is not mapped in the end has none. */
	readonly values: Readonly<Record<string, number>>;
	/** Final states of the machine that have these values. */
	readonly states: number;
}

/** Undefined where nothing is mapped. */
type Value = number | undefined;

/** Final states while they are found. */
export interface Ends {
	readonly places: readonly Term[];
	readonly isNamed: boolean;
	/** Values by place -> how many. */
	readonly counts: Map<string, { values: readonly Value[]; states: number }>;
}

export function newEnds({ outcome, system }: Built): Ends {
	const registers = system.machine.cores.flatMap(({ id, r }) =>
		[...r.keys()].slice(0, -1).map((register): Term => ({ place: `${id}:r${register}`, cpu: id, register, value: 0 })),
	);
	const named = [...new Map(outcome?.terms.map((term) => [term.place, term])).values()];
	return { places: outcome === undefined ? registers : named, isNamed: outcome !== undefined, counts: new Map() };
}

/** Notes the machine's state, one in which nothing can happen any more. */
export function noteEnd({ places, counts }: Ends, machine: Machine): void {
	const values = places.map((place) => valueAt(machine, place));
	const key = values.join();
	counts.set(key, { values, states: (counts.get(key)?.states ?? 0) + 1 });
}

/** In the order of the values. */
export function outcomesOf({ places, isNamed, counts }: Ends): Outcome[] {
	const ends = [...counts.values()];
	const shown = [...places.keys()].filter((i) => isNamed || ends.some(({ values }) => values[i] !== 0));
	const joined = new Map<string, { values: Value[]; states: number }>();
	for (const { values, states } of ends) {
		const some = shown.map((i) => values[i]);
		joined.set(some.join(), { values: some, states: states + (joined.get(some.join())?.states ?? 0) });
	}
	return [...joined.values()]
		.sort((a, b) => compare(a.values, b.values))
		.map(({ values, states }) => ({
			values: Object.fromEntries(
				values.flatMap((value, i) => (value === undefined ? [] : [[places[shown[i]!]!.place, value]])),
			),
			states,
		}));
}

function compare(a: readonly Value[], b: readonly Value[]): number {
	const i = a.findIndex((value, at) => value !== b[at]);
	return i < 0 ? 0 : (a[i] ?? -Infinity) - (b[i] ?? -Infinity);
}
