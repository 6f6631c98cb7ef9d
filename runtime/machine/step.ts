// One instruction outside of the decode cache: the same `execute`, costs and predictions as the dispatcher's.

import { Stop } from "../../linker/isa/core.ts";
import type { Instruction } from "../../linker/isa/instruction-set.ts";
import type { Core } from "./core.ts";
import { fetchOnce } from "./fetch.ts";
import { mispredicted } from "./predictor.ts";
import { TICKS_PER_CYCLE, ticksOf } from "./profile.ts";

/** Fetches at `pc` and executes. @returns the next pc; `core.spent` says what it took, `core.stop` whether it stopped */
export function stepOnce(core: Core, pc: number): number {
	const instruction = fetchOnce(core, pc);
	core.spent = 0;
	return instruction === undefined ? pc : executeAt(core, instruction, pc);
}

/** Executes an instruction as if it had been fetched at `pc`. @returns the next pc */
export function executeAt(core: Core, instruction: Instruction, pc: number): number {
	const { row, a, b, c, imm, length } = instruction;
	const { profile } = core.machine.config;
	const next = (pc + length) | 0;
	const to = row.execute(core, a, b, c, imm, next) ?? next;
	core.spent = ticksOf(profile, row.cost);
	if (core.stop === Stop.none && mispredicted(core, row.flow, pc, next, to))
		core.spent += profile.mispredict * TICKS_PER_CYCLE;
	return to;
}
