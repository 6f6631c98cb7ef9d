// One instruction outside of the decode cache: the same `execute`, costs and predictions as the dispatcher's.

import { FIRST_EVENT, Stop } from "../../linker/isa/core.ts";
import type { Instruction } from "../../linker/isa/instruction-set.ts";
import { decodedAt } from "./decode-cache.ts";
import { fetch, fetchOnce } from "./fetch.ts";
import { mispredicted } from "./predictor.ts";
import { TICKS_PER_CYCLE, ticksOf } from "./profile.ts";
import type { Core } from "./state.ts";
import { drainAll } from "./store-buffer.ts";

/** Does what the dispatcher leaves to others: has the code at `pc` decoded, or executes one instruction.
 * @returns ticks spent */
export function serve(core: Core): number {
	const { pc } = core;
	const cached = decodedAt(core.code, pc - core.codePage);
	if (cached === undefined && fetch(core, pc)) return 0;
	const next = cached === undefined ? stepOnce(core, pc) : executeAt(core, cached, pc);
	core.counters[0]! += core.spent;
	// An event completed its instruction, a trap did not happen.
	if (core.stop === Stop.none || core.stop >= FIRST_EVENT) {
		core.pc = next;
		core.counters[1]!++;
	}
	return core.spent;
}

/** Fetches at `pc` and executes. @returns the next pc; `core.spent` says what it took, `core.stop` whether it stopped */
function stepOnce(core: Core, pc: number): number {
	const instruction = fetchOnce(core, pc);
	core.spent = 0;
	return instruction === undefined ? pc : executeAt(core, instruction, pc);
}

/** Executes an instruction as if it had been fetched at `pc`. @returns the next pc */
export function executeAt(core: Core, instruction: Instruction, pc: number): number {
	const { row, a, b, c, imm, length } = instruction;
	core.executed = instruction;
	const { profile } = core.machine.config;
	const next = (pc + length) | 0;
	if (row.atomic === true) drainAll(core.machine, core.id);
	const to = row.execute(core, a, b, c, imm, next) ?? next;
	if (row.atomic === true) drainAll(core.machine, core.id);
	core.spent = ticksOf(profile, row.cost);
	if (core.stop === Stop.none && mispredicted(core, row.flow, pc, next, to))
		core.spent += profile.mispredict * TICKS_PER_CYCLE;
	return to;
}
