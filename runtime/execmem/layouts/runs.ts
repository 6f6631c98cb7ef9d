// Free runs of an address range: first fit from below or from above. A run that is given back joins its neighbours.

import type { Range } from "../memory-types.ts";

/** What is free, by address; runs never touch each other. */
export interface FreeRuns {
	readonly range: Range;
	readonly runs: { start: number; end: number }[];
}

export function newRuns({ start, end }: Range): FreeRuns {
	return { range: { start, end }, runs: start < end ? [{ start, end }] : [] };
}

/** Takes the first room that there is within `limits`.
 * @param bytes a multiple of `align` @returns the address, or undefined when there is no room */
export function takeRun(
	{ runs }: FreeRuns,
	bytes: number,
	align: number,
	grows: "up" | "down",
	limits: Range,
): number | undefined {
	for (let n = 0; n < runs.length; n++) {
		const i = grows === "up" ? n : runs.length - 1 - n;
		const run = runs[i]!;
		const [start, end] = [Math.max(run.start, limits.start), Math.min(run.end, limits.end)];
		const at = grows === "up" ? Math.ceil(start / align) * align : Math.floor((end - bytes) / align) * align;
		if (at < start || at + bytes > end) continue;
		const rest = [
			{ start: run.start, end: at },
			{ start: at + bytes, end: run.end },
		].filter((each) => each.start < each.end);
		runs.splice(i, 1, ...rest);
		return at;
	}
	return undefined;
}

/** Gives back what was taken. */
export function giveRun({ runs }: FreeRuns, start: number, bytes: number): void {
	let i = 0;
	while (i < runs.length && runs[i]!.start < start) i++;
	const made = { start, end: start + bytes };
	const [before, after] = [runs[i - 1], runs[i]];
	if (after?.start === made.end) {
		made.end = after.end;
		runs.splice(i, 1);
	}
	if (before?.end === start) before.end = made.end;
	else runs.splice(i, 0, made);
}

/** Whether all of it is free again. */
export function isEmpty({ range, runs }: FreeRuns): boolean {
	return runs.length === 1 && runs[0]!.start === range.start && runs[0]!.end === range.end;
}
