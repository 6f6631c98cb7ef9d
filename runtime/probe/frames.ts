// The memory that probes take: a page at a time, from the executable-memory pool if there is one (it has all of the machine's),
// else from the machine. It is not given back: a page that was text of one process may be in its CPUs' caches.

import { type FramePool, freeBytes, takeRuns } from "../execmem/frames.ts";
import { Global } from "../machine/layout.ts";
import { type Machine, PAGE, takeFrames } from "../machine/state.ts";

export interface Frames {
	readonly machine: Machine;
	readonly pool: FramePool | undefined;
}

/** Whether there are so many pages of memory, and a page-table entry. */
export function hasRoom({ machine, pool }: Frames, pages: number): boolean {
	const { words, config } = machine;
	const free = pool === undefined ? config.memory - words[Global.frames]! * PAGE : freeBytes(pool);
	return free >= pages * PAGE && words[Global.entries]! < config.entries;
}

/** @returns the physical address of a page @throws Error when there is none: `hasRoom` is asked before */
export function takePage({ machine, pool }: Frames): number {
	const runs = pool === undefined ? [{ physical: takeFrames(machine, PAGE) }] : takeRuns(pool, PAGE, false);
	if (runs === undefined) throw new Error("assert: memory is asked for before it is taken");
	return runs[0]!.physical;
}
