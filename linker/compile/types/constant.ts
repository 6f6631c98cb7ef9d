// Values known when the program is compiled. JavaScript itself does the arithmetic, in doubles, so a constant
// expression is what Node makes of it; whether the value fits 32 bits is asked where it is used.

import type { BinaryExpression, CallExpression, Expression, MemberExpression, Node } from "acorn";
import { fail } from "../origin.ts";
import type { Analysis, Constants, Table } from "./bindings.ts";
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
			if (node.operator === "??") return left;
			return node.operator === "&&" ? left && right : left || right;
		}
		case "ConditionalExpression": {
			const [test, yes, no] = [of(node.test), of(node.consequent), of(node.alternate)];
			if (test === undefined || yes === undefined || no === undefined) return undefined;
			return test ? yes : no;
		}
		case "MemberExpression": {
			const binding = analysis.uses.get(node.object);
			if (binding === undefined) return mathConstant(node);
			if (binding.kind === "constants") return constantMember(analysis, binding, node);
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
	const number = Number(value);
	return operator === "-" ? -number : operator === "~" ? ~number : operator === "+" ? number : undefined;
}

type Operator = BinaryExpression["operator"];

const arithmetic: Partial<Record<Operator, (a: number, b: number) => Value>> = {
	"+": (a, b) => a + b,
	"-": (a, b) => a - b,
	"*": (a, b) => a * b,
	"/": (a, b) => a / b,
	"%": (a, b) => a % b,
	"**": (a, b) => a ** b,
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

/** Booleans are identical, or not, to each other only; everywhere else they are 0 and 1. */
function binary(operator: Operator, a: Value | undefined, b: Value | undefined): Value | undefined {
	if (a === undefined || b === undefined) return undefined;
	const isStrict = operator === "===" || operator === "!==";
	if (typeof a !== typeof b && isStrict) return undefined;
	return arithmetic[operator]?.(Number(a), Number(b));
}

/** `Math.PI` and the like. */
function mathConstant({ object, property, computed }: MemberExpression): number | undefined {
	if (object.type !== "Identifier" || object.name !== "Math" || computed || property.type !== "Identifier")
		return undefined;
	return Object.hasOwn(mathConstants, property.name) ? mathConstants[property.name] : undefined;
}

const { E, LN10, LN2, LOG10E, LOG2E, PI, SQRT1_2, SQRT2 } = Math;
const mathConstants: Readonly<Record<string, number>> = { E, LN10, LN2, LOG10E, LOG2E, PI, SQRT1_2, SQRT2 };

function constantMember(analysis: Analysis, { members }: Constants, node: MemberExpression): Value | undefined {
	const member = members.get(memberName(node) ?? "");
	return member && constantOf(analysis, member);
}

/** `imul` of `Math.imul(...)` */
export function mathName({ callee }: CallExpression): string | undefined {
	if (callee.type !== "MemberExpression" || callee.object.type !== "Identifier") return undefined;
	return callee.object.name === "Math" ? memberName(callee) : undefined;
}

export const isImul = (node: CallExpression): boolean => mathName(node) === "imul";

/** Which of `Math.min(a, b)` and `Math.max(a, b)` the call is, if it is one. */
export function extremeOf(node: CallExpression): "min" | "max" | undefined {
	const name = mathName(node);
	return (name === "min" || name === "max") && node.arguments.length === 2 ? name : undefined;
}

/** How `Math.floor(a / b)` and its like make an integer of a quotient. */
export type Rounding = "ceil" | "floor" | "round" | "trunc";

/** `a / b` of `Math.floor(a / b)` and its like. */
export function roundedDivision(node: CallExpression): BinaryExpression | undefined {
	const [argument] = node.arguments;
	if (!["ceil", "floor", "round", "trunc"].includes(mathName(node) ?? "")) return undefined;
	return argument?.type === "BinaryExpression" && argument.operator === "/" ? argument : undefined;
}

/** A function that gives a number for numbers: of Math, or `Number`. What is random is no constant. */
function functionOf(node: CallExpression): ((...values: number[]) => number) | undefined {
	if (isNumberCall(node)) return node.arguments.length === 1 ? Number : undefined;
	const name = mathName(node) ?? "";
	const found: unknown = name === "random" || !Object.hasOwn(Math, name) ? undefined : Math[name as keyof Math];
	return typeof found === "function" ? (found as typeof Math.max) : undefined;
}

export const isNumberCall = ({ callee }: CallExpression): boolean =>
	callee.type === "Identifier" && callee.name === "Number";

function onNumbers(node: CallExpression, values: readonly (Value | undefined)[]): Value | undefined {
	const known = values.filter((value) => value !== undefined).map(Number);
	return known.length === values.length ? functionOf(node)?.(...known) : undefined;
}

/** 64 MiB of elements: more is a slip of the keyboard. */
export const LARGEST = 2 ** 26;

export const elementSize = ({ element }: Pick<Table, "element">): 1 | 2 | 4 =>
	element === "Uint8Array" || element === "Int8Array"
		? 1
		: element === "Uint16Array" || element === "Int16Array"
			? 2
			: 4;

/** The table at the other end, where tables copy tables. */
function copiedBy(analysis: Analysis, table: Table): Table | undefined {
	const seen = new Set([table]);
	for (let last = table; ; ) {
		const next = last.length && analysis.uses.get(last.length);
		if (next?.kind !== "table") return last === table ? undefined : last;
		if (seen.has(next))
			fail(
				table.module.origin,
				table.length!,
				`'${table.name}' copies itself, or tables that copy it: begin with a length`,
			);
		seen.add(next);
		last = next;
	}
}

export function tableLength(analysis: Analysis, table: Table): number {
	if (table.length === undefined) return table.values.length;
	const copied = copiedBy(analysis, table);
	if (copied !== undefined) return tableLength(analysis, copied);
	const length = numberOf(analysis, table.length);
	if (length === undefined || !Number.isInteger(length) || length < 0)
		fail(table.module.origin, table.length, "a typed array has a constant length, 0 or more, or copies one that has");
	if (length * elementSize(table) > LARGEST)
		fail(table.module.origin, table.length, `a typed array has at most ${LARGEST / elementSize(table)} elements here`);
	return length;
}
