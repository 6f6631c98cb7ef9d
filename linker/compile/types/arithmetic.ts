// Arithmetic on two operands: which instruction computes what Node computes. Used for `a + b` and for `x += b` alike.

import type { AnyNode, Expression as Syntax } from "acorn";
import type { Expression, Operator } from "../ir.ts";
import type { Position } from "../origin.ts";
import { rejectedOperators } from "../rejected.ts";
import type { Range } from "./bindings.ts";
import { signOfSum } from "./infer.ts";
import { fitsBoth, isOnlyUnsigned, magnitudeOf, union } from "./ranges.ts";
import {
	type Context,
	conversion,
	type Operand,
	operandText,
	operatorPosition,
	refuse,
	type Surroundings,
	text,
	type Wanted,
} from "./surroundings.ts";

export interface Operation {
	/** As written: `+`, `>>>` and so on. */
	readonly operator: string;
	readonly left: Operand;
	readonly right: Operand;
	readonly node: Syntax | AnyNode;
	/** Between which values the result lies, if nothing cuts it. */
	readonly range: Range;
	readonly at: Position;
}

export const trapping: Record<string, Record<"int" | "uint", Operator>> = {
	"+": { int: "addt", uint: "addtu" },
	"-": { int: "subt", uint: "subtu" },
	"*": { int: "mult", uint: "multu" },
	"%": { int: "remt", uint: "remtu" },
};

const wrapping: Record<string, Operator> = { "+": "add", "-": "sub", "*": "mul" };

/** By the operator, which takes numbers and gives one. */
export function operate(c: Surroundings, operation: Operation, context: Context, wanted: Wanted): Expression {
	switch (operation.operator) {
		case "+":
		case "-":
		case "*":
			return arithmetic(c, operation, context, wanted);
		case "/":
			return division(c, operation, context);
		case "%":
			return remainder(c, operation, context, wanted);
		case "**":
			return refuse(c, operation.node, rejectedOperators["**"]!);
		default:
			return bits(c, operation);
	}
}

/** `+`, `-`, `*`: trapping where the exact value is used, wrapping where only its low 32 bits are. */
export function arithmetic(c: Surroundings, operation: Operation, context: Context, wanted: Wanted): Expression {
	if (context !== "exact") return wrapped(c, operation);
	const type = agreed(c, operation, wanted, operation.range);
	const [left, right] = operands(c, operation, type);
	return { op: "binary", operator: trapping[operation.operator]![type], left, right, type, at: where(c, operation) };
}

/** Doubles are exact up to 2^53: below that, wrapping is what Node's conversion to 32 bits does. */
function wrapped(c: Surroundings, operation: Operation): Expression {
	const [left, right] = [operation.left.check("wrapped", undefined), operation.right.check("wrapped", undefined)];
	if (magnitudeOf(operation.range) > 2 ** 53) refuse(c, operation.node, inexact(c, operation));
	return {
		op: "binary",
		operator: wrapping[operation.operator]!,
		left,
		right,
		type: "int",
		at: where(c, operation),
	};
}

function inexact(c: Surroundings, { operator, left, right, node }: Operation): string {
	if (operator !== "*")
		return `'${text(c, node)}' may need more than 53 bits, and Node rounds: write ((...) | 0) around its parts`;
	return `a product can need more than 53 bits, and Node rounds: write Math.imul(${text(c, left.node)}, ${text(c, right.node)})`;
}

/** The type of both operands, which decides the instruction. @param range what else the type has to hold, if it can */
export function agreed(
	c: Surroundings,
	{ left, right, node }: Operation,
	wanted: Wanted,
	range: Range,
): "int" | "uint" {
	const firm = [left, right].filter((side) => !fitsBoth(side.range));
	const signs = firm.map(({ guess }) => guess).filter((guess) => guess === "int" || guess === "uint");
	if (signs.length === 2 && signs[0] !== signs[1]) refuse(c, node, mixed(c, left, right));
	return signOfSum([left, right], range) ?? wanted ?? (isOnlyUnsigned(range) ? "uint" : "int");
}

/** For operators whose result is no larger than the operands. */
const operandRange = ({ left, right }: Operation) => union(left.range, right.range);

export function operands(c: Surroundings, { left, right }: Operation, type: "int" | "uint"): [Expression, Expression] {
	return [exactly(c, left, right, type), exactly(c, right, left, type)];
}

function exactly(c: Surroundings, operand: Operand, other: Operand, type: "int" | "uint"): Expression {
	const value = operand.check("exact", type);
	if (value.type === type || value.type === "either") return value;
	const [shown, beside] = [text(c, operand.node), text(c, other.node)];
	refuse(
		c,
		operand.node,
		`'${shown}' is ${value.type} beside '${beside}', which is ${type}: ${conversion(c, operand.node, type)}`,
	);
}

function mixed(c: Surroundings, left: Operand, right: Operand): string {
	const [int, uint] = left.guess === "int" ? [left.node, right.node] : [right.node, left.node];
	return `'${text(c, int)}' is int and '${text(c, uint)}' is uint: ${conversion(c, uint, "int")}, or ${operandText(c, int)} >>> 0 if that is never negative`;
}

function where(c: Surroundings, { left, right, operator, at }: Operation): Position {
	return left.node.end <= right.node.start ? operatorPosition(c, left.node, right.node, operator) : at;
}

/** Only as `(a / b) | 0` and the like: then Node cuts the fraction off, and makes 0 of a division by 0. */
export function division(c: Surroundings, operation: Operation, context: Context): Expression {
	const { left, right } = operation;
	if (context !== "coerced") {
		const shown = `${text(c, left.node)} / ${text(c, right.node)}`;
		const to = operation.node.type === "AssignmentExpression" ? `${text(c, left.node)} = ` : "";
		refuse(c, operation.node, `a division may leave a fraction: write ${to}(${shown}) | 0, or ${to}(${shown}) >>> 0`);
	}
	const type = agreed(c, operation, undefined, operandRange(operation));
	const [a, b] = operands(c, operation, type);
	return {
		op: "binary",
		operator: type === "int" ? "div" : "divu",
		left: a,
		right: b,
		type: "int",
		at: where(c, operation),
	};
}

/** `x % 0` is NaN in Node: 0 once coerced, a trap where the value is used as it is. */
export function remainder(c: Surroundings, operation: Operation, context: Context, wanted: Wanted): Expression {
	const type = agreed(c, operation, wanted, operandRange(operation));
	const [left, right] = operands(c, operation, type);
	const operator = context === "coerced" ? (type === "int" ? "rem" : "remu") : trapping["%"]![type];
	return { op: "binary", operator, left, right, type, at: where(c, operation) };
}

const bitwise: Record<string, Operator> = { "&": "and", "|": "or", "^": "xor", "<<": "shl", ">>": "sar", ">>>": "shr" };

/** Operands are cut to 32 bits, so any will do. */
export function bits(c: Surroundings, operation: Operation): Expression {
	const { left, right } = operation;
	const values = { left: left.check("coerced", undefined), right: right.check("coerced", undefined) };
	const operator = bitwise[operation.operator]!;
	return { op: "binary", operator, ...values, type: operator === "shr" ? "uint" : "int", at: where(c, operation) };
}
