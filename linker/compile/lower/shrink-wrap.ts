// Ways through a function that end early need no frame: the frame is set up after the branch that leads to them.
//
// Requires: the machine's registers only. After: blocks in `outside` use no register that the caller wants back, no
// slot and no call, and are left before `begin`, where the frame is set up.

import { SP } from "../../isa/index.ts";
import { type Block, type Code, calleeSaved, type Op, type Register, roles, successors } from "./code.ts";
import type { Saved } from "./registers.ts";

export interface Frame extends Saved {
	readonly begin: Block;
	readonly outside: ReadonlySet<Block>;
}

export function shrinkWrap(code: Code, { saved, slots }: Saved): Frame {
	const outside = new Set<Block>();
	let begin = code.blocks[0]!;
	if (saved.length > 0 || slots > 0) {
		for (let next = split(code, begin, outside); next !== undefined; next = split(code, begin, outside)) begin = next;
	}
	return { saved, slots, begin, outside };
}

/** Which argument register a saved register is a copy of. */
type Copies = Map<Register, Register>;

/** Takes the first block of the frame out of it, with the early end it branches to. @returns the new first block */
function split(code: Code, first: Block, outside: Set<Block>): Block | undefined {
	if (first.end?.kind !== "branch") return undefined;
	for (const [early, rest] of [
		[first.end.yes, first.end.no],
		[first.end.no, first.end.yes],
	] as const) {
		if (early.end?.kind !== "return" && early.end?.kind !== "tail") continue;
		if (predecessors(code, early) > 1 || predecessors(code, rest) > 1) continue;
		const copies: Copies = new Map();
		const moves: Op[] = [];
		const ops = first.ops.map((op) => withoutCopies(op, copies, moves));
		const earlyOps = early.ops.map((op) => withoutCopies(op, copies, undefined));
		if ([...ops, ...earlyOps].includes("needs the frame")) continue;
		first.ops = ops as Op[];
		first.ops = first.ops.filter((op) => !moves.includes(op));
		early.ops = (earlyOps as Op[]).filter(({ mnemonic, a, b }) => mnemonic !== "mov" || a !== b);
		rest.ops.unshift(...moves);
		outside.add(first).add(early);
		return rest;
	}
	return undefined;
}

const predecessors = (code: Code, block: Block) =>
	code.blocks.reduce((count, other) => count + successors(other).filter((next) => next === block).length, 0);

/** The instruction with copies replaced by what they are copies of.
 * @param moves collects the instructions that make copies; undefined where there may be none */
function withoutCopies(op: Op, copies: Copies, moves: Op[] | undefined): Op | "needs the frame" {
	const { defines, uses } = roles(op.mnemonic);
	if (moves !== undefined && op.mnemonic === "mov" && isSaved(op.a) && !isSaved(op.b) && !copies.has(op.a)) {
		copies.set(op.a, op.b);
		moves.push(op);
		return op;
	}
	const changed = { ...op };
	for (const field of uses) changed[field] = copies.get(op[field]) ?? op[field];
	const touched = uses.map((field) => changed[field]);
	if (touched.some((register) => isSaved(register) || register === SP)) return "needs the frame";
	const written = [...op.writes, ...(defines ? [op.a] : [])];
	if (op.mnemonic.startsWith("call") || written.some(isSaved)) return "needs the frame";
	return spoils(written, copies, moves) ? "needs the frame" : changed;
}

/** After a copied register is written, its copies are gone: an early end may do that, if it does not ask for them. */
function spoils(written: readonly Register[], copies: Copies, moves: Op[] | undefined): boolean {
	for (const [copy, original] of copies) {
		if (!written.includes(original)) continue;
		if (moves !== undefined) return true;
		copies.delete(copy);
	}
	return false;
}

const isSaved = (register: Register) => calleeSaved.includes(register);
