// Traps that patching causes and serves. A breakpoint at an armed site executes the *new* instruction in its place, with
// the table's own `execute`: an emulated CALL pushes a real return address. A fault in a page that a patcher holds is
// retried. Everything else is the program's own trap and stays one.

import { Stop } from "../../linker/isa/core.ts";
import { decode } from "../../linker/isa/decode.ts";
import { Cpu, Global, Status } from "../machine/layout.ts";
import { permits } from "../machine/memory.ts";
import { TICKS_PER_CYCLE } from "../machine/profile.ts";
import { flush } from "../machine/run.ts";
import { addCounter, getCpu, PAGE, setCpu } from "../machine/state.ts";
import { executeAt } from "../machine/step.ts";
import type { Edit } from "./step.ts";
import type { System } from "./system.ts";

/** Serves the trap a CPU stopped at. @returns false when it is not for patching: the CPU stays trapped */
export function serveTrap(system: System, cpu: number): boolean {
	const stop = getCpu(system.machine, cpu, Cpu.stop);
	const served = stop === Stop.breakpoint ? serveBreakpoint(system, cpu) : retryFault(system, cpu, stop);
	if (!served) return false;
	addCounter(system.machine, cpu, Cpu.clock, system.machine.config.profile.trap * TICKS_PER_CYCLE);
	system.counts.traps++;
	return true;
}

function serveBreakpoint(system: System, cpu: number): boolean {
	const { machine } = system;
	const address = getCpu(machine, cpu, Cpu.pc) >>> 0;
	const armed = machine.words[Global.armed]!;
	const edit = armed === 0 ? undefined : findEdit(system.plans[armed - 1]!.edits, address);
	const instruction = edit && decode(edit.bytes, 0);
	if (instruction === undefined || instruction.row.flow === "trap") return false;
	const core = machine.cores[cpu]!;
	core.enter();
	const next = executeAt(core, instruction, address);
	if (core.stop === Stop.none) core.pc = next;
	core.leave();
	setCpu(machine, cpu, Cpu.stop, core.stop);
	setCpu(machine, cpu, Cpu.stopValue, core.stopValue);
	setCpu(machine, cpu, Cpu.status, core.stop === Stop.none ? Status.running : Status.trapped);
	return true;
}

/** A CPU that faults in a page whose rights a patcher changes tries again, and so does one whose TLB is merely old. */
function retryFault(system: System, cpu: number, stop: number): boolean {
	const { machine } = system;
	if (stop !== Stop.fetchFault && stop !== Stop.loadFault) return false;
	const address = getCpu(machine, cpu, Cpu.stopValue) >>> 0;
	const old = permits(machine, getCpu(machine, cpu, Cpu.space), address, stop === Stop.fetchFault ? "x" : "r");
	if (!old && !isHeld(system, address)) return false;
	flush(machine, cpu);
	setCpu(machine, cpu, Cpu.stop, Stop.none);
	setCpu(machine, cpu, Cpu.status, Status.running);
	return true;
}

/** Whether an address is in a page of the sites that a patcher has taken the rights from. */
function isHeld(system: System, address: number): boolean {
	const window = system.machine.words[Global.window]!;
	const page = Math.floor(address / PAGE);
	const touches = ({ address: from, bytes }: Edit): boolean =>
		Math.floor(from / PAGE) <= page && page <= Math.floor((from + bytes.length - 1) / PAGE);
	return window !== 0 && system.plans[window - 1]!.edits.some(touches);
}

/** Binary search by address. @param edits sorted */
export function findEdit(edits: readonly Edit[], address: number): Edit | undefined {
	let low = 0;
	let high = edits.length;
	while (low < high) {
		const middle = (low + high) >> 1;
		if (edits[middle]!.address < address) low = middle + 1;
		else high = middle;
	}
	return edits[low]?.address === address ? edits[low] : undefined;
}
