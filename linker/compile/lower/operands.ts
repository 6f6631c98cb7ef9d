// Operands that wait in a register while later ones are evaluated, as JavaScript's left-to-right order asks for.

import { contains, type Expression } from "../ir.ts";
import type { Register } from "./code.ts";
import { type Lowering, move, newRegister } from "./lowering.ts";

/** The operand's register, or a copy of it if it is a variable's and something later assigns to that. */
export function hold(l: Lowering, register: Register, later: readonly Expression[]): Register {
	const local = l.locals.get(register);
	if (local === undefined || later.length === 0) return register;
	const assigns = (node: Expression) =>
		(node.op === "write" || node.op === "modify") && node.place.kind === "local" && node.place.local === local;
	const changed = later.find((node) => contains(node, assigns));
	return changed === undefined ? register : move(l, newRegister(l), register, changed.at);
}
