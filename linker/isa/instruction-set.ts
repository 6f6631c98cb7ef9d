// The shape of an instruction table: what one row says, and how operands lie in the bytes.

import type { Execute } from "./core.ts";

/** How the operands follow the opcode byte. `a b c` are 4-bit register numbers, `imm` 32 bits little-endian. */
export const formats = {
	none: { length: 1, bytes: "op" },
	/** Four bytes that must be zero: a one-instruction filler as long as a CALL. */
	pad4: { length: 5, bytes: "op 00 00 00 00" },
	imm8: { length: 2, bytes: "op imm8" },
	reg: { length: 2, bytes: "op a" },
	regCond: { length: 2, bytes: "op a|cond<<4" },
	reg2: { length: 2, bytes: "op a|b<<4" },
	reg3: { length: 3, bytes: "op a|b<<4 c" },
	regImm: { length: 6, bytes: "op a imm32" },
	reg2Imm: { length: 6, bytes: "op a|b<<4 imm32" },
	abs: { length: 5, bytes: "op imm32" },
	/** Displacement from the end of the instruction, -2^27 .. 2^27-1, above a condition. */
	rel: { length: 5, bytes: "op (disp28<<4|cond)32" },
} as const;
/** The name of an encoding in `formats`, which has its length and its fields. */
export type Format = keyof typeof formats;

/** What an instruction costs is a class here and a number in a cost profile (runtime/machine). */
export const costClasses = [
	"alu",
	"mul",
	"div",
	"load",
	"store",
	"nop",
	"branch",
	"jump",
	"call",
	"return",
	"indirect",
	"atomic",
	"barrier",
	"cache",
	"host",
	"system",
] as const;
/** The name of a class of instructions that take equally long; a cost profile has cycles for each. */
export type CostClass = (typeof costClasses)[number];

/** Where control goes next: `next` falls through; the others are what collectors and emulators look at. */
export type Flow = "next" | "call" | "jump" | "branch" | "return" | "indirect-call" | "indirect-jump" | "trap" | "halt";

/**
 * One instruction of the table. Assembler, decoder, disassembler, interpreter and docs/isa.md are all made from
 * such rows.
 */
export interface Row {
	readonly mnemonic: string;
	readonly opcode: number;
	readonly format: Format;
	/** Operands in assembler order, e.g. `a, [b+imm]`; letters name the fields of the format. */
	readonly syntax: string;
	readonly cost: CostClass;
	readonly flow: Flow;
	/** One line for the reference page. */
	readonly brief: string;
	readonly execute: Execute;
	/** Whether `execute` may set `core.stop`. */
	readonly stops: boolean;
	/** It reads and writes memory with nothing in between: the CPU's earlier stores are everybody's before it, and its own is at once. */
	readonly atomic?: true;
}

/** Rows that belong together: a table of the reference page. */
export interface Group {
	readonly title: string;
	readonly rows: readonly Row[];
}

/** A decoded instruction. For `rel`, `imm` is the displacement and `c` the condition; for `regCond`, `c` too. */
export interface Instruction {
	readonly row: Row;
	readonly a: number;
	readonly b: number;
	readonly c: number;
	readonly imm: number;
	readonly length: number;
}

/** The least displacement of a CALL, JMP or Jcc, in bytes from the end of the instruction. */
export const REL_MIN = -(2 ** 27);
/** The greatest displacement of a CALL, JMP or Jcc, in bytes from the end of the instruction. */
export const REL_MAX = 2 ** 27 - 1;
