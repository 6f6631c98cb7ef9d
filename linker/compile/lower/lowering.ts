// A function on its way from trees to blocks: the block that grows, the registers of its variables, and the ways to
// lower an expression (values.ts and conditions.ts, which call each other through this).

import { clobberedBy } from "../../isa/index.ts";
import type { Expression } from "../ir.ts";
import type { Position } from "../origin.ts";
import type { Contract, Local } from "../types/bindings.ts";
import {
	type Block,
	type Code,
	type End,
	FIRST_VIRTUAL,
	type Fields,
	newBlock,
	newOp,
	type Register,
	roles,
} from "./code.ts";
import type { Texts } from "./texts.ts";

export interface LowerOptions {
	/** How pointers are called: by an indirect call, or by a return that no predictor of indirect branches sees. */
	readonly indirect: "pointer" | "retpoline";
	/** In place of what paravirt operations say themselves. */
	readonly paravirt?: Partial<Contract>;
}

export interface Lowering {
	readonly code: Code;
	readonly options: LowerOptions;
	readonly texts: Texts;
	/** The function's, for the names of its tables. */
	readonly symbol: string;
	current: Block;
	/** How many loops are around what is lowered next. */
	depth: number;
	readonly registers: Map<Local, Register>;
	readonly locals: Map<Register, Local>;
	/** Addresses that a register of the current block holds. */
	readonly addresses: Map<string, Register>;
	/** Indices that the current block has checked already, and against what. */
	readonly checked: Map<Register, number>;
	/** Loop counters, and what they are less than in the loop's body. */
	readonly counters: Map<Local, number>;
	/** What the places of the surrounding `modify` expressions held. */
	readonly old: Register[];
	tables: number;
	/** Into `into` or, without it, into whatever register: maybe a variable's own. */
	readonly value: (node: Expression, into?: Register) => Register;
	readonly effect: (node: Expression) => void;
	readonly branch: (node: Expression, yes: Block, no: Block) => void;
}

export function newRegister(l: Lowering): Register {
	return l.code.registers++;
}

export function block(l: Lowering): Block {
	return newBlock(l.depth);
}

/** Goes on in `next`, whose bytes follow all blocks begun so far. */
export function begin(l: Lowering, next: Block): void {
	l.code.blocks.push(next);
	l.current = next;
	forget(l);
}

function forget(l: Lowering): void {
	l.addresses.clear();
	l.checked.clear();
}

/** Ends the current block. What is lowered before the next `begin` is never reached. */
export function end(l: Lowering, how: End): void {
	l.current.end = how;
	l.current = newBlock(l.depth);
	forget(l);
}

export function jump(l: Lowering, to: Block): void {
	end(l, { kind: "jump", to });
}

export function emit(l: Lowering, mnemonic: string, fields: Fields, at: Position): void {
	const op = newOp(mnemonic, fields, at);
	if (roles(mnemonic).defines) l.checked.delete(op.a);
	l.current.ops.push(op);
}

/** Emits an instruction that writes `fields.a`, which is `into` or a new register. */
export function compute(l: Lowering, mnemonic: string, fields: Fields, at: Position, into?: Register): Register {
	const a = into ?? newRegister(l);
	emit(l, mnemonic, { ...fields, a }, at);
	return a;
}

export function move(l: Lowering, into: Register, from: Register, at: Position): Register {
	if (into !== from) emit(l, "mov", { a: into, b: from }, at);
	return into;
}

export function registerOf(l: Lowering, local: Local): Register {
	const known = l.registers.get(local);
	if (known !== undefined) return known;
	const made = newRegister(l);
	l.registers.set(local, made);
	l.locals.set(made, local);
	return made;
}

/** The address of a symbol. Holding it across a call would cost more than loading it again. */
export function address(l: Lowering, symbol: string, at: Position): Register {
	const known = l.addresses.get(symbol);
	if (known !== undefined) return known;
	const made = compute(l, "movi", { reference: { symbol, addend: 0 } }, at);
	l.addresses.set(symbol, made);
	return made;
}

/** What a called function may change. */
export const clobbers: readonly Register[] = clobberedBy("all");

export function newLowering(
	options: LowerOptions,
	texts: Texts,
	symbol: string,
): Omit<Lowering, "value" | "effect" | "branch"> {
	const entry = newBlock(0);
	return {
		code: { blocks: [entry], registers: FIRST_VIRTUAL, outgoing: 0 },
		options,
		texts,
		symbol,
		current: entry,
		depth: 0,
		registers: new Map(),
		locals: new Map(),
		addresses: new Map(),
		checked: new Map(),
		counters: new Map(),
		old: [],
		tables: 0,
	};
}
