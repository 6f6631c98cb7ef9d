// The operands of an instruction: parsed by their looks alone, then matched with what the table's row asks for.

import { type Row, usage } from "../../isa/index.ts";
import {
	accept,
	type Cursor,
	type Expression,
	next,
	parseExpression,
	parseProduct,
	peek,
	unexpected,
} from "./expression.ts";
import { type Place, registers, sourceError, type Token } from "./lex.ts";

type Register = { readonly kind: "register"; readonly register: number; readonly place: Place };
type Constant = { readonly kind: "value"; readonly expression: Expression; readonly place: Place };
interface Memory {
	readonly kind: "memory";
	readonly place: Place;
	/** `[base + displacement]` */
	base: number | undefined;
	/** `[displacement + index*4]` */
	index: number | undefined;
	displacement: Expression | undefined;
}
export type Operand = Register | Constant | Memory;

/** What the fields of the encoding get. */
export interface Fields {
	a: number;
	b: number;
	c: number;
	imm: Expression | undefined;
}

export function parseOperands(cursor: Cursor): Operand[] {
	const operands: Operand[] = [];
	if (isAtEnd(cursor)) return operands;
	do operands.push(parseOperand(cursor));
	while (accept(cursor, ","));
	return operands;
}

/** At the end of the line or at the `;` before the next statement. */
export function isAtEnd(cursor: Cursor): boolean {
	const { kind, text } = peek(cursor);
	return kind === "end" || (kind === "punctuation" && text === ";");
}

function parseOperand(cursor: Cursor): Operand {
	const { kind, place } = peek(cursor);
	if (kind === "register") return { kind, register: registers.get(next(cursor).text)!, place };
	if (accept(cursor, "[")) return parseMemory(cursor, place);
	return { kind: "value", expression: parseExpression(cursor), place };
}

function parseMemory(cursor: Cursor, place: Place): Memory {
	const memory: Memory = { kind: "memory", place, base: undefined, index: undefined, displacement: undefined };
	for (let sign = "+"; ; ) {
		if (peek(cursor).kind === "register") addRegister(memory, cursor, sign);
		else addTerm(memory, parseProduct(cursor), sign);
		if (accept(cursor, "]")) return memory;
		sign = peek(cursor).text;
		if (!accept(cursor, "+") && !accept(cursor, "-")) throw unexpected("'+', '-' or ']'", peek(cursor));
	}
}

function addTerm(memory: Memory, term: Expression, operator: string): void {
	const { place } = term;
	const zero: Expression = { kind: "number", value: 0, place };
	memory.displacement =
		memory.displacement === undefined && operator === "+"
			? term
			: { kind: "binary", operator, left: memory.displacement ?? zero, right: term, place };
}

function addRegister(memory: Memory, cursor: Cursor, sign: string): void {
	const { text, place } = next(cursor);
	if (sign === "-") throw sourceError("a register cannot be subtracted", place);
	if (memory.base !== undefined || memory.index !== undefined) throw sourceError("an address has one register", place);
	if (accept(cursor, "*")) {
		const scale = next(cursor);
		if (scale.text !== "4") throw sourceError("an index is scaled by 4", scale.place);
		memory.index = registers.get(text)!;
	} else memory.base = registers.get(text)!;
}

type Shape = "register" | "value" | "[imm]" | "[b+imm]" | "[imm+b*4]";

const descriptions: Record<Shape, string> = {
	register: "a register",
	value: "a number or symbol",
	"[imm]": "a memory operand without a register",
	"[b+imm]": "a memory operand with a base register",
	"[imm+b*4]": "a memory operand with an index register",
};

function shapeOf(operand: Operand): Shape {
	if (operand.kind !== "memory") return operand.kind;
	if (operand.base !== undefined) return "[b+imm]";
	return operand.index === undefined ? "[imm]" : "[imm+b*4]";
}

/** Puts operands into the fields that the row's syntax names, or says what it would have allowed. */
export function matchOperands(row: Row, operands: readonly Operand[], mnemonic: Token): Fields {
	const specs = row.syntax === "" ? [] : row.syntax.split(", ");
	if (specs.length !== operands.length) throw wrongCount(row, specs.length, operands, mnemonic);
	const fields: Fields = { a: 0, b: 0, c: 0, imm: undefined };
	for (const [i, spec] of specs.entries()) {
		const operand = operands[i]!;
		const wanted = spec === "imm" ? "value" : spec.startsWith("[") ? (spec as Shape) : "register";
		const found = shapeOf(operand);
		if (found !== wanted) throw wrongKind(row, i, descriptions[found], descriptions[wanted], operand.place);
		assign(fields, spec, operand);
	}
	return fields;
}

function assign(fields: Fields, spec: string, operand: Operand): void {
	if (operand.kind === "register") fields[spec as "a" | "b" | "c"] = operand.register;
	else if (operand.kind === "value") fields.imm = operand.expression;
	else {
		fields.b = operand.base ?? operand.index ?? 0;
		fields.imm = operand.displacement;
	}
}

function wrongCount(row: Row, wanted: number, operands: readonly Operand[], mnemonic: Token): Error {
	const count = wanted === 0 ? "no operands" : wanted === 1 ? "1 operand" : `${wanted} operands`;
	const place = operands[wanted]?.place ?? mnemonic.place;
	return sourceError(`'${mnemonic.text}' takes ${count}, not ${operands.length}: ${usage(row)}`, place);
}

function wrongKind(row: Row, index: number, found: string, wanted: string, place: Place): Error {
	return sourceError(`operand ${index + 1} is ${found}, but must be ${wanted}: ${usage(row)}`, place);
}
