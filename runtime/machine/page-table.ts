// Page tables. They map pages, of 4 KiB or 2 MiB, of address spaces to physical frames with r/w/x; no entry is both writable
// and executable. `translate` is the slow, certain way from a virtual address to a physical one; cores cache what it says.

import { ArgumentError } from "../../linker/errors.ts";
import { hex } from "../../linker/hex.ts";
import { historyOf, tagSpace } from "./histories.ts";
import { Cpu, Entry, Global } from "./layout.ts";
import {
	type Access,
	bits,
	entryAt,
	entryFor,
	entryViews,
	entryWord,
	flagsOf,
	forgetTranslations,
	isPresent,
	LARGE,
	LARGE_PAGE,
	type Permissions,
	permissionsOf,
	STICKY,
	setEntry,
	sizeOf,
	TEXT,
	taggedViews,
} from "./page-entry.ts";
import { choose, getCpu, type Machine, PAGE } from "./state.ts";

/** One entry of the page table: a page of an address space, the memory behind it, and what it allows. */
export interface Mapping extends Permissions {
	readonly space: number;
	/** Virtual, page-aligned. */
	readonly address: number;
	/** Physical address of the first frame. */
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
	const page = machine.words[at + Entry.page]!;
	if (machine.words[Global.histories] === 0 || !isEntryInFlux(machine, space, page))
		return physicalOf(machine.words[at + Entry.frame]!, machine.words[at + Entry.flags]!, address, access);
	const entries = entryViews(machine, index, cpu);
	const lines = access === "x" ? taggedViews(machine, space, page, cpu) : [];
	const others = lines.filter(([frame, flags]) => !entries.some((one) => one[0] === frame && one[1] === flags));
	const values = [...others, ...entries];
	return physicalOf(...values[choose(machine, values.length)]!, address, access);
}

/** Whether a CPU sees one translation of the page, so that it may be cached until an entry changes again; other CPUs may still hold
 * older ones. Nothing is cached of a machine whose steps are chosen one by one: its state is put back again and again. Nor where
 * stores wait in a buffer, nor of a page in flux where lines of a cache have virtual addresses. */
export function isSettled(machine: Machine, cpu: number, address: number): boolean {
	if (machine.config.fetch === "chosen" || machine.config.model.buffer !== undefined) return false;
	if (machine.words[Global.histories] === 0) return true;
	const space = getCpu(machine, cpu, Cpu.space);
	const index = entryFor(machine, space, address >>> 12);
	if (index === undefined || !isEntryInFlux(machine, space, machine.words[entryWord(machine, index) + Entry.page]!))
		return true;
	return machine.config.model.tag !== "virtual" && entryViews(machine, index, cpu).length === 1;
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

function refuseBoth({ w, x }: Permissions, address: number): void {
	if (w && x) throw new ArgumentError(`${hex(address)} would be writable and executable`);
}

function physicalOf(frame: number, flags: number, address: number, access: Access): number {
	return (flags & bits[access]) === 0 ? -1 : offsetIn(frame, flags, address);
}

function offsetIn(frame: number, flags: number, address: number): number {
	return frame * PAGE + (address & (sizeOf(flags) - 1));
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
