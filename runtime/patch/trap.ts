// The breakpoint trap: finds the site in the armed batch and executes the *new* instruction in place of the breakpoint,
// with the table's own `execute`: an emulated CALL pushes a real return address.

import { Stop } from "../../linker/isa/core.ts";
import { decode } from "../../linker/isa/decode.ts";
import { Cpu, Status } from "../machine/layout.ts";
import { TICKS_PER_CYCLE } from "../machine/profile.ts";
import { addCounter, getCpu, setCpu } from "../machine/state.ts";
import type { Edit } from "./step.ts";
import type { System } from "./system.ts";

/** Serves the breakpoint a CPU stopped at.
 * @returns false when no armed site is there (the program's own breakpoint): the CPU stays trapped */
export function serveBreakpoint(system: System, cpu: number): boolean {
	const { machine } = system;
	const address = getCpu(machine, cpu, Cpu.pc) >>> 0;
	const edit = findEdit(system.armed, address);
	const instruction = edit && decode(edit.bytes, 0);
	if (instruction === undefined || instruction.row.flow === "trap") return false;
	const core = machine.cores[cpu]!;
	core.enter();
	const { row, a, b, c, imm, length } = instruction;
	const next = (address + length) | 0;
	const to = row.execute(core, a, b, c, imm, next) ?? next;
	if (core.stop === Stop.none) core.pc = to;
	core.leave();
	setCpu(machine, cpu, Cpu.stop, core.stop);
	setCpu(machine, cpu, Cpu.stopValue, core.stopValue);
	setCpu(machine, cpu, Cpu.status, core.stop === Stop.none ? Status.running : Status.trapped);
	addCounter(machine, cpu, Cpu.clock, machine.config.profile.trap * TICKS_PER_CYCLE);
	system.counts.traps++;
	return true;
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
