// Moves between registers that hold the same value already, and what goes with them.
//
// Requires: the machine's registers only. After: no such move within a block.

import { type Code, type Op, type Register, roles } from "./code.ts";

export function removeCopies(code: Code): void {
	for (const block of code.blocks) {
		const copies: Copies = new Map();
		block.ops = block.ops.filter((op) => !isNeedless(copies, op));
	}
}

/** Which register each copy was made of; both still have the value. */
type Copies = Map<Register, Register>;

function isNeedless(copies: Copies, op: Op): boolean {
	const isMove = op.mnemonic === "mov";
	const source = copies.get(op.b) ?? op.b;
	if (isMove && (copies.get(op.a) ?? op.a) === source) return true;
	if (roles(op.mnemonic).defines) forget(copies, op.a);
	for (const register of op.writes) forget(copies, register);
	if (isMove) copies.set(op.a, source);
	return false;
}

function forget(copies: Copies, register: Register): void {
	copies.delete(register);
	for (const [copy, source] of copies) if (source === register) copies.delete(copy);
}
