// Carries out a plan of memory: at once while nobody has begun to run, else by driving the machine until it is done.

import { Cpu } from "../machine/layout.ts";
import { getCounter, type Machine } from "../machine/state.ts";
import { applyNow, submit } from "../patch/drive/patchers.ts";
import { now, type RunEnd, settle } from "../patch/drive/run.ts";
import type { Plan } from "../patch/plan/plan.ts";
import type { Step } from "../patch/plan/step.ts";
import type { System } from "../patch/system.ts";

/** Gets a trapped CPU on its way again. @returns false when it cannot */
export type Trapped = (system: System, cpu: number) => boolean;

/** @param label what it is, for people @returns why the run ended before the plan was done; undefined when it is */
export function carryOut(system: System, label: string, plan: Plan, trapped?: Trapped): RunEnd | undefined {
	if (plan.steps.length === 0) return undefined;
	const { machine } = system;
	if (machine.cores.every(({ id }) => getCounter(machine, id, Cpu.instructions) === 0)) {
		applyNow(system, { ...plan, label, steps: plan.steps.flatMap((step) => unasked(machine, step)) });
		return undefined;
	}
	const before = settled(system, trapped);
	if (before !== undefined) return before;
	const patcher = submit(system, { ...plan, label }, now(system));
	if (typeof patcher === "object") throw new Error(`assert: ${patcher.refused}`);
	return settled(system, trapped);
}

/** Who has not begun need not be interrupted to do what it is asked for. */
function unasked({ cores }: Machine, step: Step): Step[] {
	if (step.kind === "await") return [];
	if (step.kind !== "interrupt") return [step];
	return cores.map(({ id }) => ({ kind: step.request === "flush" ? "flush" : "serialize", cpu: id }));
}

function settled(system: System, trapped: Trapped | undefined): RunEnd | undefined {
	for (;;) {
		const ended = settle(system);
		if (ended?.kind !== "trapped" || trapped?.(system, ended.cpu) !== true) return ended;
	}
}
