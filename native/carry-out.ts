// Writes an update into a running process: one store per place where each of them may be replaced so while threads run, and all of
// them during one short stop where any may not. What is there is compared with what was planned before anything is written,
// and what is there afterwards with what should be.

import { constants } from "node:os";
import { LinkError } from "../linker/errors.ts";
import { hexAddress, hexBytes } from "../linker/hex.ts";
import { countBefore } from "../linker/search.ts";
import { type Guard, startGuard } from "./guard.ts";
import type { Memory } from "./memory.ts";
import { isPending, type Process, programCounter } from "./process.ts";
import { bytesAt, type Extent, isSame, PAGE, type Range, readRanges } from "./ranges.ts";
import { type Stopped, whileStopped } from "./stop.ts";

/** A replacement of bytes of the process. */
export interface Poke {
	readonly address: number;
	readonly before: Uint8Array;
	readonly after: Uint8Array;
	/** One store of the bytes that differ may be made while threads run. */
	readonly fits: boolean;
	/** A word of data, whose neighbours the process changes all the time. */
	readonly isWord?: true;
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
	 * @param rival somebody in the process that may change the same bytes
	 * @returns how many were made when the rival came in between: then all is to be planned anew
	 * @throws LinkError when one of them cannot be made: then none is */
	carryOut(pokes: readonly Poke[], stopping: Stopping, rival?: Rival): Done | number;
	/** The same in a stop, for pokes that are found during it: beside a rival that never rests.
	 * @returns undefined where the rival was at work: then nothing was made */
	carryOutFound(find: () => readonly Poke[], rival: Rival): Done | undefined;
	close(): void;
}

/** Who changes the same bytes. */
export interface Rival {
	/** Whether it has done nothing since the update was planned, and is doing nothing now. */
	isQuiet(): boolean;
}

export function openPatcher(process: Process, memory: Memory): Patcher {
	let guard: Guard | undefined;
	return {
		carryOut(pokes, stopping, rival) {
			if (pokes.length === 0) return { pokes: 0, stopped: undefined };
			const isStopped = stopping === "always" || (stopping === "fitting" && pokes.some(({ fits }) => !fits));
			if (!isStopped) {
				const made = storeEach(process, memory, pokes, rival);
				return made === undefined ? { pokes: pokes.length, stopped: undefined } : made;
			}
			guard ??= startGuard(process);
			const { result, nanoseconds } = storeStopped(process, memory, guard, pokes, rival);
			if (!result) return 0;
			if (rival === undefined) verify(process, memory, pokes);
			return { pokes: pokes.length, stopped: nanoseconds };
		},
		carryOutFound(find, rival) {
			let pokes: readonly Poke[] = [];
			guard ??= startGuard(process);
			const plan = () => {
				pokes = find();
				return pokes;
			};
			const { result, nanoseconds } = storeStopped(process, memory, guard, plan, rival);
			return result ? { pokes: pokes.length, stopped: nanoseconds } : undefined;
		},
		close: () => guard?.close(),
	};
}

/** Makes each poke by one store of what differs, or takes those that were made back; not so beside a rival, whose bytes they may be
 * by then. @returns how many were made before the rival came; undefined: all, and it did not */
function storeEach(
	process: Process,
	memory: Memory,
	pokes: readonly Poke[],
	rival: Rival | undefined,
): number | undefined {
	const unfit = pokes.filter(({ fits }) => !fits);
	if (unfit.length > 0)
		throw new LinkError(
			`${process.name}: ${unfit.length} of ${pokes.length} places cannot be changed by one store, the first at ${hexAddress(unfit[0]!.address)} (${hexBytes(unfit[0]!.before)} → ${hexBytes(unfit[0]!.after)}); leave --no-stop out`,
		);
	let made = 0;
	try {
		for (const { address, before, after } of pokes) {
			const now = memory.read(address, before.length);
			if (rival !== undefined && !isSame(now, before)) return made;
			requireBytes(process, address, before, now);
			store(memory, address, before, after);
			made++;
		}
		if (rival === undefined) verify(process, memory, pokes);
		return (rival?.isQuiet() ?? true) ? undefined : made;
	} catch (error) {
		if (rival === undefined)
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

/** What is to be written while nothing runs: a word or a stretch of text each, as they were read and as they will be. */
interface Prepared {
	readonly code: readonly Poke[];
	readonly old: readonly Range[];
	readonly image: readonly Range[];
}

/** @returns undefined when what is there is not what was planned on */
function prepare(
	process: Process,
	memory: Memory,
	pokes: readonly Poke[],
	rival: Rival | undefined,
): Prepared | undefined {
	const words = pokes.filter(({ isWord }) => isWord);
	const code = pokes.filter(({ isWord }) => !isWord).sort((a, b) => a.address - b.address);
	const texts = readRanges(memory, code.map(placeOf));
	for (const poke of code) {
		const now = bytesAt(texts, placeOf(poke));
		if (rival !== undefined && !isSame(now, poke.before)) return undefined;
		requireBytes(process, poke.address, poke.before, now);
	}
	const old = [...words.map(({ address, before }) => ({ address, bytes: before })), ...texts];
	const newTexts = texts.map(({ address, bytes }) => ({ address, bytes: bytes.slice() }));
	for (const poke of code) bytesAt(newTexts, placeOf(poke)).set(poke.after);
	return { code, old, image: [...words.map(({ address, after }) => ({ address, bytes: after })), ...newTexts] };
}

/** @param plan the pokes, or what finds them once nothing runs
 * @returns whether all were made, and how long no thread ran */
function storeStopped(
	process: Process,
	memory: Memory,
	guard: Guard,
	plan: readonly Poke[] | (() => readonly Poke[]),
	rival: Rival | undefined,
): Stopped<boolean> {
	const early = typeof plan === "function" ? undefined : prepare(process, memory, plan, rival);
	if (early === undefined && typeof plan !== "function") return { result: false, nanoseconds: undefined };
	return whileStopped(process, guard, (threads, arm) => {
		if (rival !== undefined && !rival.isQuiet()) return false;
		if (early !== undefined && !isAsRead(process, memory, early, rival)) return false;
		const prepared = typeof plan === "function" ? prepare(process, memory, plan(), rival) : early;
		if (prepared === undefined) return false;
		for (const thread of threads) requireOutside(process, thread, prepared.code, rival);
		arm(acrossPages(prepared.code));
		writeAll(memory, prepared.old, prepared.image);
		return true;
	});
}

function isAsRead(process: Process, memory: Memory, { old }: Prepared, rival: Rival | undefined): boolean {
	for (const range of old) {
		const now = memory.read(range.address, range.bytes.length);
		if (isSame(now, range.bytes)) continue;
		if (rival !== undefined) return false;
		failChanged(process, range, now);
	}
	return true;
}

function placeOf({ address, before }: Poke): Extent {
	return { address, length: before.length };
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
 * by a jump that nobody knew of, or ran a breakpoint of the rival, whose handler will send it elsewhere. */
function requireOutside(process: Process, thread: number, sorted: readonly Poke[], rival: Rival | undefined): void {
	const pc = programCounter(process, thread);
	if (pc === undefined) return;
	const low = countBefore(sorted.length, (i) => sorted[i]!.address < pc);
	const { address, before } = sorted[low - 1] ?? { address: pc, before: [] };
	const hasTrapped = rival !== undefined && pc === address + 1 && isPending(thread, constants.signals.SIGTRAP);
	if (pc > address && pc < address + before.length && !hasTrapped)
		throw new LinkError(
			`${process.name}: thread ${thread} is at ${hexAddress(pc)}, inside the instruction at ${hexAddress(address)}: something jumps there`,
		);
}

/** Only beside no rival: nobody but this patcher has a right to change them. */
function verify(process: Process, memory: Memory, pokes: readonly Poke[]): void {
	const code = pokes.filter(({ isWord }) => !isWord).sort((a, b) => a.address - b.address);
	const now = readRanges(memory, code.map(placeOf));
	for (const poke of code) requireBytes(process, poke.address, poke.after, bytesAt(now, placeOf(poke)));
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
