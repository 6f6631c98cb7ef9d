// Arithmetic to instructions: operands that are constants go into the instruction, and what a cheaper instruction
// computes as well is left to it.

import { type Expression, elementOf, type Operator } from "../ir.ts";
import type { Position } from "../origin.ts";
import type { Register } from "./code.ts";
import { compute, type Lowering } from "./lowering.ts";
import { hold } from "./operands.ts";

type Binary = Expression & { op: "binary" };

export function binary(l: Lowering, node: Binary, into: Register | undefined): Register {
	const { left, right, operator, at } = node;
	if (right.op === "constant") return byConstant(l, node, right.value, into);
	if (left.op === "constant" && commutative.has(operator))
		return byConstant(l, { ...node, left: right, right: left }, left.value, into);
	const b = hold(l, l.value(left), [right]);
	return compute(l, operator, { b, c: l.value(right) }, at, into);
}

const commutative: ReadonlySet<Operator> = new Set<Operator>([
	"add",
	"mul",
	"and",
	"or",
	"xor",
	"addt",
	"addtu",
	"mult",
	"multu",
]);

function byConstant(l: Lowering, node: Binary, value: number, into: Register | undefined): Register {
	const { left, operator, at } = node;
	if (isIdentity(operator, value)) return l.value(left, into);
	const b = l.value(left);
	const row = immediates[operator]?.(value);
	if (row !== undefined) return compute(l, row[0], { b, imm: row[1] }, at, into);
	const cheaper = shortcuts[operator]?.(l, b, value, at, into);
	if (cheaper !== undefined) return cheaper;
	const c = compute(l, "movi", { imm: value }, at);
	return compute(l, withoutTrap(operator, value), { b, c }, at, into);
}

/** A remainder by a constant other than 0 cannot trap. */
function withoutTrap(operator: Operator, value: number): Operator {
	if (value === 0) return operator;
	return operator === "remt" ? "rem" : operator === "remtu" ? "remu" : operator;
}

function isIdentity(operator: Operator, value: number): boolean {
	switch (operator) {
		case "mul":
		case "mult":
		case "multu":
		case "div":
		case "divu":
			return value === 1;
		case "and":
			return value === -1;
		case "shl":
		case "shr":
		case "sar":
			return (value & 31) === 0;
		case "add":
		case "addt":
		case "addtu":
		case "sub":
		case "subt":
		case "subtu":
		case "or":
		case "xor":
			return value === 0;
		default:
			return false;
	}
}

type Immediate = readonly [mnemonic: string, imm: number] | undefined;

/** Instructions with the constant in them, where there is one. */
const immediates: Partial<Record<Operator, (value: number) => Immediate>> = {
	add: (value) => ["addi", value],
	sub: (value) => ["addi", -value | 0],
	addt: (value) => ["addti", value],
	subt: (value) => (value === -(2 ** 31) ? undefined : ["addti", -value]),
	// The immediate of addtui is signed.
	addtu: (value) => (value < 0 ? undefined : ["addtui", value]),
	subtu: (value) => (value >>> 0 > 2 ** 31 ? undefined : ["addtui", -(value >>> 0)]),
	and: (value) => ["andi", value],
	or: (value) => ["ori", value],
	xor: (value) => ["xori", value],
	shl: (value) => ["shli", value & 31],
	shr: (value) => ["shri", value & 31],
	sar: (value) => ["sari", value & 31],
	divu: (value) => (isPower(value) ? ["shri", log2(value)] : undefined),
	remu: (value) => (isPower(value) ? ["andi", (value - 1) | 0] : undefined),
	remtu: (value) => (isPower(value) ? ["andi", (value - 1) | 0] : undefined),
};

/** Whether the value, taken as unsigned, is a power of two: 2^31 is one. */
const isPower = (value: number) => value !== 0 && (value & (value - 1)) === 0;
const log2 = (value: number) => 31 - Math.clz32(value);

type Shortcut = (
	l: Lowering,
	b: Register,
	value: number,
	at: Position,
	into: Register | undefined,
) => Register | undefined;

const shortcuts: Partial<Record<Operator, Shortcut>> = {
	mul: product,
	mult: (l, b, value, at, into) => (value === 2 ? compute(l, "addt", { b, c: b }, at, into) : undefined),
	multu: (l, b, value, at, into) => (value === 2 ? compute(l, "addtu", { b, c: b }, at, into) : undefined),
	div: quotient,
	rem: modulo,
	remt: modulo,
};

/** By shifts where two instructions do; a multiplication takes as long as three or four. */
function product(l: Lowering, b: Register, value: number, at: Position, into: Register | undefined): Register {
	const shifted = (by: number, into?: Register) => compute(l, "shli", { b, imm: log2(by) }, at, into);
	if (isPower(value)) return shifted(value, into);
	if (value > 0 && isPower(value - 1)) return compute(l, "add", { b: shifted(value - 1), c: b }, at, into);
	if (value > 0 && isPower(value + 1)) return compute(l, "sub", { b: shifted(value + 1), c: b }, at, into);
	return compute(l, "muli", { b, imm: value }, at, into);
}

/** Towards zero: a negative dividend is raised by the divisor less one before the shift. */
function quotient(
	l: Lowering,
	b: Register,
	value: number,
	at: Position,
	into: Register | undefined,
): Register | undefined {
	if (value < 2 || !isPower(value)) return undefined;
	return compute(l, "sari", { b: raised(l, b, log2(value), at), imm: log2(value) }, at, into);
}

function modulo(
	l: Lowering,
	b: Register,
	value: number,
	at: Position,
	into: Register | undefined,
): Register | undefined {
	if (value < 2 || !isPower(value)) return undefined;
	const multiple = compute(l, "andi", { b: raised(l, b, log2(value), at), imm: -value }, at);
	return compute(l, "sub", { b, c: multiple }, at, into);
}

function raised(l: Lowering, b: Register, bits: number, at: Position): Register {
	const sign = bits === 1 ? b : compute(l, "sari", { b, imm: 31 }, at);
	const raise = compute(l, "shri", { b: sign, imm: 32 - bits }, at);
	return compute(l, "add", { b, c: raise }, at);
}

/** No value of the expression is larger, seen unsigned. */
export function upperLimit(l: Lowering, node: Expression): number {
	const known = knownLimit(l, node);
	return Math.min(known ?? Infinity, node.type === "either" ? 2 ** 31 - 1 : 2 ** 32 - 1);
}

function knownLimit(l: Lowering, node: Expression): number | undefined {
	if (node.op === "constant") return node.value >>> 0;
	if (node.op === "choose") return Math.max(upperLimit(l, node.yes), upperLimit(l, node.no));
	if (node.op === "binary")
		return limits[node.operator]?.(upperLimit(l, node.left), upperLimit(l, node.right), node.right);
	if (node.op !== "read") return undefined;
	const element = elementOf(node.place);
	if (element === "Uint8Array") return 255;
	if (element === "Uint16Array") return 65535;
	const counter = node.place.kind === "local" ? l.counters.get(node.place.local) : undefined;
	return counter === undefined ? undefined : counter - 1;
}

type Limit = (a: number, b: number, right: Expression) => number | undefined;

/** Unless the sum or product leaves the positive integers. */
const small = (limit: number) => (limit < 2 ** 31 ? limit : undefined);
const sum: Limit = (a, b) => small(a + b);
const times: Limit = (a, b) => small(a * b);
const byConstantOnly =
	(limit: (a: number, value: number) => number | undefined): Limit =>
	(a, _, right) =>
		right.op === "constant" ? limit(a, right.value) : undefined;

const limits: Partial<Record<Operator, Limit>> = {
	add: sum,
	addt: sum,
	addtu: sum,
	mul: times,
	mult: times,
	multu: times,
	and: (a, b) => Math.min(a, b),
	shl: byConstantOnly((a, by) => small(a * 2 ** (by & 31))),
	shr: byConstantOnly((a, by) => a >>> (by & 31)),
	sar: byConstantOnly((a, by) => (a < 2 ** 31 ? a >> (by & 31) : undefined)),
	rem: byConstantOnly((a, value) => (a < 2 ** 31 && value > 0 ? value - 1 : undefined)),
	remt: byConstantOnly((a, value) => (a < 2 ** 31 && value > 0 ? value - 1 : undefined)),
	remu: byConstantOnly((_, value) => (value === 0 ? undefined : (value >>> 0) - 1)),
	remtu: byConstantOnly((_, value) => (value === 0 ? undefined : (value >>> 0) - 1)),
};
