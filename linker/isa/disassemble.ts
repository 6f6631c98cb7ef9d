// An instruction as the text that assembles to it: `ld r0, [sp+8]`, `jeq 0x400010`. With `symbolize`, addresses of code
// and of pointers get their symbol appended in angle brackets, which is for people, not for the assembler.

import { hex } from "../hex.ts";
import type { Instruction } from "./instruction-set.ts";
import { spell } from "./lookup.ts";
import { SP } from "./sets/toy.ts";

/** A name for an address, e.g. `fifo` or `fifo+0x5`. */
export type Symbolize = (address: number) => string | undefined;

/** The name of a register in assembler: `r0` to `r14`, and `sp` for the last. */
export function registerName(register: number): string {
	return register === SP ? "sp" : `r${register}`;
}

/** Small numbers in decimal, large ones (addresses, masks) in hexadecimal. */
function immediate(value: number): string {
	return Math.abs(value) < 0x10000 ? String(value) : hex(value >>> 0);
}

/** @param address where the instruction lies: branch targets are printed absolute */
export function disassemble(instruction: Instruction, address: number, symbolize?: Symbolize): string {
	const { row, a, b, c, imm, length } = instruction;
	const target = row.format === "rel" ? (address + length + imm) >>> 0 : imm >>> 0;
	const isAddress = row.format === "rel" || row.format === "abs";
	const fields: Record<string, string> = {
		a: registerName(a),
		b: registerName(b),
		c: registerName(c),
		imm: isAddress ? hex(target) : immediate(imm),
	};
	const operands = row.syntax
		.replace(/\b(a|b|c|imm)\b/g, (name) => fields[name]!)
		.replace(/\+-/, "-")
		.replace("+0]", "]");
	const symbol = isAddress ? symbolize?.(target) : undefined;
	const suffix = symbol === undefined ? "" : ` <${symbol}>`;
	return `${spell(row, c)} ${operands}${suffix}`.trimEnd();
}
