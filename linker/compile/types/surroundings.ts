// What checking an expression has at hand, and how it refuses one.

import type { AnyNode, CallExpression, Expression as Syntax } from "acorn";
import type { Expression } from "../ir.ts";
import { fail, type Position, positionAt, positionOf, quote } from "../origin.ts";
import type { Analysis, Binding, Guess, Module, Range, Type } from "./bindings.ts";
import { constantOf } from "./constant.ts";
import { typeOf } from "./infer.ts";
import { rangeOf } from "./ranges.ts";

/** A part of an operation. */
export interface Operand {
	readonly node: Syntax | AnyNode;
	readonly guess: Guess;
	readonly range: Range;
	readonly check: (context: Context, wanted: Wanted) => Expression;
}

/** What becomes of a value. `exact`: it is used as it is. `wrapped`: only sums lie between it and a coercion to 32 bits.
 * `coerced`: it is cut to 32 bits at once, fractions and all. */
export type Context = "exact" | "wrapped" | "coerced";

/** The type that a value takes which can have either. */
export type Wanted = "int" | "uint" | undefined;

/** A module under check, and the ways to check an expression of it (expressions.ts). */
export interface Surroundings {
	readonly analysis: Analysis;
	readonly module: Module;
	/** A number. The caller checks the type of the result. */
	readonly numeric: (node: Syntax, context?: Context, wanted?: Wanted) => Expression;
	readonly boolean: (node: Syntax) => Expression;
	/** What decides a branch. */
	readonly condition: (node: Syntax) => Expression;
	/** A number of that type, or a boolean. `who` says what needs it. */
	readonly typed: (node: Syntax, wanted: Type, who: string) => Expression;
	/** For what it does. */
	readonly effect: (node: Syntax) => Expression;
	/** A call that gives a typed array. */
	readonly tableCall: (node: CallExpression) => Expression & { op: "call" };
}

export function refuse(c: Surroundings, node: Syntax | AnyNode, message: string): never {
	fail(c.module.origin, node, message);
}

export function at(c: Surroundings, node: Syntax | AnyNode): Position {
	return positionOf(c.module.origin, node);
}

/** The position of the operator between two operands: there a trap says what went wrong. */
export function operatorPosition(
	c: Surroundings,
	left: Syntax | AnyNode,
	right: Syntax | AnyNode,
	operator: string,
): Position {
	const { origin } = c.module;
	const between = origin.text.slice(left.end, right.start);
	const lines = between.slice(0, Math.max(0, between.indexOf(operator))).split(/\r\n|[\n\r\u2028\u2029]/);
	const { line, column } = left.loc!.end;
	const last = lines.at(-1)!.length;
	return positionAt(origin, { line: line + lines.length - 1, column: lines.length === 1 ? column + last : last });
}

export function text(c: Surroundings, node: Syntax | AnyNode): string {
	return quote(c.module.origin, node);
}

/** The node's text as an operand: in parentheses unless it is a name, a number or an access. */
export function operandText(c: Surroundings, node: Syntax | AnyNode): string {
	const shown = text(c, node);
	return /^[\w$.[\]]+$/.test(shown) ? shown : `(${shown})`;
}

export function guess(c: Surroundings, node: Syntax | AnyNode): Guess {
	return typeOf(c.analysis, node);
}

export function range(c: Surroundings, node: Syntax | AnyNode): Range {
	return rangeOf(c.analysis, node);
}

/** An operand of arithmetic, where a boolean is 0 or 1, and the text of an index is made a number. */
export const operandOf = (c: Surroundings, node: Syntax): Operand => ({
	node,
	guess: guess(c, node),
	range: range(c, node),
	check: (context, wanted) => textual(c, node) ?? asNumber(c, node) ?? c.numeric(node, context, wanted),
});

/** The variable of a `for (const i in t)`, whose text is made a number, printed or used as an index. */
export function textual(c: Surroundings, node: Syntax): Expression | undefined {
	const local = bindingOf(c, node);
	if (local?.kind !== "local" || !local.isTextual) return undefined;
	return { op: "read", place: { kind: "local", local }, type: local.type, at: at(c, node) };
}

/** Refuses the text of an index where JavaScript does not make a number of it. @param purpose what a number is good for there */
export function refuseText(c: Surroundings, node: Syntax, purpose = "for the number"): void {
	if (textual(c, node) === undefined) return;
	const shown = text(c, node);
	refuse(c, node, `'${shown}' is text in JavaScript, "0" and so on: write +${shown} ${purpose}`);
}

function asNumber(c: Surroundings, node: Syntax): Expression | undefined {
	return guess(c, node) === "bool" ? { ...c.boolean(node), type: "either" } : undefined;
}

export function bindingOf(c: Surroundings, node: Syntax | AnyNode): Binding | undefined {
	return c.analysis.uses.get(node);
}

/** How to make a number, or a boolean, of something that is none or has the other sign. */
export function conversion(c: Surroundings, node: Syntax | AnyNode, wanted: Type): string {
	const operand = operandText(c, node);
	if (wanted === "bool") return node.type === "Literal" ? `write ${Boolean(node.value)}` : `write ${operand} !== 0`;
	if (guess(c, node) === "bool") return `write ${operand} ? 1 : 0`;
	const value = constantOf(c.analysis, node);
	if (typeof value === "number") return `${value} is not one`;
	if (wanted === "uint") return `write ${operand} >>> 0 if it is never negative`;
	return `write ${operand} | 0 if it is always below 2147483648`;
}

export function refuseBoolean(c: Surroundings, node: Syntax | AnyNode): never {
	refuse(c, node, `'${text(c, node)}' is a boolean, not a number: ${conversion(c, node, "int")}`);
}

/** Says why there is no value where one is needed. */
export function refuseValueless(c: Surroundings, node: Syntax | AnyNode): never {
	const shown = text(c, node);
	if (node.type === "Literal")
		refuse(
			c,
			node,
			node.value === null
				? "null is only for static calls: let a number that is none of yours stand for nothing"
				: "text is only for print(...): use a number",
		);
	switch (bindingOf(c, node)?.kind) {
		case "function":
		case "builtin":
			return refuse(c, node, `'${shown}' is a function: call it, or give it to staticCall or update`);
		case "local":
		case "variable":
		case "table":
			return refuse(c, node, `'${shown}' is a table: write ${shown}[i] or ${shown}.length`);
		case "key":
			return refuse(c, node, `'${shown}' is a static call: call it, or give it to update, reset or query`);
		case "constants":
			return refuse(c, node, `'${shown}' is no number: write ${shown}.NAME`);
		case "static-key":
			return refuse(c, node, `'${shown}' is a static key: write if (staticBranch(${shown})), or isEnabled(${shown})`);
		default:
			return refuse(c, node, `'${shown}' is not a number`);
	}
}
