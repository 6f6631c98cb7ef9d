// Expressions of the assembler: parsed to a tree, evaluated to a number plus at most one symbol and minus at most one,
// which is what a relocation can say. Precedence is C's; arithmetic is exact, within ±2^53.

import { charCode, type Place, sourceError, type Token } from "./lex.ts";

/** Where a parser is in the tokens of its statement. */
export interface Cursor {
	readonly tokens: readonly Token[];
	index: number;
}

export type Expression = { readonly place: Place } & (
	| { readonly kind: "number"; readonly value: number }
	| { readonly kind: "symbol"; readonly name: string }
	| { readonly kind: "here" }
	| { readonly kind: "local"; readonly label: string; readonly forward: boolean }
	| { readonly kind: "unary"; readonly operator: string; readonly operand: Expression }
	| { readonly kind: "binary"; readonly operator: string; readonly left: Expression; readonly right: Expression }
);

export function peek(cursor: Cursor): Token {
	return cursor.tokens[cursor.index]!;
}

export function next(cursor: Cursor): Token {
	const token = peek(cursor);
	if (token.kind !== "end") cursor.index++;
	return token;
}

export function accept(cursor: Cursor, text: string): boolean {
	const { kind } = peek(cursor);
	const found = peek(cursor).text === text && kind === "punctuation";
	if (found) cursor.index++;
	return found;
}

export function unexpected(wanted: string, token: Token): Error {
	const found = token.kind === "end" ? token.text : `'${token.text}'`;
	return sourceError(`expected ${wanted}, found ${found}`, token.place);
}

export function expect(cursor: Cursor, text: string): void {
	if (!accept(cursor, text)) throw unexpected(`'${text}'`, peek(cursor));
}

/** From the loosest to the tightest. */
const levels = [["|"], ["^"], ["&"], ["<<", ">>"], ["+", "-"], ["*", "/", "%"]];
const PRODUCT = levels.length - 1;

export function parseExpression(cursor: Cursor, level = 0): Expression {
	if (level === levels.length) return parseTerm(cursor);
	let left = parseExpression(cursor, level + 1);
	while (peek(cursor).kind === "punctuation" && levels[level]!.includes(peek(cursor).text)) {
		const { text: operator, place } = next(cursor);
		left = { kind: "binary", operator, left, right: parseExpression(cursor, level + 1), place };
	}
	return left;
}

/** A term with nothing looser than `*`: what lies between the signs of a memory operand. */
export function parseProduct(cursor: Cursor): Expression {
	return parseExpression(cursor, PRODUCT);
}

function parseTerm(cursor: Cursor): Expression {
	const token = next(cursor);
	const { kind, text, place } = token;
	if (kind === "number") return { kind: "number", value: literal(token), place };
	if (kind === "char") return { kind: "number", value: charCode(token), place };
	if (kind === "local") return { kind: "local", label: text.slice(0, -1), forward: text.endsWith("f"), place };
	if (kind === "name") return text === "." ? { kind: "here", place } : { kind: "symbol", name: text, place };
	if (kind === "punctuation" && "-~+".includes(text)) {
		return { kind: "unary", operator: text, operand: parseTerm(cursor), place };
	}
	if (text !== "(" || kind !== "punctuation") throw unexpected("a number or a symbol", token);
	const inside = parseExpression(cursor);
	expect(cursor, ")");
	return inside;
}

function literal({ text, place }: Token): number {
	const value = Number(text);
	if (!Number.isSafeInteger(value)) throw sourceError("this number is too large", place);
	return value;
}

/** A point in a section, or a symbol defined elsewhere. */
export interface Point {
	/** What a relocation names; undefined for `.` and numeric labels. */
	readonly name: string | undefined;
	/** Undefined when the symbol is not of this file. */
	readonly section: number | undefined;
	readonly offset: number;
}

/** `addend` plus the points of `plus` minus those of `minus`. */
export interface Value {
	readonly addend: number;
	readonly plus: readonly Point[];
	readonly minus: readonly Point[];
}

export interface Scope {
	symbol(name: string, place: Place): Value;
	here(place: Place): Value;
	local(label: string, forward: boolean, place: Place): Value;
}

export function constant(addend: number): Value {
	return { addend, plus: [], minus: [] };
}

export function isConstant(value: Value): boolean {
	return value.plus.length === 0 && value.minus.length === 0;
}

export function evaluate(expression: Expression, scope: Scope): Value {
	const { place } = expression;
	switch (expression.kind) {
		case "number":
			return constant(expression.value);
		case "symbol":
			return scope.symbol(expression.name, place);
		case "here":
			return scope.here(place);
		case "local":
			return scope.local(expression.label, expression.forward, place);
		case "unary":
			return unary(expression.operator, evaluate(expression.operand, scope), place);
		case "binary":
			return binary(expression.operator, evaluate(expression.left, scope), evaluate(expression.right, scope), place);
	}
}

function unary(operator: string, value: Value, place: Place): Value {
	if (operator === "+") return value;
	if (operator === "-") return { addend: -value.addend, plus: value.minus, minus: value.plus };
	return constant(-number(value, operator, place) - 1);
}

function binary(operator: string, left: Value, right: Value, place: Place): Value {
	if (operator === "+") return sum(left, right, place);
	if (operator === "-") return sum(left, unary("-", right, place), place);
	const a = BigInt(number(left, operator, place));
	const b = BigInt(number(right, operator, place));
	return constant(exact(Number(operations[operator]!(a, b, place)), place));
}

function exact(value: number, place: Place): number {
	if (Number.isSafeInteger(value)) return value;
	throw sourceError("the result is not within ±2^53", place);
}

const operations: Record<string, (a: bigint, b: bigint, place: Place) => bigint> = {
	"*": (a, b) => a * b,
	"/": (a, b, place) => a / checked(b !== 0n, b, "division by zero", place),
	"%": (a, b, place) => a % checked(b !== 0n, b, "division by zero", place),
	"<<": (a, b, place) => a << checked(b >= 0n && b < 64n, b, "a shift is by 0 to 63", place),
	">>": (a, b, place) => a >> checked(b >= 0n && b < 64n, b, "a shift is by 0 to 63", place),
	"&": (a, b) => a & b,
	"^": (a, b) => a ^ b,
	"|": (a, b) => a | b,
};

function checked(valid: boolean, value: bigint, message: string, place: Place): bigint {
	if (!valid) throw sourceError(message, place);
	return value;
}

function number(value: Value, operator: string, place: Place): number {
	if (isConstant(value)) return value.addend;
	throw sourceError(`'${operator}' needs numbers on both sides, and a symbol's address is not known here`, place);
}

/** Points of one section cancel: their distance is a number. */
function sum(left: Value, right: Value, place: Place): Value {
	let addend = left.addend + right.addend;
	const minus = [...left.minus, ...right.minus];
	const plus = [...left.plus, ...right.plus].filter((point) => {
		const index = minus.findIndex((other) => isSameBase(point, other));
		if (index >= 0) addend += point.offset - minus.splice(index, 1)[0]!.offset;
		return index < 0;
	});
	return { addend: exact(addend, place), plus, minus };
}

function isSameBase(a: Point, b: Point): boolean {
	return a.section === b.section && (a.section !== undefined || a.name === b.name);
}
