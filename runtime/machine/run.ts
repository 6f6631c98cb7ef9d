// Time passes here: what may happen next (`choices`), doing it (`take`), and `advance`, which takes one CPU's
// instructions many at a time. All three execute through the same dispatcher.

import { Stop } from "../../linker/isa/core.ts";
import { dispatch } from "./dispatch.ts";
import { Cpu, Status } from "./layout.ts";
import { TICKS_PER_CYCLE } from "./profile.ts";
import { getCpu, type Machine, setCpu } from "./state.ts";

/** The bits of a CPU's pending interrupts. */
export const Interrupt = { serialize: 1 } as const;

export type Choice =
	| { readonly kind: "step"; readonly cpu: number }
	| { readonly kind: "interrupt"; readonly cpu: number };

/** Everything that may happen next, in CPU order: an instruction of each running CPU, an interrupt of each CPU that has
 * one pending and does not mask it. */
export function choices(machine: Machine): Choice[] {
	const all: Choice[] = [];
	for (let cpu = 0; cpu < machine.config.cpus; cpu++) {
		if (interruptible(machine, cpu)) all.push({ kind: "interrupt", cpu });
		if (getCpu(machine, cpu, Cpu.status) === Status.running) all.push({ kind: "step", cpu });
	}
	return all;
}

/** Does one of the `choices`. */
export function take(machine: Machine, choice: Choice): void {
	switch (choice.kind) {
		case "step":
			advance(machine, choice.cpu, 1);
			return;
		case "interrupt":
			takeInterrupt(machine, choice.cpu);
			return;
	}
}

export function interruptible(machine: Machine, cpu: number): boolean {
	if (getCpu(machine, cpu, Cpu.pending) === 0) return false;
	return getCpu(machine, cpu, Cpu.masked) === 0;
}

/** Serves every pending interrupt of a CPU between two instructions and wakes it if it idles. */
function takeInterrupt(machine: Machine, cpu: number): void {
	setCpu(machine, cpu, Cpu.pending, 0);
	machine.cores[cpu]!.counters[0]! += machine.config.profile.interrupt * TICKS_PER_CYCLE;
	if (getCpu(machine, cpu, Cpu.status) === Status.idle) setCpu(machine, cpu, Cpu.status, Status.running);
}

/** Executes a running CPU's instructions until `ticks` are spent or one stops it. A trap becomes the CPU's status.
 * @returns why it stopped: a `Stop`; `Stop.none` when the time was up */
export function advance(machine: Machine, cpu: number, ticks: number): number {
	const core = machine.cores[cpu]!;
	const { profile } = machine.config;
	core.enter();
	dispatch(core, profile.mispredict * TICKS_PER_CYCLE, ticks);
	core.leave();
	const { stop } = core;
	if (stop === Stop.none) return stop;
	setCpu(machine, cpu, Cpu.stop, stop);
	setCpu(machine, cpu, Cpu.stopValue, core.stopValue);
	setCpu(machine, cpu, Cpu.status, statusAfter(stop));
	return stop;
}

function statusAfter(stop: number): Status {
	switch (stop) {
		case Stop.halt:
			return Status.halted;
		case Stop.idle:
			return Status.idle;
		case Stop.ecall:
			return Status.hostCall;
		case Stop.serialize:
		case Stop.fence:
		case Stop.clean:
		case Stop.invalidate:
		case Stop.unmask:
			return Status.running;
		default:
			return Status.trapped;
	}
}
