// A function called on a CPU from outside, as an interrupt handler is: between two instructions, on the stack that is
// there. Then the CPU goes on as if nothing had been, but for what the function did.

import { start } from "../load.ts";
import { Cpu, Status } from "../machine/layout.ts";
import { barrier, flush } from "../machine/run.ts";
import { cpuWord, getCounter, getCpu } from "../machine/state.ts";
import { now, type RunEnd, runWhile } from "../patch/drive/run.ts";
import { isPreemptible } from "../patch/perform/perform.ts";
import type { System } from "../patch/system.ts";

/** What it returned, or why it did not: a trap of its own, or whatever else ended the run. */
export type Called = { readonly result: number } | { readonly ended: RunEnd };

/** Waits until the CPU may be interrupted, and until the function returns; the others run meanwhile. @param cycles at most */
export function callOn(system: System, cpu: number, address: number, cycles?: number): Called {
	const { machine } = system;
	const never = runWhile(system, () => !isPreemptible(machine, cpu), cycles);
	if (never !== undefined) return { ended: never };
	const context = machine.words.slice(cpuWord(machine, cpu, 0), cpuWord(machine, cpu, Cpu.pending));
	const { counters, r } = machine.cores[cpu]!;
	counters[0] = Math.max(getCounter(machine, cpu, Cpu.clock), now(system));
	start(machine, cpu, address);
	const ended = runWhile(system, () => getCpu(machine, cpu, Cpu.status) !== Status.halted, cycles);
	const result = r[0]!;
	machine.words.set(context, cpuWord(machine, cpu, 0));
	// It halted, so nobody asked it for these, and what was pending was dropped.
	barrier(machine, cpu);
	flush(machine, cpu);
	return ended === undefined ? { result } : { ended };
}
