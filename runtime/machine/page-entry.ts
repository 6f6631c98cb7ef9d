// Page-table entries: where they lie in the machine's buffer, what their bits say, how one is found, set and put back. An entry
// that changes stays visible to CPUs that have not flushed their TLB, by the same histories as stale code bytes.

import { ArgumentError } from "../../linker/errors.ts";
import { historyOf, tagSpace, type Value } from "./histories.ts";
import { Entry, Global } from "./layout.ts";
import { type Machine, PAGE } from "./state.ts";
import { record, replaceNewest, visible } from "./visibility.ts";

/** Bytes of a large page. */
export const LARGE_PAGE = 2 ** 21;

export const LARGE_PAGES = LARGE_PAGE / PAGE;

/** What an access wants of a page: to read, to write, or to execute. */
export type Access = "r" | "w" | "x";

/** What a mapping allows: reading, writing, executing. */
export interface Permissions {
	readonly r: boolean;
	readonly w: boolean;
	readonly x: boolean;
}

export const bits: Record<Access, number> = { r: 1, w: 2, x: 4 };

export const LARGE = 8;

/** The entry is or was executable: older bytes of its frame may lie in instruction caches. */
export const TEXT = 16;

/** What stays when rights change. */
export const STICKY = LARGE | TEXT;

/** Puts a page-table entry back that was known before, with what is derived from it. */
export function putEntry(machine: Machine, index: number, frame: number, flags: number): void {
	const at = entryWord(machine, index);
	countCode(machine, machine.words[at + Entry.frame]!, machine.words[at + Entry.flags]!, -1);
	machine.words[at + Entry.frame] = frame;
	machine.words[at + Entry.flags] = flags;
	countCode(machine, frame, flags, 1);
}

/** Rebuilds what is derived from the page tables, after their bytes were replaced. */
export function reindexEntries(machine: Machine): void {
	machine.entries.clear();
	machine.codeFrames.clear();
	for (let index = 0; index < machine.words[Global.entries]!; index++) {
		const at = entryWord(machine, index);
		const flags = machine.words[at + Entry.flags]!;
		machine.entries.set(
			keyOf(machine.words[at + Entry.space]!, machine.words[at + Entry.page]!, (flags & LARGE) !== 0),
			index,
		);
		countCode(machine, machine.words[at + Entry.frame]!, flags, 1);
	}
	forgetTranslations(machine);
}

export function isPresent(flags: number): boolean {
	return (flags & ~STICKY) !== 0;
}

export function flagsOf(p: Permissions): number {
	return (p.r ? bits.r : 0) | (p.w ? bits.w : 0) | (p.x ? bits.x : 0);
}

export function permissionsOf(flags: number): Permissions {
	return { r: (flags & bits.r) !== 0, w: (flags & bits.w) !== 0, x: (flags & bits.x) !== 0 };
}

/** Bytes that an entry maps. */
export function sizeOf(flags: number): number {
	return (flags & LARGE) !== 0 ? LARGE_PAGE : PAGE;
}

export function entryWord(machine: Machine, index: number): number {
	return (machine.layout.entries >> 2) + index * Entry.words;
}

export function entryAt(machine: Machine, index: number): [space: number, page: number, frame: number, flags: number] {
	const at = entryWord(machine, index);
	return [...machine.words.subarray(at, at + Entry.words)] as [number, number, number, number];
}

/** The frames and flags that an entry may have for a CPU's TLB, oldest first. */
export function entryViews(machine: Machine, index: number, cpu: number): Value[] {
	const [space, page, frame, flags] = entryAt(machine, index);
	const history = historyOf(machine, space, page);
	return history === undefined ? [[frame, flags]] : visible(machine, history, cpu);
}

/** The same for the TLBs of all CPUs together; what several may have comes several times. */
export function allViews(machine: Machine, index: number): Value[] {
	const [space, page, frame, flags] = entryAt(machine, index);
	const history = historyOf(machine, space, page);
	if (history === undefined) return [[frame, flags]];
	return machine.cores.flatMap(({ id }) => visible(machine, history, id));
}

/** The frames and flags under which a CPU's virtual instruction cache may have lines of a page, oldest first: none on other
 * models, and none where the page is what it was. */
export function taggedViews(machine: Machine, space: number, page: number, cpu: number): Value[] {
	const history = machine.config.model.tag === "virtual" ? historyOf(machine, tagSpace(space), page) : undefined;
	if (history === undefined) return [];
	return visible(machine, history, cpu).filter(([, flags]) => (flags & bits.x) !== 0);
}

export function keyOf(space: number, page: number, large: boolean): number {
	return (space * 2 ** 20 + page) * 2 + (large ? 1 : 0);
}

export function entryFor(machine: Machine, space: number, page: number): number | undefined {
	return (
		machine.entries.get(keyOf(space, page, false)) ??
		machine.entries.get(keyOf(space, page - (page % LARGE_PAGES), true))
	);
}

/** A new entry is seen at once: TLBs do not cache what is absent. A change is seen by a CPU when it flushes. Where an entry is
 * absent for a while, CPUs that have not flushed since may still hold what it was before, and no CPU holds the absence. */
export function setEntry(machine: Machine, space: number, page: number, frame: number, rights: number): void {
	const flags = (rights & bits.x) !== 0 ? rights | TEXT : rights;
	const key = keyOf(space, page, (flags & LARGE) !== 0);
	const existing = machine.entries.get(key);
	const at = entryWord(machine, existing ?? newEntry(machine, key));
	const old: Value = [machine.words[at + Entry.frame]!, machine.words[at + Entry.flags]!];
	machine.words.set([space, page, frame, flags], at);
	countCode(machine, frame, flags, 1);
	if (existing === undefined) return;
	countCode(machine, old[0], old[1], -1);
	if (machine.config.fetch === "fresh" || (old[0] === frame && old[1] === flags)) return;
	const change = (unit: number, mayBeHeld: boolean): void => {
		if (mayBeHeld) record(machine, unit, page, old, [frame, flags]);
		else replaceNewest(machine, unit, page, [frame, flags]);
	};
	change(space, isPresent(old[1]));
	if (machine.config.model.tag === "virtual") change(tagSpace(space), (old[1] & bits.x) !== 0);
}

function newEntry(machine: Machine, key: number): number {
	const index = machine.words[Global.entries]!;
	if (index >= machine.config.entries) throw new ArgumentError(`page table full: ${machine.config.entries} entries`);
	machine.words[Global.entries] = index + 1;
	machine.entries.set(key, index);
	return index;
}

/** Keeps count of the text entries of each frame. */
function countCode(machine: Machine, frame: number, flags: number, by: number): void {
	if ((flags & TEXT) === 0) return;
	for (let i = 0; i < ((flags & LARGE) !== 0 ? LARGE_PAGES : 1); i++) {
		const count = (machine.codeFrames.get(frame + i) ?? 0) + by;
		if (count === 0) machine.codeFrames.delete(frame + i);
		else machine.codeFrames.set(frame + i, count);
	}
}

export function forgetTranslations(machine: Machine): void {
	for (const core of machine.cores) core.forgetTranslations();
}
