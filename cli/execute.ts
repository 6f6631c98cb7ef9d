// Runs a system for a command: output as it comes, updates when they are due, an end at a bound.

import { setImmediate as breathe } from "node:timers/promises";
import { freeInit, type RunEnd, run, type ScheduledUpdate, type System } from "../runtime/patch/index.ts";
import { changesOf, type Retarget } from "./retarget.ts";

/** Cycles between two looks at the outside world. */
const SLICE = 1_000_000;

export interface Course {
	/** Other updates. */
	readonly updates?: readonly ScheduledUpdate[];
	/** Those with a cycle are made then. */
	readonly retargets?: readonly Retarget[];
	/** Cycles after which the run is given up: it then ends as `limit`. */
	readonly maxCycles?: number | undefined;
	/** The cycle at which init text is freed. */
	readonly freeInitAt?: number | undefined;
	/** Takes finished lines. */
	readonly print?: (lines: readonly string[]) => Promise<void>;
	/** Is told how far the run is, in cycles. */
	readonly progress?: (cycles: number) => void;
}

export async function execute(system: System, course: Course = {}): Promise<RunEnd> {
	const { retargets = [], maxCycles = Number.POSITIVE_INFINITY, freeInitAt = Number.POSITIVE_INFINITY } = course;
	const later = retargets.flatMap((each): ScheduledUpdate[] =>
		each.cycle === undefined ? [] : [{ at: each.cycle, changes: changesOf(system.image, each) }],
	);
	let updates = [...later, ...(course.updates ?? [])];
	for (let now = 0; ; updates = []) {
		now = Math.min(now + SLICE, maxCycles, now < freeInitAt ? freeInitAt : maxCycles);
		const end = run(system, { cycles: now, updates });
		await course.print?.(system.output.splice(0));
		if (end.kind !== "limit" || now === maxCycles) return end;
		if (now === freeInitAt) freeInit(system);
		course.progress?.(now);
		await breathe();
	}
}
