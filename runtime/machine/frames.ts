// Physical memory as those see it who give it away and take it back: what can still be done with it through any
// page-table entry that any CPU may see, and when there is nothing left of what it was.

import { encode } from "../../linker/isa/encode.ts";
import { unitsInFlux } from "./histories.ts";
import { Entry, Global } from "./layout.ts";
import {
	allViews,
	entryAt,
	entryWord,
	flagsOf,
	forgetTranslations,
	isPresent,
	keyOf,
	type Permissions,
	putEntry,
	STICKY,
	setEntry,
	sizeOf,
	TEXT,
	taggedViews,
} from "./page-entry.ts";
import { isEntryInFlux } from "./page-table.ts";
import { type Machine, PAGE } from "./state.ts";

const TRAP = encode("brk")[0]!;
const TRAPS = Math.imul(TRAP, 0x01010101);
const EXECUTE = flagsOf({ r: false, w: false, x: true });

/** Takes from every mapping of this memory, in any address space, all rights but these. */
export function restrictFrames(machine: Machine, physical: number, bytes: number, permissions: Permissions): void {
	const kept = flagsOf(permissions) | STICKY;
	for (const index of entriesOver(machine, physical, bytes)) {
		const [space, page, frame, flags] = entryAt(machine, index);
		if ((flags & ~kept) !== 0) setEntry(machine, space, page, frame, flags & kept);
	}
	forgetTranslations(machine);
}

/** Whether some CPU may execute there, through any entry that it may still see. */
export function isExecutable(machine: Machine, physical: number, bytes: number): boolean {
	for (const { start, end, isExecutable } of views(machine))
		if (isExecutable && start < physical + bytes && physical < end) return true;
	return false;
}

/** Physical memory that some CPU may reach. */
export interface View {
	readonly start: number;
	readonly end: number;
	readonly isExecutable: boolean;
}

/** Through every entry that permits anything, as any CPU may still see it. */
export function* views(machine: Machine): Generator<View> {
	for (const index of machine.entries.values()) {
		for (const [frame, flags] of allViews(machine, index)) {
			if (!isPresent(flags)) continue;
			const start = frame * PAGE;
			yield { start, end: start + sizeOf(flags), isExecutable: (flags & EXECUTE) !== 0 };
		}
	}
}

function overlaps(frame: number, flags: number, physical: number, bytes: number): boolean {
	return frame * PAGE < physical + bytes && physical < frame * PAGE + sizeOf(flags);
}

/** Notes that this memory will be text: on machines whose fetches do not look where stores go, caches may hold something older
 * of it than what memory holds when it is first executed. */
export function markText(machine: Machine, physical: number, bytes: number): void {
	if (machine.config.model.upkeep === "none") return;
	for (const index of entriesOver(machine, physical, bytes)) {
		const [, , frame, flags] = entryAt(machine, index);
		putEntry(machine, index, frame, flags | TEXT);
	}
}

/** Forgets that this memory was text, once it is: nobody maps it executable, it is full of breakpoints, and no CPU holds
 * anything older. From then on it is as memory that was never executed. */
export function retireText(machine: Machine, physical: number, bytes: number): void {
	if (isExecutable(machine, physical, bytes) || !isAllTraps(machine, physical, bytes)) return;
	if (unitsInFlux(machine, physical, physical + bytes).length > 0) return;
	if (isTagged(machine, physical, bytes)) return;
	for (const index of entriesOver(machine, physical, bytes)) {
		const [, , frame, flags] = entryAt(machine, index);
		putEntry(machine, index, frame, flags & ~TEXT);
	}
	for (let frame = physical / PAGE; frame < (physical + bytes) / PAGE; frame++) machine.decoded.delete(frame);
}

/** Whether a virtual instruction cache may still have lines of this memory under the tag of a page that was mapped to it. */
function isTagged(machine: Machine, physical: number, bytes: number): boolean {
	if (machine.config.model.tag !== "virtual") return false;
	return [...machine.entries.values()].some((index) => {
		const [space, page] = entryAt(machine, index);
		return machine.cores.some(({ id }) =>
			taggedViews(machine, space, page, id).some(([frame, flags]) => overlaps(frame, flags, physical, bytes)),
		);
	});
}

export function isAllTraps(machine: Machine, physical: number, bytes: number): boolean {
	const { memory, words, layout } = machine;
	const end = physical + bytes;
	let at = physical;
	for (; at < end && at % 4 !== 0; at++) if (memory[at] !== TRAP) return false;
	for (let word = (layout.memory + at) >> 2; at + 4 <= end; at += 4, word++) if (words[word] !== TRAPS) return false;
	for (; at < end; at++) if (memory[at] !== TRAP) return false;
	return true;
}

/** Takes page-table entries that permit nothing to anybody out of the table. */
export function forgetEntries(machine: Machine, space: number, address: number, bytes: number): void {
	for (let index = machine.words[Global.entries]! - 1; index >= 0; index--) {
		const [own, page, , flags] = entryAt(machine, index);
		const inside = own === space && page * PAGE >= address && page * PAGE < address + bytes;
		if (!inside || isPresent(flags) || isEntryInFlux(machine, own, page)) continue;
		putEntry(machine, index, 0, 0);
		machine.entries.delete(keyOf(own, page, sizeOf(flags) > PAGE));
		const last = machine.words[Global.entries]! - 1;
		moveEntry(machine, last, index);
		machine.words[Global.entries] = last;
	}
}

function moveEntry(machine: Machine, from: number, to: number): void {
	const { words } = machine;
	const at = entryWord(machine, from);
	if (from !== to) {
		const [space, page, , flags] = entryAt(machine, from);
		words.copyWithin(entryWord(machine, to), at, at + Entry.words);
		machine.entries.set(keyOf(space, page, sizeOf(flags) > PAGE), to);
	}
	words.fill(0, at, at + Entry.words);
}

/** Indices of the entries that name some of this memory. */
function entriesOver(machine: Machine, physical: number, bytes: number): number[] {
	return [...machine.entries.values()].filter((index) => {
		const [, , frame, flags] = entryAt(machine, index);
		return overlaps(frame, flags, physical, bytes);
	});
}
