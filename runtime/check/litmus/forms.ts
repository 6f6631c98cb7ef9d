// What the forms of several architectures of litmus tests have in common.

import { type Form, goOn, numberFrom } from "./instruction.ts";

/** Matches a label, or `.+8`. */
export const LABEL = "([A-Za-z_][\\w.]*|\\.[+-]\\d+)";

/** @param text an instruction with groups for its operands; blanks and commas may have blanks around them */
export function form(text: string): RegExp {
	return new RegExp(`^${text.replaceAll(" ", "\\s+").replaceAll(",", "\\s*,\\s*")}$`, "i");
}

/** `NAME to, a, b`. @param register matches a register @param toy the instruction that does the same */
export function ofRegisters(name: string, register: string, toy: string): Form {
	return {
		form: form(`${name} ${register},${register},${register}`),
		lower: ([to, a, b], emit) => [`${toy} ${emit.result(to!)}, ${emit.register(a!)}, ${emit.register(b!)}`, goOn],
		flow: ([to, a, b]) => ({ to: to!, makes: "sum", from: [a!, b!], cancels: toy === "xor" || toy === "sub" }),
	};
}

/** `NAME to, a, NUMBER`. @param operands matches all three @param toy the instruction that does the same */
export function ofNumber(name: string, operands: string, toy: string): Form {
	return {
		form: form(`${name} ${operands}`),
		lower: ([to, a, n], emit) => [`${toy} ${emit.result(to!)}, ${emit.register(a!)}, ${numberFrom(n!, emit)}`, goOn],
		flow: ([to, a, n]) => ({ to: to!, makes: "sum", from: [a!], number: Number(n) }),
	};
}
