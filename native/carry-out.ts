// Writes an update into a running process: one store per place where each of them may be replaced so while threads run, and all of
// them during one short stop where any may not. What is there is compared with what was planned before anything is written,
// and what is there afterwards with what should be.

import { LinkError } from "../linker/errors.ts";
import { hexAddress, hexBytes } from "../linker/hex.ts";
import { type Guard, startGuard } from "./guard.ts";
import type { Memory } from "./memory.ts";
import { type Process, programCounter } from "./process.ts";
import { bytesAt, isSame, PAGE, type Range, readRanges } from "./ranges.ts";
import { whileStopped } from "./stop.ts";

/** A replacement of bytes of the process. */
export interface Poke {
	readonly address: number;
	readonly before: Uint8Array;
	readonly after: Uint8Array;
	/** One store of the bytes that differ may be made while threads run. */
	readonly fits: boolean;
}

/** `fitting`: stop only for what one store cannot do. */
export type Stopping = "fitting" | "always" | "never";

export interface Done {
	readonly pokes: number;
	/** How long no thread ran, in nanoseconds; undefined where there was no stop. */
	readonly stopped: number | undefined;
}

/** What carries updates out, one after another. */
export interface Patcher {
	/** @param pokes in the order in which they are to be made, none of them twice
	 * @throws LinkError when one of them cannot be made: then none is */
	carryOut(pokes: readonly Poke[], stopping: Stopping): Done;
	close(): void;
}

export function openPatcher(process: Process, memory: Memory): Patcher {
	let guard: Guard | undefined;
	return {
		carryOut(pokes, stopping) {
			if (pokes.length === 0) return { pokes: 0, stopped: undefined };
			const isStopped = stopping === "always" || (stopping === "fitting" && pokes.some(({ fits }) => !fits));
			if (isStopped) guard ??= startGuard(process);
			else storeEach(process, memory, pokes);
			const stopped = guard && isStopped ? storeStopped(process, memory, guard, pokes) : undefined;
			verify(process, memory, pokes);
			return { pokes: pokes.length, stopped };
		},
		close: () => guard?.close(),
	};
}

/** Makes each poke by one store of what differs, or takes those that were made back. */
function storeEach(process: Process, memory: Memory, pokes: readonly Poke[]): void {
	const unfit = pokes.filter(({ fits }) => !fits);
	if (unfit.length > 0)
		throw new LinkError(
			`${process.name}: ${unfit.length} of ${pokes.length} places cannot be changed by one store, the first at ${hexAddress(unfit[0]!.address)} (${hexBytes(unfit[0]!.before)} → ${hexBytes(unfit[0]!.after)}); leave --no-stop out`,
		);
	let made = 0;
	try {
		for (const { address, before, after } of pokes) {
			requireBytes(process, address, before, memory.read(address, before.length));
			store(memory, address, before, after);
			made++;
		}
	} catch (error) {
		for (const { address, before, after } of pokes.slice(0, made).reverse()) store(memory, address, after, before);
		throw error;
	}
}

/** A word of four bytes from the first that differs, or of eight where there are more: what lies in it is written at once. */
function store(memory: Memory, address: number, from: Uint8Array, to: Uint8Array): void {
	const length = to.length > 6 ? 8 : 4;
	const at = to.length - length;
	if (!isSame(from, to)) memory.write(address + at, to.subarray(at));
}

/** @returns how long no thread ran */
function storeStopped(process: Process, memory: Memory, guard: Guard, pokes: readonly Poke[]): number | undefined {
	const sorted = pokes.toSorted((a, b) => a.address - b.address);
	const places = sorted.map(({ address, before }) => ({ address, length: before.length }));
	const old = readRanges(memory, places);
	for (const { address, before } of sorted)
		requireBytes(process, address, before, bytesAt(old, { address, length: before.length }));
	const image = old.map(({ address, bytes }) => ({ address, bytes: bytes.slice() }));
	for (const { address, after } of sorted) bytesAt(image, { address, length: after.length }).set(after);
	return whileStopped(process, guard, acrossPages(sorted), (threads) => {
		for (const { address, bytes } of old) {
			const now = memory.read(address, bytes.length);
			if (!isSame(now, bytes)) failChanged(process, { address, bytes }, now);
		}
		for (const thread of threads) requireOutside(process, thread, sorted);
		writeAll(memory, old, image);
	}).nanoseconds;
}

/** The kernel copies page by page, and a writer that is killed leaves off between two of them: half an instruction. */
function acrossPages(pokes: readonly Poke[]): Range[] {
	const page = (address: number) => Math.floor(address / PAGE);
	return pokes
		.filter(({ address, before }) => page(address) !== page(address + before.length - 1))
		.map(({ address, before }) => ({ address, bytes: before }));
}

/** Writes all ranges, or takes those that were written back. */
function writeAll(memory: Memory, old: readonly Range[], image: readonly Range[]): void {
	let written = 0;
	try {
		for (const { address, bytes } of image) {
			written++;
			memory.write(address, bytes);
		}
	} catch (error) {
		for (const { address, bytes } of old.slice(0, written)) memory.write(address, bytes);
		throw error;
	}
}

/** A thread goes on at a place or before or behind it: none is inside, for each place is one instruction. One that is has come there
 * by a jump that nobody knew of. */
function requireOutside(process: Process, thread: number, sorted: readonly Poke[]): void {
	const pc = programCounter(process, thread);
	if (pc === undefined) return;
	let low = 0;
	let high = sorted.length;
	while (low < high) {
		const middle = (low + high) >>> 1;
		if (sorted[middle]!.address < pc) low = middle + 1;
		else high = middle;
	}
	const { address, before } = sorted[low - 1] ?? { address: pc, before: [] };
	if (pc > address && pc < address + before.length)
		throw new LinkError(
			`${process.name}: thread ${thread} is at ${hexAddress(pc)}, inside the instruction at ${hexAddress(address)}: something jumps there`,
		);
}

function verify(process: Process, memory: Memory, pokes: readonly Poke[]): void {
	const sorted = pokes.toSorted((a, b) => a.address - b.address);
	const places = sorted.map(({ address, after }) => ({ address, length: after.length }));
	const now = readRanges(memory, places);
	for (const [i, place] of places.entries())
		requireBytes(process, place.address, sorted[i]!.after, bytesAt(now, place));
}

function requireBytes({ name }: Process, address: number, wanted: Uint8Array, found: Uint8Array): void {
	if (!isSame(wanted, found))
		throw new LinkError(
			`${name}: ${hexAddress(address)} holds ${hexBytes(found)} and should hold ${hexBytes(wanted)}: somebody else changes it too`,
		);
}

function failChanged({ name }: Process, { address, bytes }: Range, now: Uint8Array): never {
	const at = bytes.findIndex((byte, i) => byte !== now[i]);
	throw new LinkError(
		`${name}: ${hexAddress(address + at)} changed between planning and stopping: somebody else patches it; try again`,
	);
}
