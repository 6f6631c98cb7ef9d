// Handlers of a program's own: a CPU that meets a breakpoint nobody serves, or is struck by an NMI, goes on in them. The
// frame is two words on its stack, and `iret` undoes it:
//
//   sp      address of the instruction that is to be executed next: of the breakpoint itself, so that going back tries it again
//   sp + 4  the state: flags in bits 0 to 2, what is masked in bits 8 and 9
//
// Neither the way in nor the way back is an instruction barrier; a handler that needs one executes SERIALIZE.

import { Mask, Stop } from "../../linker/isa/core.ts";
import { SP } from "../../linker/isa/sets/toy.ts";
import { Cpu, Status } from "./layout.ts";
import { getCpu, type Machine, setCpu } from "./state.ts";

/** Whether a CPU may be struck by an NMI: masked interrupts do not matter, but it is not in the handler of one already. */
export function takesNmi(machine: Machine, cpu: number): boolean {
	if (getCpu(machine, cpu, Cpu.status) !== Status.running || getCpu(machine, cpu, Cpu.stepping) !== 0) return false;
	return (getCpu(machine, cpu, Cpu.masked) & Mask.nmis) === 0;
}

/** Pushes the frame and goes to a handler with more masked. Where there is no stack the CPU is trapped by its store. */
export function enterHandler(machine: Machine, cpu: number, handler: number, masked: number): void {
	const core = machine.cores[cpu]!;
	core.enter();
	const sp = core.r[SP]! - 8;
	core.store32(sp, core.pc);
	if (core.stop === Stop.none) core.store32(sp + 4, core.flags | (core.masked << 8));
	if (core.stop === Stop.none) {
		core.r[SP] = sp;
		core.masked |= masked;
		core.pc = handler;
	}
	core.leave();
	setCpu(machine, cpu, Cpu.stop, core.stop);
	setCpu(machine, cpu, Cpu.stopValue, core.stopValue);
	setCpu(machine, cpu, Cpu.status, core.stop === Stop.none ? Status.running : Status.trapped);
}
