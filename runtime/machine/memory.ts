// Page tables and physical memory. An entry maps one page, of 4 KiB or 2 MiB, of one address space to physical frames
// with r/w/x; none may be writable and executable. Entries that change stay visible to CPUs that have not flushed their
// TLB, by the same histories as stale code bytes. `translate` is the slow, certain way; cores cache what it says.

import { ArgumentError } from "../../linker/errors.ts";
import { hex } from "../../linker/hex.ts";
import { dropDecoded } from "./decode-cache.ts";
import { CODE, historyOf, tagSpace, type Value } from "./histories.ts";
import { Cpu, Entry, Global } from "./layout.ts";
import { choose, getCpu, type Machine, PAGE } from "./state.ts";
import { record, replaceNewest, visible } from "./visibility.ts";

export const LARGE_PAGE = 2 ** 21;
const LARGE_PAGES = LARGE_PAGE / PAGE;

export type Access = "r" | "w" | "x";
export interface Permissions {
	readonly r: boolean;
	readonly w: boolean;
	readonly x: boolean;
}

const bits: Record<Access, number> = { r: 1, w: 2, x: 4 };
const LARGE = 8;
/** The entry is or was executable: older bytes of its frame may lie in instruction caches. */
export const TEXT = 16;
/** What stays when rights change. */
export const STICKY = LARGE | TEXT;

export interface Mapping extends Permissions {
	readonly space: number;
	/** Virtual, page-aligned. */
	readonly address: number;
	/** Of the first frame. */
	readonly physical: number;
	readonly large: boolean;
}

/** Maps `bytes` at a page-aligned virtual address to consecutive frames, replacing what was mapped there. With `large`,
 * in pages of 2 MiB. `text`: it will be executed later, so on machines whose fetches do not look where stores go, caches may
 * hold something older of it from the start.
 * @throws RangeError when the permissions are both w and x, something is unaligned, the table is full */
export function mapPages(
	machine: Machine,
	space: number,
	address: number,
	physical: number,
	bytes: number,
	permissions: Permissions,
	large = false,
	text = false,
): void {
	const size = large ? LARGE_PAGE : PAGE;
	const flags =
		flagsOf(permissions) | (large ? LARGE : 0) | (text && machine.config.model.upkeep !== "none" ? TEXT : 0);
	refuseBoth(permissions, address);
	if (address % size !== 0 || physical % size !== 0)
		throw new ArgumentError(`${hex(address)} -> ${hex(physical)}: not aligned to a page of ${size} bytes`);
	for (let offset = 0; offset < bytes; offset += size) {
		setEntry(machine, space, (address + offset) / PAGE, (physical + offset) / PAGE, flags);
	}
	forgetTranslations(machine);
}

/** Changes the permissions of pages that are mapped; others are skipped. */
export function protectPages(
	machine: Machine,
	space: number,
	address: number,
	bytes: number,
	permissions: Permissions,
): void {
	refuseBoth(permissions, address);
	changeFlags(machine, space, address, bytes, (flags) => flagsOf(permissions) | (flags & STICKY));
}

/** Changes the permissions of every entry, in any address space, that maps physical text in this range and is or was
 * executable: there is no view of it that keeps the old ones. */
export function protectText(machine: Machine, physical: number, bytes: number, permissions: Permissions): void {
	refuseBoth(permissions, physical);
	for (const index of machine.entries.values()) {
		const [space, page, frame, flags] = entryAt(machine, index);
		if ((flags & TEXT) === 0 || frame * PAGE >= physical + bytes || frame * PAGE + sizeOf(flags) <= physical) continue;
		setEntry(machine, space, page, frame, flagsOf(permissions) | (flags & STICKY));
	}
	forgetTranslations(machine);
}

/** Removes pages; those that are not mapped are skipped. */
export function unmapPages(machine: Machine, space: number, address: number, bytes: number): void {
	changeFlags(machine, space, address, bytes, (flags) => flags & STICKY);
}

/** The physical address behind a virtual one for an access by a CPU, or -1 when what it sees of the page table refuses. */
export function translate(machine: Machine, cpu: number, address: number, access: Access): number {
	const space = getCpu(machine, cpu, Cpu.space);
	const index = entryFor(machine, space, address >>> 12);
	if (index === undefined) return -1;
	const at = entryWord(machine, index);
	const present: Value = [machine.words[at + Entry.frame]!, machine.words[at + Entry.flags]!];
	if (machine.words[Global.histories] === 0) return physicalOf(...present, address, access);
	const page = machine.words[at + Entry.page]!;
	const history = historyOf(machine, space, page);
	const entries = history === undefined ? [present] : visible(machine, history, cpu);
	const values = access === "x" ? [...tagged(machine, cpu, space, page, entries), ...entries] : entries;
	return physicalOf(...values[choose(machine, values.length)]!, address, access);
}

/** What a CPU's virtual instruction cache may have under the tag of a page besides what its TLB says, oldest first. */
function tagged(machine: Machine, cpu: number, space: number, page: number, entries: readonly Value[]): Value[] {
	const history = machine.config.model.tag === "virtual" ? historyOf(machine, tagSpace(space), page) : undefined;
	if (history === undefined) return [];
	return visible(machine, history, cpu).filter(
		([frame, flags]) => (flags & bits.x) !== 0 && !entries.some((one) => one[0] === frame && one[1] === flags),
	);
}

/** Whether every CPU sees the same translation of the page, so that it may be cached. Nothing is cached of a machine whose
 * steps are chosen one by one: its state is put back again and again. Nor where stores wait in a buffer. */
export function isSettled(machine: Machine, cpu: number, address: number): boolean {
	if (machine.config.fetch === "chosen" || machine.config.model.buffer !== undefined) return false;
	if (machine.words[Global.histories] === 0) return true;
	const space = getCpu(machine, cpu, Cpu.space);
	const index = entryFor(machine, space, address >>> 12);
	return index === undefined || !isEntryInFlux(machine, space, machine.words[entryWord(machine, index) + Entry.page]!);
}

/** Whether some CPU may still go by what a page-table entry was. */
export function isEntryInFlux(machine: Machine, space: number, page: number): boolean {
	return (
		historyOf(machine, space, page) !== undefined ||
		(machine.config.model.tag === "virtual" && historyOf(machine, tagSpace(space), page) !== undefined)
	);
}

/** The physical address behind a virtual one that an address space maps with any permission; -1 when it does not: how
 * the outside looks at a machine. */
export function physicalIn(machine: Machine, space: number, address: number): number {
	const index = entryFor(machine, space, address >>> 12);
	if (index === undefined) return -1;
	const at = entryWord(machine, index);
	const flags = machine.words[at + Entry.flags]!;
	return isPresent(flags) ? offsetIn(machine.words[at + Entry.frame]!, flags, address) : -1;
}

/** Whether the page table, as it is now, permits an access. */
export function permits(machine: Machine, space: number, address: number, access: Access): boolean {
	const index = entryFor(machine, space, address >>> 12);
	return index !== undefined && (machine.words[entryWord(machine, index) + Entry.flags]! & bits[access]) !== 0;
}

/** What the page table permits at an address; nothing where there is no entry. */
export function rightsOf(machine: Machine, space: number, address: number): Permissions {
	const index = entryFor(machine, space, address >>> 12);
	return permissionsOf(index === undefined ? 0 : entryAt(machine, index)[3]);
}

/** The physical address that a page-table entry names, whatever it permits: how a patcher's private alias reaches text.
 * @throws ArgumentError when there is none; plans are validated before they run */
export function aliasOf(machine: Machine, space: number, address: number): number {
	const extent = extentOf(machine, space, address);
	if (extent === undefined) throw new ArgumentError(`nothing is mapped at ${hex(address)}`);
	return extent.physical + (address & (extent.bytes - 1));
}

/** The physical page that an entry names for an address, whatever it permits; undefined where there is no entry. */
export function extentOf(
	machine: Machine,
	space: number,
	address: number,
): { readonly physical: number; readonly bytes: number } | undefined {
	const index = entryFor(machine, space, address >>> 12);
	if (index === undefined) return undefined;
	const [, , frame, flags] = entryAt(machine, index);
	return { physical: frame * PAGE, bytes: sizeOf(flags) };
}

/** Whether some entry maps the frame of a physical address executable, or did: instruction caches may hold its bytes. */
export function isText(machine: Machine, physical: number): boolean {
	return machine.codeFrames.has(physical >>> 12);
}

function failPhysical(physical: number, length: number): never {
	throw new ArgumentError(`${length} bytes of physical memory at ${hex(physical)}: there are none`);
}

/** Writes physical memory: every path of every store ends here, or in a core's cached translation of a frame that is not
 * code. Old bytes of code stay visible as the model says. @throws ArgumentError for bytes that there are not */
export function writePhysical(machine: Machine, physical: number, bytes: Uint8Array): void {
	if (!(physical >= 0 && physical + bytes.length <= machine.memory.length)) failPhysical(physical, bytes.length);
	const { unit } = machine.config.model;
	if (unit === 0 || machine.config.fetch === "fresh" || !machine.codeFrames.has(physical >>> 12)) {
		machine.memory.set(bytes, physical);
	} else {
		const first = physical - (physical % unit);
		const last = physical + bytes.length - 1;
		const before: Value[] = [];
		for (let at = first; at <= last; at += unit) before.push(unitValue(machine, at));
		machine.memory.set(bytes, physical);
		for (const [i, old] of before.entries()) {
			const now = unitValue(machine, first + i * unit);
			if (old[0] !== now[0] || old[1] !== now[1]) record(machine, CODE, first + i * unit, old, now);
		}
		// A neighbour in the same unit is fetched anew as well, whether it was decoded before or not.
		dropDecoded(machine, first, before.length * unit);
	}
	dropDecoded(machine, physical, bytes.length);
	if (machine.written !== undefined)
		for (let at = physical & ~3; at < physical + bytes.length; at += 4) machine.written.push(at);
}

/** Reads bytes as an address space has them now. @returns undefined when a page is not mapped */
export function readVirtual(machine: Machine, space: number, address: number, length: number): Uint8Array | undefined {
	if (length < 0 || length > machine.memory.length) return undefined;
	const bytes = new Uint8Array(length);
	for (let i = 0; i < length; i++) {
		const physical = physicalIn(machine, space, address + i);
		if (physical < 0) return undefined;
		bytes[i] = machine.memory[physical]!;
	}
	return bytes;
}

/** Every page that is mapped, by space and address. */
export function mappings(machine: Machine): Mapping[] {
	const all: Mapping[] = [];
	for (const index of machine.entries.values()) {
		const [space, page, frame, flags] = entryAt(machine, index);
		if (isPresent(flags))
			all.push({
				space,
				address: page * PAGE,
				physical: frame * PAGE,
				large: (flags & LARGE) !== 0,
				...permissionsOf(flags),
			});
	}
	return all.sort((a, b) => a.space - b.space || a.address - b.address);
}

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

function refuseBoth({ w, x }: Permissions, address: number): void {
	if (w && x) throw new ArgumentError(`${hex(address)} would be writable and executable`);
}

export function isPresent(flags: number): boolean {
	return (flags & ~STICKY) !== 0;
}

export function flagsOf(p: Permissions): number {
	return (p.r ? bits.r : 0) | (p.w ? bits.w : 0) | (p.x ? bits.x : 0);
}

function permissionsOf(flags: number): Permissions {
	return { r: (flags & bits.r) !== 0, w: (flags & bits.w) !== 0, x: (flags & bits.x) !== 0 };
}

function physicalOf(frame: number, flags: number, address: number, access: Access): number {
	return (flags & bits[access]) === 0 ? -1 : offsetIn(frame, flags, address);
}

function offsetIn(frame: number, flags: number, address: number): number {
	return frame * PAGE + (address & (sizeOf(flags) - 1));
}

/** Bytes that an entry maps. */
export function sizeOf(flags: number): number {
	return (flags & LARGE) !== 0 ? LARGE_PAGE : PAGE;
}

function unitValue(machine: Machine, physical: number): Value {
	const bytes = machine.memory.subarray(physical, physical + machine.config.model.unit);
	return [wordFrom(bytes, 0), wordFrom(bytes, 4)];
}

function wordFrom(bytes: Uint8Array, at: number): number {
	return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
}

export function entryWord(machine: Machine, index: number): number {
	return (machine.layout.entries >> 2) + index * Entry.words;
}

export function entryAt(machine: Machine, index: number): [space: number, page: number, frame: number, flags: number] {
	const at = entryWord(machine, index);
	return [...machine.words.subarray(at, at + Entry.words)] as [number, number, number, number];
}

export function keyOf(space: number, page: number, large: boolean): number {
	return (space * 2 ** 20 + page) * 2 + (large ? 1 : 0);
}

function entryFor(machine: Machine, space: number, page: number): number | undefined {
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

function changeFlags(
	machine: Machine,
	space: number,
	address: number,
	bytes: number,
	change: (flags: number) => number,
): void {
	for (let offset = 0; offset < bytes; ) {
		const index = entryFor(machine, space, ((address + offset) / PAGE) >>> 0);
		if (index === undefined) {
			offset += PAGE;
			continue;
		}
		const at = entryWord(machine, index);
		const flags = machine.words[at + Entry.flags]!;
		setEntry(machine, space, machine.words[at + Entry.page]!, machine.words[at + Entry.frame]!, change(flags));
		offset += sizeOf(flags);
	}
	forgetTranslations(machine);
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
