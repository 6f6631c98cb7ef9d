// Values known when the program is compiled. JavaScript itself does the arithmetic, in doubles, so a constant
// expression is what Node makes of it; whether the value fits 32 bits is asked where it is used.

import type { BinaryExpression, CallExpression, Expression, Node } from "acorn";
import { fail } from "../origin.ts";
import type { Analysis, Table } from "./bindings.ts";
import { memberName } from "./key-forms.ts";

export type Value = number | boolean;

/** The value of the expression, or undefined when it depends on the run.
 * Requires: the names in it are bound. */
export function constantOf(analysis: Analysis, node: Node): Value | undefined {
	const { constants } = analysis;
	if (constants.has(node)) return constants.get(node);
	constants.set(node, undefined); // an expression that depends on itself has no value
	const value = evaluate(analysis, node as Expression);
	constants.set(node, value);
	return value;
}

/** `x | 0` and `x >>> 0` say which of the two they mean, even of a constant. */
export function coercion(node: BinaryExpression): "int" | "uint" | undefined {
	if (node.right.type !== "Literal" || node.right.value !== 0) return undefined;
	return node.operator === "|" ? "int" : node.operator === ">>>" ? "uint" : undefined;
}

/** The value if it is a number. */
export function numberOf(analysis: Analysis, node: Node): number | undefined {
	const value = constantOf(analysis, node);
	return typeof value === "number" ? value : undefined;
}

function evaluate(analysis: Analysis, node: Expression): Value | undefined {
	const of = (part: Node) => constantOf(analysis, part);
	switch (node.type) {
		case "Literal":
			return typeof node.value === "number" || typeof node.value === "boolean" ? node.value : undefined;
		case "Identifier": {
			const binding = analysis.uses.get(node);
			return binding?.kind === "constant" ? of(binding.initial) : undefined;
		}
		case "UnaryExpression":
			return unary(node.operator, of(node.argument));
		case "BinaryExpression":
			return binary(node.operator, of(node.left), of(node.right));
		case "LogicalExpression": {
			const [left, right] = [of(node.left), of(node.right)];
			if (left === undefined || right === undefined) return undefined;
			return node.operator === "&&" ? left && right : left || right;
		}
		case "ConditionalExpression": {
			const [test, yes, no] = [of(node.test), of(node.consequent), of(node.alternate)];
			if (test === undefined || yes === undefined || no === undefined) return undefined;
			return test ? yes : no;
		}
		case "MemberExpression": {
			const binding = analysis.uses.get(node.object);
			return binding?.kind === "table" && memberName(node) === "length" ? tableLength(analysis, binding) : undefined;
		}
		case "CallExpression":
			return onNumbers(node, node.arguments.map(of));
		default:
			return undefined;
	}
}

function unary(operator: string, value: Value | undefined): Value | undefined {
	if (value === undefined) return undefined;
	if (operator === "!") return !value;
	if (typeof value === "boolean") return undefined;
	return operator === "-" ? -value : operator === "~" ? ~value : undefined;
}

type Operator = BinaryExpression["operator"];

const arithmetic: Partial<Record<Operator, (a: number, b: number) => Value>> = {
	"+": (a, b) => a + b,
	"-": (a, b) => a - b,
	"*": (a, b) => a * b,
	"/": (a, b) => a / b,
	"%": (a, b) => a % b,
	"&": (a, b) => a & b,
	"|": (a, b) => a | b,
	"^": (a, b) => a ^ b,
	"<<": (a, b) => a << b,
	">>": (a, b) => a >> b,
	">>>": (a, b) => a >>> b,
	"<": (a, b) => a < b,
	"<=": (a, b) => a <= b,
	">": (a, b) => a > b,
	">=": (a, b) => a >= b,
	"==": (a, b) => a === b,
	"!=": (a, b) => a !== b,
	"===": (a, b) => a === b,
	"!==": (a, b) => a !== b,
};

/** Booleans take part only in `b | 0`, `b >>> 0` and (in)equality with each other. */
function binary(operator: Operator, a: Value | undefined, b: Value | undefined): Value | undefined {
	if (a === undefined || b === undefined) return undefined;
	if (typeof a === "number" && typeof b === "number") return arithmetic[operator]?.(a, b);
	if (typeof a === "boolean" && typeof b === "boolean") {
		if (operator === "===" || operator === "==") return a === b;
		return operator === "!==" || operator === "!=" ? a !== b : undefined;
	}
	return (operator === "|" || operator === ">>>") && b === 0 ? Number(a) : undefined;
}

/** `imul` of `Math.imul(...)` */
function mathName({ callee }: CallExpression): string | undefined {
	if (callee.type !== "MemberExpression" || callee.object.type !== "Identifier") return undefined;
	return callee.object.name === "Math" ? memberName(callee) : undefined;
}

export const isImul = (node: CallExpression): boolean => mathName(node) === "imul";

/** Which of `Math.min(a, b)` and `Math.max(a, b)` the call is, if it is one. */
export function extremeOf(node: CallExpression): "min" | "max" | undefined {
	const name = mathName(node);
	return (name === "min" || name === "max") && node.arguments.length === 2 ? name : undefined;
}

function onNumbers(node: CallExpression, [a, b]: readonly (Value | undefined)[]): Value | undefined {
	if (node.arguments.length !== 2 || typeof a !== "number" || typeof b !== "number") return undefined;
	const extreme = extremeOf(node);
	if (extreme !== undefined) return Math[extreme](a, b);
	return isImul(node) ? Math.imul(a, b) : undefined;
}

/** 64 MiB of elements: more is a slip of the keyboard. */
const LARGEST = 2 ** 26;

export const elementSize = (table: Table) => (table.element === "Uint8Array" ? 1 : 4);

export function tableLength(analysis: Analysis, table: Table): number {
	if (table.length === undefined) return table.values.length;
	const length = numberOf(analysis, table.length);
	if (length === undefined || !Number.isInteger(length) || length < 0)
		fail(table.module.origin, table.length, "the length of a typed array is a constant, 0 or more");
	if (length * elementSize(table) > LARGEST)
		fail(table.module.origin, table.length, `a typed array has at most ${LARGEST / elementSize(table)} elements here`);
	return length;
}
