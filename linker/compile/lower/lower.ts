// A checked function to machine code in blocks: trees to instructions, control flow tidied, registers chosen.
//
// Requires: a checked function. After: blocks in the order of their bytes, with the machine's registers only.

import { ARGUMENT_REGISTERS, SP } from "../../isa/index.ts";
import type { CheckedFunction } from "../ir.ts";
import type { Position } from "../origin.ts";
import { wordsOf } from "../types/bindings.ts";
import type { Code, Register } from "./code.ts";
import { removeCopies } from "./copies.ts";
import { moveUnexpected, tidyFlow } from "./flow.ts";
import { emit, type Lowering, type LowerOptions, move, newLowering, registerOf } from "./lowering.ts";
import { allocateRegisters } from "./registers.ts";
import { type Frame, shrinkWrap } from "./shrink-wrap.ts";
import { lowerBody } from "./statements.ts";
import { symbolOf } from "./symbols.ts";
import type { Texts } from "./texts.ts";
import { withExpressions } from "./values.ts";

export interface Lowered {
	readonly code: Code;
	readonly frame: Frame;
}

export function lowerFunction(fn: CheckedFunction, texts: Texts, options: LowerOptions): Lowered {
	const l = withExpressions(newLowering(options, texts, symbolOf(fn.binding)));
	for (const [i, parameter] of wordsOf(fn.binding).entries()) takeArgument(l, registerOf(l, parameter), i, fn.at);
	lowerBody(l, fn.body, fn.end);
	tidyFlow(l.code);
	const saved = allocateRegisters(l.code);
	removeCopies(l.code);
	tidyFlow(l.code);
	moveUnexpected(l.code);
	return { code: l.code, frame: shrinkWrap(l.code, saved) };
}

/** @param index of a word of the function's arguments */
function takeArgument(l: Lowering, into: Register, index: number, at: Position): void {
	if (index < ARGUMENT_REGISTERS) move(l, into, index, at);
	else emit(l, "ld", { a: into, b: SP, argument: index }, at);
}
