// Work before a program starts that drives the machine, and may call functions of the program on a CPU.

import { Cpu, Status } from "../../machine/layout.ts";
import { barrier, flush } from "../../machine/run.ts";
import { getCpu, setCpu } from "../../machine/state.ts";
import type { System } from "../system.ts";

/** Does something while the CPUs that would run do not. */
export function whileHeld<T>({ machine }: System, act: () => T): T {
	const held = machine.cores.filter(({ id }) => getCpu(machine, id, Cpu.status) === Status.running);
	for (const { id } of held) setCpu(machine, id, Cpu.status, Status.halted);
	try {
		return act();
	} finally {
		for (const { id } of held) {
			setCpu(machine, id, Cpu.status, Status.running);
			// They were halted, so nobody asked them for these.
			barrier(machine, id);
			flush(machine, id);
		}
	}
}
