// Drives a system, turn after turn, until something ends the run or a limit comes.

import { Cpu } from "../../machine/layout.ts";
import { TICKS_PER_CYCLE } from "../../machine/profile.ts";
import { getCounter } from "../../machine/state.ts";
import type { Queued, System } from "../system.ts";
import { isPatching } from "./patchers.ts";
import { peekTurn, type Reach, type RunEnd, takeTurn } from "./turn.ts";

export type { RunEnd };

/** Cycles that whoever asks for an update waits for it. */
const PATIENCE = 1e9;

/** When a run stops, and which updates come while it runs. */
export interface RunLimits {
	/** Stop when the next party's clock is here, in cycles. */
	readonly cycles?: number;
	/** Updates from outside, each requested at a cycle. */
	readonly updates?: readonly ScheduledUpdate[];
}

/** An update that is asked for from outside at a given cycle. */
export interface ScheduledUpdate {
	/** Cycles. */
	readonly at: number;
	readonly changes: Queued["changes"];
}

/** Runs until something ends it. A run that ended at a limit can be gone on with; its scheduled updates stay queued. */
export function run(system: System, limits: RunLimits = {}): RunEnd {
	const limit = (limits.cycles ?? Number.POSITIVE_INFINITY) * TICKS_PER_CYCLE;
	for (const { at, changes } of limits.updates ?? [])
		system.queue.push({ changes, cpu: undefined, clock: at * TICKS_PER_CYCLE });
	const reach = reachTo(limit);
	for (;;) {
		const end = takeTurn(system, reach);
		if (end !== undefined) return end;
	}
}

/** Runs until nobody patches and no update that is due waits, or so many cycles have passed: a CPU may keep its interrupts
 * masked forever. @returns why it ended before that */
export function settle(system: System, cycles?: number): RunEnd | undefined {
	const isDue = ({ clock }: Queued): boolean => clock <= now(system);
	return runWhile(system, () => isPatching(system.machine) || system.queue.some(isDue), cycles);
}

/** Runs while something is so, or until so many cycles have passed. @returns why it ended before that */
export function runWhile(system: System, isSo: () => boolean, cycles: number = PATIENCE): RunEnd | undefined {
	const reach = reachTo(now(system) + cycles * TICKS_PER_CYCLE);
	while (isSo()) {
		const end = takeTurn(system, reach);
		if (end !== undefined) return end;
	}
	return undefined;
}

/** Ticks: the clock of who goes next; when nobody does, of the last who did. */
export function now(system: System): number {
	const clock = peekTurn(system)?.clock;
	return clock ?? Math.max(...system.machine.cores.map((core) => getCounter(system.machine, core.id, Cpu.clock)));
}

/** Turns as they come, up to a clock in ticks. */
function reachTo(clock: number): Reach {
	return { clock, instructions: Number.POSITIVE_INFINITY, steps: 0 };
}
