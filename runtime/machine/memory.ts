// Page tables and physical memory. An entry maps one 4 KiB page of one address space to a physical frame with r/w/x.
// W^X is kept here: no entry may be writable and executable. `translate` is the slow, certain way; cores cache it.

import { dropDecoded } from "./decode-cache.ts";
import { Cpu, Entry, Global } from "./layout.ts";
import { cpuWord, type Machine, PAGE } from "./state.ts";

export type Access = "r" | "w" | "x";
export interface Permissions {
	readonly r: boolean;
	readonly w: boolean;
	readonly x: boolean;
}

const bits: Record<Access, number> = { r: 1, w: 2, x: 4 };
const flagsOf = (p: Permissions): number => (p.r ? bits.r : 0) | (p.w ? bits.w : 0) | (p.x ? bits.x : 0);

/** Maps `count` pages at a page-aligned virtual address to consecutive frames, replacing what was mapped there.
 * @throws RangeError when the permissions are both w and x, an address is unaligned, or the table is full */
export function mapPages(
	machine: Machine,
	space: number,
	address: number,
	physical: number,
	count: number,
	permissions: Permissions,
): void {
	if (permissions.w && permissions.x)
		throw new RangeError(`mapping at 0x${address.toString(16)} would be writable and executable`);
	if (address % PAGE !== 0 || physical % PAGE !== 0)
		throw new RangeError(`unaligned mapping of 0x${address.toString(16)}`);
	for (let i = 0; i < count; i++) {
		const page = (address >>> 12) + i;
		const index = entryFor(machine, space, page) ?? newEntry(machine);
		machine.words.set([space, page, (physical >>> 12) + i, flagsOf(permissions)], entryWord(machine, index));
		machine.words[Global.generation]!++;
	}
	forgetTranslations(machine);
}

/** Removes `count` pages; pages that are not mapped are skipped. */
export function unmapPages(machine: Machine, space: number, address: number, count: number): void {
	for (let i = 0; i < count; i++) {
		const index = entryFor(machine, space, (address >>> 12) + i);
		if (index === undefined) continue;
		const last = machine.words[Global.entries]! - 1;
		const from = entryWord(machine, last);
		machine.words.copyWithin(entryWord(machine, index), from, from + Entry.words);
		machine.words.fill(0, from, from + Entry.words);
		machine.words[Global.entries] = last;
		machine.words[Global.generation]!++;
	}
	forgetTranslations(machine);
}

/** The physical address behind a virtual one for an access by a CPU, or -1 when the page table refuses it. */
export function translate(machine: Machine, cpu: number, address: number, access: Access): number {
	const space = machine.words[cpuWord(machine, cpu, Cpu.space)]!;
	return translateIn(machine, space, address, access);
}

export function translateIn(machine: Machine, space: number, address: number, access: Access): number {
	const index = entryFor(machine, space, address >>> 12);
	if (index === undefined) return -1;
	const word = entryWord(machine, index);
	if ((machine.words[word + Entry.flags]! & bits[access]) === 0) return -1;
	return machine.words[word + Entry.frame]! * PAGE + (address & (PAGE - 1));
}

/** The physical address behind a virtual one that any address space maps with any permission: how a patcher's private
 * alias reaches it. @throws Error when nothing maps it: plans are validated before they run */
export function translateAny(machine: Machine, address: number): number {
	for (let i = 0; i < machine.words[Global.entries]!; i++) {
		const word = entryWord(machine, i);
		if (machine.words[word + Entry.page] !== address >>> 12) continue;
		return machine.words[word + Entry.frame]! * PAGE + (address & (PAGE - 1));
	}
	throw new Error(`assert: nothing is mapped at 0x${address.toString(16)}`);
}

/** Writes physical memory and keeps derived state true: every path of every store ends here or in a core's cached
 * translation of a frame that holds no decoded instructions. */
export function writePhysical(machine: Machine, physical: number, bytes: Uint8Array): void {
	machine.memory.set(bytes, physical);
	dropDecoded(machine, physical, bytes.length);
}

/** Reads bytes as an address space sees them. @returns undefined when a page is not mapped readable or executable */
export function readVirtual(machine: Machine, space: number, address: number, length: number): Uint8Array | undefined {
	const bytes = new Uint8Array(length);
	for (let i = 0; i < length; i++) {
		let physical = translateIn(machine, space, address + i, "r");
		if (physical < 0) physical = translateIn(machine, space, address + i, "x");
		if (physical < 0) return undefined;
		bytes[i] = machine.memory[physical]!;
	}
	return bytes;
}

function entryWord(machine: Machine, index: number): number {
	return (machine.layout.entries >> 2) + index * Entry.words;
}

function entryFor(machine: Machine, space: number, page: number): number | undefined {
	if (machine.indexed !== machine.words[Global.generation]) reindex(machine);
	return machine.index.get(space * 2 ** 20 + page);
}

function reindex(machine: Machine): void {
	machine.index.clear();
	for (let i = 0; i < machine.words[Global.entries]!; i++) {
		const word = entryWord(machine, i);
		machine.index.set(machine.words[word + Entry.space]! * 2 ** 20 + machine.words[word + Entry.page]!, i);
	}
	machine.indexed = machine.words[Global.generation]!;
}

function newEntry(machine: Machine): number {
	const index = machine.words[Global.entries]!;
	if (index >= machine.config.entries) throw new RangeError(`page table full: ${machine.config.entries} entries`);
	machine.words[Global.entries] = index + 1;
	return index;
}

function forgetTranslations(machine: Machine): void {
	for (const core of machine.cores) core.forgetTranslations();
}
