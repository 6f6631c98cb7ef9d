// Functions of Math that give integers, and `Number(x)`, checked: each becomes the arithmetic that gives Node's number.
//
// Division is where they differ: of whole numbers, `Math.floor(a / b)` and its like are exact in Node, because a quotient of
// two 32-bit numbers that is no integer is further from one than doubles can hide. A division by 0, which is infinite in Node, traps.

import type { BinaryExpression, CallExpression, Expression as Syntax } from "acorn";
import type { Condition } from "../../isa/index.ts";
import type { Expression, Operator } from "../ir.ts";
import { agreed, operands } from "./arithmetic.ts";
import { mathName, type Rounding, roundedDivision } from "./constant.ts";
import { inSequence, kept } from "./kept.ts";
import { union } from "./ranges.ts";
import { at, type Operand, operandOf, refuse, type Surroundings, text, textual, type Wanted } from "./surroundings.ts";

/** The call as arithmetic, if it is one of a function that this file knows. */
export function mathCall(c: Surroundings, node: CallExpression, wanted: Wanted): Expression | undefined {
	const name = mathName(node);
	const [argument] = node.arguments as Syntax[];
	if (name === undefined || !Object.hasOwn(unary, name) || argument === undefined) return undefined;
	if (node.arguments.length > 1) refuse(c, node, `Math.${name} takes 1 argument`);
	const division = roundedDivision(node);
	if (division !== undefined) return quotient(c, node, division, name as Rounding);
	return unary[name as keyof typeof unary](c, node, operandOf(c, argument), wanted);
}

type Unary = (c: Surroundings, node: CallExpression, argument: Operand, wanted: Wanted) => Expression;

const whole: Unary = (_c, _node, argument, wanted) => argument.check("exact", wanted);

const unary = { abs: magnitude, sign, clz32: leadingZeros, floor: whole, ceil: whole, round: whole, trunc: whole };

/** `-2147483648` has no magnitude that an int can hold, and traps. */
function magnitude(c: Surroundings, node: CallExpression, argument: Operand): Expression {
	const value = argument.check("exact", "int");
	if (value.type !== "int") return value;
	const { write, read } = kept(node, value);
	const b = builder(c, node);
	return b.after([write], b.choose(b.compare("lt", read, 0), b.binary("subt", b.constant(0), read), read));
}

function sign(c: Surroundings, node: CallExpression, argument: Operand): Expression {
	const { write, read } = kept(node, argument.check("exact", "int"));
	const b = builder(c, node);
	const positive = b.choose(b.compare("ne", read, 0), b.constant(1), b.constant(0));
	if (read.type !== "int") return b.after([write], positive);
	return b.after([write], b.choose(b.compare("lt", read, 0), b.constant(-1), positive));
}

/** By halves: while the upper 16 bits are 0, 16 are counted and the rest moves up; then 8, 4, 2 and 1. */
function leadingZeros(c: Surroundings, node: CallExpression, argument: Operand): Expression {
	const bits = kept(node, { ...argument.check("coerced", undefined), type: "uint" });
	const count = kept(node, { ...builder(c, node).constant(0), type: "int" });
	const b = builder(c, node);
	const steps = [16, 8, 4, 2, 1].map((n): Expression => {
		const counted = b.set(count, b.binary("add", count.read, b.constant(n)));
		const moved = b.set(bits, b.binary("shl", bits.read, b.constant(n)));
		const test = b.compare("ult", bits.read, (2 ** (32 - n)) | 0);
		return { op: "both", left: test, right: b.after([counted], moved), type: "none", at: b.at };
	});
	const left = b.choose(b.compare("lt", bits.read, 0), count.read, b.constant(32));
	return b.after([bits.write, count.write, ...steps], left);
}

/** The quotient towards 0, corrected by what the remainder says. */
function quotient(c: Surroundings, node: CallExpression, division: BinaryExpression, how: Rounding): Expression {
	const [left, right] = [operandOf(c, division.left as Syntax), operandOf(c, division.right)];
	const range = union(left.range, right.range);
	const operation = { operator: "/", left, right, node: division, range, at: at(c, division) };
	const type = agreed(c, operation, undefined, range);
	const [dividend, divisor] = operands(c, operation, type).map((value) => kept(node, { ...value, type }));
	const b = builder(c, node, type);
	const [x, y] = [dividend!.read, divisor!.read];
	const isSigned = type === "int";
	// It traps where the divisor is 0, and has the sign of the dividend.
	const rest = kept(node, { ...b.binary(isSigned ? "remt" : "remtu", x, y), type });
	const towards0 = isSigned
		? b.choose(b.compare("eq", y, -1), b.binary("subt", b.constant(0), x), b.binary("div", x, y))
		: b.binary("divu", x, y);
	const cut = kept(node, { ...towards0, type });
	const first = [dividend!.write, divisor!.write, rest.write, cut.write];
	const r = rest.read;
	const inexact = b.compare("ne", r, 0);
	const by = (n: number) => b.binary("add", cut.read, b.constant(n));
	const signs = b.compare("lt", b.binary("xor", r, y), 0);
	const isBelow0: Expression = isSigned ? b.both(inexact, signs) : b.truth(false);
	switch (how) {
		case "trunc":
			return b.after(first, cut.read);
		case "floor":
			return b.after(first, b.choose(isBelow0, by(-1), cut.read));
		case "ceil":
			return b.after(first, b.choose(isSigned ? b.both(inexact, b.not(signs)) : inexact, by(1), cut.read));
		case "round": {
			const over = kept(node, { ...b.choose(isBelow0, b.binary("add", r, y), r), type });
			const below = kept(node, { ...b.choose(isBelow0, by(-1), cut.read), type });
			const left = b.binary("sub", y, over.read);
			const isUp = (condition: Condition) => b.compare(condition, over.read, left);
			const test = isSigned ? b.choose(b.compare("gt", y, 0), isUp("ge"), isUp("le"), "bool") : isUp("uge");
			const up = b.binary("add", below.read, b.constant(1));
			return b.after([...first, over.write, below.write], b.choose(test, up, below.read));
		}
	}
}

/** Makers of typed trees at one place. */
/** @param type of the arithmetic */
function builder(c: Surroundings, node: Syntax, type: "int" | "uint" = "int") {
	const position = at(c, node);
	const constant = (value: number): Expression => ({
		op: "constant",
		value,
		type: value < 0 ? "int" : "either",
		at: position,
	});
	return {
		at: position,
		constant,
		truth: (value: boolean): Expression => ({ op: "constant", value: Number(value), type: "bool", at: position }),
		binary: (operator: Operator, left: Expression, right: Expression): Expression => ({
			op: "binary",
			operator,
			left,
			right,
			type,
			at: position,
		}),
		compare: (condition: Condition, left: Expression, right: Expression | number): Expression => ({
			op: "compare",
			condition,
			left,
			right: typeof right === "number" ? constant(right) : right,
			type: "bool",
			at: position,
		}),
		both: (left: Expression, right: Expression): Expression => ({
			op: "both",
			left,
			right,
			type: "bool",
			at: position,
		}),
		not: (value: Expression): Expression => ({ op: "not", value, type: "bool", at: position }),
		choose: (test: Expression, yes: Expression, no: Expression, of: Expression["type"] = type): Expression => ({
			op: "choose",
			test,
			yes,
			no,
			type: of,
			at: position,
		}),
		set: ({ write }: { write: Expression }, value: Expression): Expression => ({
			...(write as Expression & { op: "write" }),
			value,
		}),
		after: (first: readonly Expression[], last: Expression): Expression => inSequence(first, last, position),
	};
}

/** `Number(x)`, which makes 0 or 1 of a boolean and nothing else of a number. */
export function numberCall(c: Surroundings, node: CallExpression, wanted: Wanted): Expression | undefined {
	if (node.callee.type !== "Identifier" || node.callee.name !== "Number") return undefined;
	const [argument] = node.arguments as Syntax[];
	if (argument === undefined || node.arguments.length > 1) refuse(c, node, `write Number(x), not '${text(c, node)}'`);
	return textual(c, argument) ?? operandOf(c, argument).check("exact", wanted);
}
