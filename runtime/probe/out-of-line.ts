// How a probed instruction is executed elsewhere: which ones are emulated, what of the others is changed so that they mean
// the same in a slot, and what is put right after the step.

import { encode } from "../../linker/isa/encode.ts";
import { REL_MAX, REL_MIN, SP } from "../../linker/isa/index.ts";
import type { Instruction, Row } from "../../linker/isa/instruction-set.ts";
import { Cpu } from "../machine/layout.ts";
import { getCpu, type Machine, setCpu } from "../machine/state.ts";

/** What asks the machine for something is never stepped: what was asked for would happen in the middle of the step. */
function asksMachine({ cost }: Row): boolean {
	return ["barrier", "cache", "host", "system"].includes(cost);
}

/** What a handler does in an instant. */
function isEasy({ mnemonic }: Row): boolean {
	return ["nop", "nop5", "ret0", "push", "call", "jmp", "j", "ret"].includes(mnemonic);
}

/** How a hit is done, in a word. */
export function way(row: Row, always: boolean): "emulated" | "out of line" {
	return asksMachine(row) || (!always && isEasy(row)) ? "emulated" : "out of line";
}

/** What the program itself cannot have put there: a patcher's, or another debugger's. */
export function isNobodys({ mnemonic }: Row): boolean {
	return mnemonic === "brk" || mnemonic === "spin";
}

/** The bytes that do in a slot what the instruction does at home; undefined when it leads too far for that. */
export function copyFor({ row, a, b, c, imm }: Instruction, home: number, slot: number): Uint8Array | undefined {
	const there = row.format === "rel" ? imm + home - slot : imm;
	if (row.format === "rel" && (there < REL_MIN || there > REL_MAX)) return undefined;
	return encode(row.mnemonic, { a, b, c, imm: there });
}

/** After the step: whoever went on behind the slot goes on behind the instruction, and a call returns there. */
export function putRight(
	machine: Machine,
	cpu: number,
	{ row, length }: Instruction,
	home: number,
	slot: number,
): void {
	if (getCpu(machine, cpu, Cpu.pc) === slot + length) setCpu(machine, cpu, Cpu.pc, home + length);
	if (row.flow !== "call" && row.flow !== "indirect-call") return;
	const core = machine.cores[cpu]!;
	core.store32(core.r[SP]!, home + length);
}
