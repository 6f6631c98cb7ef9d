// W^X over all views: no frame may be written by some CPU and executed by some CPU, through any entry that any of them may
// still see.

import { historyOf, type Value } from "./histories.ts";
import { Entry } from "./layout.ts";
import { bits, entryWord, LARGE, LARGE_PAGES } from "./page-entry.ts";
import { type Machine, PAGE } from "./state.ts";
import { visible } from "./visibility.ts";

/** A frame that some CPU may write and some CPU may execute, through any entry that any of them may still see; undefined
 * while W^X holds. @returns its physical address */
export function writableAndExecutable(machine: Machine): number | undefined {
	const seen = new Map<number, number>();
	for (const index of machine.entries.values()) {
		const at = entryWord(machine, index);
		const history = historyOf(machine, machine.words[at + Entry.space]!, machine.words[at + Entry.page]!);
		const views: Value[] =
			history === undefined
				? [[machine.words[at + Entry.frame]!, machine.words[at + Entry.flags]!]]
				: machine.cores.flatMap((core) => visible(machine, history, core.id));
		for (const [frame, flags] of views) {
			for (let i = 0; i < ((flags & LARGE) !== 0 ? LARGE_PAGES : 1); i++) {
				const rights = (seen.get(frame + i) ?? 0) | flags;
				if ((rights & bits.w) !== 0 && (rights & bits.x) !== 0) return (frame + i) * PAGE;
				seen.set(frame + i, rights);
			}
		}
	}
	return undefined;
}
