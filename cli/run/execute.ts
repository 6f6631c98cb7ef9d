// Runs a system for a command: prints its output as it comes, makes updates and takes actions when they are due, and ends
// at a bound.

import { setImmediate as breathe } from "node:timers/promises";
import { LinkError } from "../../linker/errors.ts";
import { type RunEnd, run, type ScheduledUpdate, type System } from "../../runtime/patch/index.ts";
import { changesOf, type Retarget } from "./set-option.ts";

/** Cycles between two looks at the outside world. */
const SLICE = 1_000_000;

/** What is done from outside at a cycle, beside updates. */
export interface Action {
	readonly at: number;
	/** Ends the run if it says so. */
	readonly act: (system: System) => RunEnd | undefined;
}

/** What happens in a run from outside, and when it is given up. Times are in cycles. */
export interface Schedule {
	/** Other updates. */
	readonly updates?: readonly ScheduledUpdate[];
	/** Updates to make; one with a cycle is made then. What it names may have come with a module loaded before. */
	readonly retargets?: readonly Retarget[];
	/** What to do at given cycles; what is for one cycle is done in this order. */
	readonly actions?: readonly Action[];
	/** Cycles after which the run is given up: it then ends as `limit`. */
	readonly maxCycles?: number | undefined;
	/** It is over already, before it began. */
	readonly ended?: RunEnd | undefined;
	/** Takes finished lines. */
	readonly print?: (lines: readonly string[]) => Promise<void>;
	/** Is told how far the run is, in cycles. */
	readonly progress?: (cycles: number) => void;
}

/** Runs a system to its end, as scheduled. @returns why it ended */
export async function execute(system: System, schedule: Schedule = {}): Promise<RunEnd> {
	const { retargets = [], maxCycles = Number.POSITIVE_INFINITY } = schedule;
	if (schedule.ended !== undefined) {
		await schedule.print?.(system.output.splice(0));
		return schedule.ended;
	}
	const actions = (schedule.actions ?? []).toSorted((a, b) => a.at - b.at);
	const nextAt = (): number => actions[0]?.at ?? Number.POSITIVE_INFINITY;
	/** Later ones are not queued yet: the run would wait for them, and what comes before would find it running. */
	const due = (from: number): ScheduledUpdate[] => [
		...updatesBetween(system, retargets, from, nextAt()),
		...(schedule.updates ?? []).filter(({ at }) => at >= from && at < nextAt()),
	];
	let updates = due(0);
	for (let now = 0; ; ) {
		now = Math.min(now + SLICE, maxCycles, nextAt());
		const end = run(system, { cycles: now, updates });
		await schedule.print?.(system.output.splice(0));
		if (end.kind !== "limit" || now === maxCycles) return end;
		updates = [];
		while (nextAt() <= now) {
			const failed = actions.shift()!.act(system);
			await schedule.print?.(system.output.splice(0));
			if (failed !== undefined) return failed;
			const more = attempted(() => due(now));
			if ("kind" in more) return more;
			updates.push(...more);
		}
		schedule.progress?.(now);
		await breathe();
	}
}

/** What an update names may not have come. */
function attempted(due: () => ScheduledUpdate[]): ScheduledUpdate[] | RunEnd {
	try {
		return due();
	} catch (error) {
		if (error instanceof LinkError) return { kind: "refused", why: error.message };
		throw error;
	}
}

function updatesBetween(
	{ image }: System,
	retargets: readonly Retarget[],
	from: number,
	to: number,
): ScheduledUpdate[] {
	return retargets.flatMap((each) =>
		each.cycle === undefined || each.cycle < from || each.cycle >= to
			? []
			: [{ at: each.cycle, changes: changesOf(image, each) }],
	);
}
