// The memory that probes take: a page at a time, from the executable-memory pool if there is one, else from a pool of all that the
// machine has left. A free frame of a pool is full of breakpoints. It is not given back: a page that was text of one process
// may be in its CPUs' caches.

import { type FramePool, freeBytes, takeRuns } from "../execmem/frames.ts";
import { Global } from "../machine/layout.ts";
import { type Machine, PAGE } from "../machine/state.ts";

export interface Frames {
	readonly machine: Machine;
	readonly pool: FramePool;
}

/** Whether there are so many pages of memory, and a page-table entry. */
export function hasRoom({ machine, pool }: Frames, pages: number): boolean {
	return freeBytes(pool) >= pages * PAGE && machine.words[Global.entries]! < machine.config.entries;
}

/** @returns the physical address of a page @throws Error when there is none: `hasRoom` is asked before */
export function takePage({ pool }: Frames): number {
	const runs = takeRuns(pool, PAGE, false);
	if (runs === undefined) throw new Error("assert: memory is asked for before it is taken");
	return runs[0]!.physical;
}
