// The physical memory that nobody has: which frames are free, given out and taken back in runs. A free frame is full of
// breakpoints, and no CPU can see anything else of it: whoever gives frames back has seen to that.

import { encode } from "../../linker/isa/encode.ts";
import { Global } from "../machine/layout.ts";
import { LARGE_PAGE } from "../machine/page-entry.ts";
import { type Machine, PAGE, takeFrames } from "../machine/state.ts";

/** Physical addresses, from `start` up to and without `end`. */
interface Run {
	readonly start: number;
	readonly end: number;
}

export interface FramePool {
	/** Bytes of all frames, given out or not. */
	readonly bytes: number;
	/** Sorted; no two are neighbours. */
	readonly free: Run[];
}

/** Takes all that the machine has left. */
export function createFrames(machine: Machine): FramePool {
	const bytes = machine.config.memory - machine.words[Global.frames]! * PAGE;
	const start = takeFrames(machine, bytes);
	machine.memory.fill(encode("brk")[0]!, start, start + bytes);
	return { bytes, free: bytes === 0 ? [] : [{ start, end: start + bytes }] };
}

/** Frames for so many bytes, in as few runs as may be; a large page is one run and aligned.
 * @returns undefined, with nothing taken, when there are not enough */
export function takeRuns(
	pool: FramePool,
	bytes: number,
	large: boolean,
): { physical: number; bytes: number }[] | undefined {
	if (large) {
		const run = pool.free.find(({ start, end }) => alignUp(start) + bytes <= end);
		if (run === undefined) return undefined;
		cut(pool, alignUp(run.start), bytes);
		return [{ physical: alignUp(run.start), bytes }];
	}
	if (freeBytes(pool) < bytes) return undefined;
	const taken: { physical: number; bytes: number }[] = [];
	for (let left = bytes; left > 0; ) {
		const { start, end } = shortest(pool, left);
		const length = Math.min(left, end - start);
		cut(pool, start, length);
		taken.push({ physical: start, bytes: length });
		left -= length;
	}
	return taken;
}

export function giveBack(pool: FramePool, physical: number, bytes: number): void {
	const end = physical + bytes;
	const at = pool.free.findIndex((run) => run.start >= physical);
	const index = at < 0 ? pool.free.length : at;
	const before = pool.free[index - 1];
	const after = pool.free[index];
	if ((before !== undefined && before.end > physical) || (after !== undefined && after.start < end))
		throw new Error("assert: frames given back twice");
	const joinsBefore = before?.end === physical;
	const joinsAfter = after?.start === end;
	const run = { start: joinsBefore ? before.start : physical, end: joinsAfter ? after.end : end };
	pool.free.splice(index - (joinsBefore ? 1 : 0), (joinsBefore ? 1 : 0) + (joinsAfter ? 1 : 0), run);
}

export function freeBytes({ free }: FramePool): number {
	return free.reduce((sum, { start, end }) => sum + end - start, 0);
}

/** The shortest run that holds all of it, so that large pages stay possible; else the longest. */
function shortest({ free }: FramePool, bytes: number): Run {
	const length = ({ start, end }: Run): number => end - start;
	const fitting = free.filter((run) => length(run) >= bytes);
	return fitting.length > 0
		? fitting.reduce((best, run) => (length(run) < length(best) ? run : best))
		: free.reduce((best, run) => (length(run) > length(best) ? run : best));
}

function cut({ free }: FramePool, physical: number, bytes: number): void {
	const index = free.findIndex(({ start, end }) => start <= physical && physical + bytes <= end);
	const { start, end } = free[index]!;
	const rest = [
		{ start, end: physical },
		{ start: physical + bytes, end },
	];
	free.splice(index, 1, ...rest.filter((run) => run.start < run.end));
}

function alignUp(address: number): number {
	return Math.ceil(address / LARGE_PAGE) * LARGE_PAGE;
}
