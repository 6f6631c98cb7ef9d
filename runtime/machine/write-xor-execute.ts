// W^X over all views: no frame may be written by some CPU and executed by some CPU, through any entry that any of them may
// still see.

import { allViews, bits, LARGE, LARGE_PAGES } from "./page-entry.ts";
import { type Machine, PAGE } from "./state.ts";

/** A frame that some CPU may write and some CPU may execute, through any entry that any of them may still see; undefined
 * while W^X holds. @returns its physical address */
export function writableAndExecutable(machine: Machine): number | undefined {
	const seen = new Map<number, number>();
	for (const index of machine.entries.values()) {
		for (const [frame, flags] of allViews(machine, index)) {
			for (let i = 0; i < ((flags & LARGE) !== 0 ? LARGE_PAGES : 1); i++) {
				const rights = (seen.get(frame + i) ?? 0) | flags;
				if ((rights & bits.w) !== 0 && (rights & bits.x) !== 0) return (frame + i) * PAGE;
				seen.set(frame + i, rights);
			}
		}
	}
	return undefined;
}
