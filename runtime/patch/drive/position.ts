// How far patchers are with their plans, phase by phase.

import { Patcher } from "../../machine/layout.ts";
import { phaseText } from "../plan/protocol.ts";
import { getPatcher, Life, type System } from "../system.ts";

/** How far a patcher is in one phase of its plan. */
export interface PhaseProgress {
	/** As text: `sync serialize`. */
	readonly phase: string;
	/** Steps of it that were done, of how many. */
	readonly done: number;
	readonly of: number;
}

/** The phases of the first patcher that is at work, or died at it; none when nobody is. */
export function describePatcher({ machine, plans }: System): PhaseProgress[] {
	const patcher = plans.findIndex((_, each) => getPatcher(machine, each, Patcher.active) !== Life.idle);
	if (patcher < 0) return [];
	const { steps, phases = [] } = plans[patcher]!;
	const at = getPatcher(machine, patcher, Patcher.at);
	const all: { phase: string; done: number; of: number }[] = [];
	let before: unknown;
	for (const [i, step] of steps.entries()) {
		const phase = phases[i];
		if (phase === undefined || phase !== before)
			all.push({ phase: phase ? phaseText(phase) : step.kind, done: 0, of: 0 });
		before = phase;
		const last = all.at(-1)!;
		last.of++;
		if (i < at) last.done++;
	}
	return all;
}
