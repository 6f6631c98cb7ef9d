// Carries out one step of a patcher on the machine.

import { Cpu, Status } from "../machine/layout.ts";
import { translateAny, writePhysical } from "../machine/memory.ts";
import { TICKS_PER_CYCLE } from "../machine/profile.ts";
import { Interrupt } from "../machine/run.ts";
import { getCounter, getCpu, setCpu } from "../machine/state.ts";
import type { Patcher, System } from "./system.ts";

/** Whether the patcher's next step can be done now: only an `await` may have to wait. */
export function ready(system: System, patcher: Patcher): boolean {
	const step = patcher.steps[patcher.at];
	if (step === undefined) return false;
	return step.kind !== "await" || !anyCpu(system, (cpu) => getCpu(system.machine, cpu, Cpu.pending) !== 0);
}

/** Does the next step of a patcher that is `ready` and charges its clock. */
export function perform(system: System, patcher: Patcher): void {
	const step = patcher.steps[patcher.at]!;
	const { profile } = system.machine.config;
	switch (step.kind) {
		case "store":
			writePhysical(system.machine, translateAny(system.machine, step.address), step.bytes);
			system.counts.stores++;
			patcher.clock += profile.poke * TICKS_PER_CYCLE;
			break;
		case "interrupt":
			interruptOthers(system, patcher);
			system.counts.syncs++;
			patcher.clock += profile.syncRound * TICKS_PER_CYCLE;
			break;
		case "await":
			patcher.clock = Math.max(patcher.clock, ...answered(system, patcher));
			break;
		case "arm":
			system.armed = step.edits;
			break;
		case "disarm":
			system.armed = [];
			break;
	}
	patcher.at++;
}

function anyCpu(system: System, holds: (cpu: number) => boolean): boolean {
	for (let cpu = 0; cpu < system.machine.config.cpus; cpu++) if (holds(cpu)) return true;
	return false;
}

/** CPUs that execute nothing will serialize before they do again, and need not be asked. */
function interruptOthers(system: System, patcher: Patcher): void {
	const { machine } = system;
	for (let cpu = 0; cpu < machine.config.cpus; cpu++) {
		if (cpu === patcher.cpu || getCpu(machine, cpu, Cpu.status) !== Status.running) continue;
		setCpu(machine, cpu, Cpu.pending, getCpu(machine, cpu, Cpu.pending) | Interrupt.serialize);
	}
}

/** The clocks of the CPUs that the patcher waited for. */
function answered(system: System, patcher: Patcher): number[] {
	const { machine } = system;
	return machine.cores
		.map((core) => core.id)
		.filter((cpu) => cpu !== patcher.cpu && getCpu(machine, cpu, Cpu.status) === Status.running)
		.map((cpu) => getCounter(machine, cpu, Cpu.clock));
}
