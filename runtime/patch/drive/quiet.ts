// When nobody need be asked for anything: the one notion of a system that is quiet, for updates, fills, releases and probes.

import { Cpu, Status } from "../../machine/layout.ts";
import { getCounter, getCpu, type Machine } from "../../machine/state.ts";

/** Whether a CPU may hold what it fetched or translated before: it has executed something, and did not halt for good. */
export function isAtWork(machine: Machine, cpu: number): boolean {
	return getCounter(machine, cpu, Cpu.instructions) > 0 && getCpu(machine, cpu, Cpu.status) !== Status.halted;
}

/** Whether no CPU is at work: what is changed now is changed before anybody looks. */
export function isQuiet(machine: Machine): boolean {
	return machine.cores.every(({ id }) => !isAtWork(machine, id));
}
