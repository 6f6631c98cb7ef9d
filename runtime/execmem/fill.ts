// How code gets into memory and how it leaves, as data: phases like those of a protocol that patches a site, and expanded
// into the same steps (runtime/patch/plan/plan.ts), so that what is run is what is checked.

import type { Phase } from "../patch/plan/protocol.ts";

/** How memory gets its contents, as data: the phases of allocating, writing and finishing it. */
export interface Fill {
	readonly name: string;
	readonly brief: string;
	/** Whether it is to be executed. */
	readonly text: boolean;
	/** What is there before: memory of others' pages, mapped as it will stay and, if executable, full of breakpoints; or
	 * addresses where nothing is mapped. */
	readonly before: "mapped" | "nothing";
	/** The release that undoes it. */
	readonly release: string;
	readonly alloc: readonly Phase[];
	readonly write: readonly Phase[];
	readonly finish: readonly Phase[];
}

/** Nobody may call what is released, nor be inside: who unloads waits for that first (`vacate`). */
export interface Release {
	readonly name: string;
	readonly brief: string;
	/** For each piece, at once. */
	readonly free: readonly Phase[];
	/** For all that were freed since the last time: only then are they anybody's again. */
	readonly flush: readonly Phase[];
}

/** All phases of a fill in order, with the call that each belongs to. */
export const calls = ["alloc", "write", "finish"] as const;
export type Call = (typeof calls)[number];
