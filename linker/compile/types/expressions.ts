// Expressions, checked: syntax trees to typed trees. Every operator either gives the very number that Node computes
// (or traps where that number leaves 32 bits), or the program is refused with what to write instead.

import type { AnyNode, BinaryExpression, LogicalExpression, MemberExpression, Expression as Syntax } from "acorn";
import type { Expression } from "../ir.ts";
import { rejectedNames } from "../rejected.ts";
import { arithmetic, operate } from "./arithmetic.ts";
import { assignment, element, exchange, step } from "./assignments.ts";
import type { Analysis, Module, Type } from "./bindings.ts";
import { call, tableCall } from "./calls.ts";
import { comparison, extremum } from "./comparisons.ts";
import { coercion, constantOf, elementSize, extremeOf, type Value } from "./constant.ts";
import { signOf, typeOfValue } from "./infer.ts";
import { memberName } from "./key-forms.ts";
import { mathCall, numberCall } from "./math.ts";
import { fitsBoth } from "./ranges.ts";
import { staticBranch } from "./static-keys.ts";
import {
	at,
	bindingOf,
	type Context,
	conversion,
	guess,
	type Operand,
	operandOf,
	operandText,
	range,
	refuse,
	refuseBoolean,
	refuseText,
	refuseValueless,
	type Surroundings,
	text,
	textual,
	type Wanted,
} from "./surroundings.ts";
import { tableTypeOf } from "./tables.ts";
import { lengthIn, tableValue } from "./views.ts";

export function surroundings(analysis: Analysis, module: Module): Surroundings {
	const c: Surroundings = {
		analysis,
		module,
		numeric: (node, context, wanted) => numeric(c, node, context, wanted),
		boolean: (node) => boolean(c, node),
		condition: (node) => condition(c, node),
		typed: (node, wanted, who) => typed(c, node, wanted, who),
		effect: (node) => effect(c, node),
		tableCall: (node) => tableCall(c, node),
	};
	return c;
}

/** A number. What fits both types has both, whatever it is computed as. */
function numeric(c: Surroundings, node: Syntax, context: Context = "exact", wanted?: Wanted): Expression {
	const value = number(c, node, context, wanted);
	return value.type !== "either" && fitsBoth(range(c, node)) ? { ...value, type: "either" } : value;
}

function number(c: Surroundings, node: Syntax, context: Context, wanted: Wanted): Expression {
	if (guess(c, node) === "bool") refuseBoolean(c, node);
	const value = constantOf(c.analysis, node);
	if (value !== undefined) return constant(c, node, Number(value), context);
	switch (node.type) {
		case "Identifier":
		case "MemberExpression":
			return read(c, node);
		case "UnaryExpression":
			return negation(c, node, context, wanted);
		case "BinaryExpression":
			return binary(c, node, context, wanted);
		case "LogicalExpression":
			return logical(c, node, wanted);
		case "ConditionalExpression":
			return conditional(c, node, context, wanted);
		case "AssignmentExpression":
			return assignment(c, node, true, wanted);
		case "UpdateExpression":
			return step(c, node, true, wanted);
		case "CallExpression": {
			const extreme = extremeOf(node);
			if (extreme !== undefined) return extremum(c, node, extreme, wanted);
			return mathCall(c, node, wanted) ?? numberCall(c, node, wanted) ?? call(c, node, true);
		}
		case "SequenceExpression":
			return sequence(c, node.expressions, (last) => numeric(c, last, context, wanted));
		default:
			return refuseValueless(c, node);
	}
}

function typed(c: Surroundings, node: Syntax, wanted: Type, who: string): Expression {
	const found = guess(c, node);
	if (wanted === "bool" && found === "bool") return boolean(c, node);
	const mismatch = (is: string) => {
		const shown = text(c, node);
		refuse(
			c,
			node,
			`${who} is ${wanted === "either" ? "int" : wanted}, '${shown}' is ${is}: ${conversion(c, node, wanted)}`,
		);
	};
	if (found === "bool") mismatch("bool");
	const value = numeric(c, node, "exact", wanted === "uint" ? "uint" : "int");
	if (value.type !== "either" && value.type !== wanted) mismatch(value.type);
	if (wanted === "bool") mismatch("a number");
	return value;
}

function boolean(c: Surroundings, node: Syntax): Expression {
	const found = guess(c, node);
	if (found !== "bool" && found !== "none")
		refuse(c, node, `'${text(c, node)}' is a number, not a boolean: write ${operandText(c, node)} !== 0`);
	const value = constantOf(c.analysis, node);
	if (typeof value === "boolean") return truth(c, node, value);
	switch (node.type) {
		case "Identifier":
		case "MemberExpression":
			return read(c, node);
		case "UnaryExpression":
			return { op: "not", value: condition(c, node.argument), type: "bool", at: at(c, node) };
		case "BinaryExpression":
			return comparison(c, node);
		case "LogicalExpression": {
			if (node.operator === "??") return preferred(c, node, () => boolean(c, node.left));
			const op = node.operator === "&&" ? "both" : "either";
			return { op, left: boolean(c, node.left), right: boolean(c, node.right), type: "bool", at: at(c, node) };
		}
		case "ConditionalExpression": {
			const [yes, no] = [boolean(c, node.consequent), boolean(c, node.alternate)];
			return { op: "choose", test: condition(c, node.test), yes, no, type: "bool", at: at(c, node) };
		}
		case "AssignmentExpression":
			return assignment(c, node, true);
		case "CallExpression":
			return call(c, node, true);
		case "SequenceExpression":
			return sequence(c, node.expressions, (last) => boolean(c, last));
		default:
			return refuseValueless(c, node);
	}
}

/** What decides a branch: a boolean, or a number that is not 0. */
export function condition(c: Surroundings, node: Syntax): Expression {
	const value = constantOf(c.analysis, node);
	if (value !== undefined) return truth(c, node, Boolean(value));
	if (node.type === "UnaryExpression" && node.operator === "!")
		return { op: "not", value: condition(c, node.argument), type: "bool", at: at(c, node) };
	const branch = staticBranch(c, node);
	if (branch !== undefined) return branch;
	if (node.type === "LogicalExpression" && node.operator !== "??") {
		const op = node.operator === "&&" ? "both" : "either";
		return { op, left: condition(c, node.left), right: condition(c, node.right), type: "bool", at: at(c, node) };
	}
	if (guess(c, node) === "bool") return boolean(c, node);
	refuseText(c, node, "to ask whether it is 0, as no text of an index is empty");
	const left = numeric(c, node);
	const zero: Expression = { op: "constant", value: 0, type: "either", at: left.at };
	return { op: "compare", condition: "ne", left, right: zero, type: "bool", at: left.at };
}

/** For what it does; its value is dropped. */
export function effect(c: Surroundings, node: Syntax): Expression {
	switch (node.type) {
		case "AssignmentExpression":
			return node.left.type === "ArrayPattern" ? exchange(c, node) : assignment(c, node, false);
		case "UpdateExpression":
			return step(c, node, false);
		case "CallExpression":
			return call(c, node, false);
		case "SequenceExpression":
			return sequence(c, node.expressions, (last) => effect(c, last));
		case "LogicalExpression": {
			if (node.operator === "??") refuse(c, node, `'${text(c, node)}' does nothing here: write its left side alone`);
			const op = node.operator === "&&" ? "both" : "either";
			return { op, left: condition(c, node.left), right: effect(c, node.right), type: "none", at: at(c, node) };
		}
		case "ConditionalExpression": {
			const [yes, no] = [effect(c, node.consequent), effect(c, node.alternate)];
			return { op: "choose", test: condition(c, node.test), yes, no, type: "none", at: at(c, node) };
		}
		default:
			return refuse(c, node, `'${text(c, node)}' does nothing here: assign it to a variable, or leave it out`);
	}
}

function truth(c: Surroundings, node: Syntax, value: boolean): Expression {
	return { op: "constant", value: Number(value), type: "bool", at: at(c, node) };
}

/** JavaScript computed it; here it must fit what becomes of it. */
function constant(c: Surroundings, node: Syntax, value: number, context: Context): Expression {
	if (context === "exact") checkConstant(c, node, value);
	if (context === "wrapped" && !Number.isSafeInteger(value)) checkConstant(c, node, value);
	const said = node.type === "BinaryExpression" ? coercion(node) : undefined;
	const type = said ?? (typeOfValue(value) as Type);
	return { op: "constant", value: value | 0, type, at: at(c, node) };
}

function checkConstant(c: Surroundings, node: Syntax | AnyNode, value: Value): void {
	const message = constantError(c, node, value);
	if (message !== undefined) refuse(c, node, message);
}

function constantError(c: Surroundings, node: Syntax | AnyNode, value: Value): string | undefined {
	if (typeof value === "boolean" || value === (value | 0) || value === value >>> 0) return undefined;
	const [shown, operand] = [text(c, node), operandText(c, node)];
	if (Number.isNaN(value)) return `'${shown}' is not a number: write ${operand} | 0 for 0`;
	if (!Number.isFinite(value)) return `'${shown}' is ${value}, and ${rejectedNames.Infinity}`;
	if (!Number.isInteger(value)) {
		if (node.type === "Literal") return "there are no fractions: numbers are 32-bit integers; scale them";
		return `'${shown}' is ${value}, and there are no fractions: write ${operand} | 0 if what is behind the point does not matter`;
	}
	if (node.type === "Literal") return "this number needs more than 32 bits: the largest is 0xffffffff";
	return `'${shown}' is ${value}, which needs more than 32 bits: write ${operand} | 0 or ${operand} >>> 0 to wrap`;
}

function read(c: Surroundings, node: Syntax & { type: "Identifier" | "MemberExpression" }): Expression {
	if (node.type === "MemberExpression") {
		const word = wordOfTable(c, node);
		if (word !== undefined) return word;
		const { place, type } = element(c, node);
		return { op: "read", place, type, at: at(c, node) };
	}
	const binding = bindingOf(c, node);
	refuseText(c, node);
	if (binding?.kind === "local" && binding.view === undefined)
		return { op: "read", place: { kind: "local", local: binding }, type: binding.type, at: at(c, node) };
	if (binding?.kind === "variable" && binding.view === undefined)
		return { op: "read", place: { kind: "variable", variable: binding }, type: binding.type, at: at(c, node) };
	return refuseValueless(c, node);
}

/** `t.length` where it is known only when the program runs, and what plain.ts asks for: `t.address#` and `t.size#`. */
function wordOfTable(c: Surroundings, node: MemberExpression): Expression | undefined {
	const object = node.object as Syntax;
	const name = memberName(node);
	const element = tableTypeOf(c.analysis, object);
	if (element === undefined) return undefined;
	if (name === "size#") return { op: "constant", value: elementSize({ element }), type: "either", at: at(c, node) };
	if (name === "address#") return tableValue(c, object, element, text(c, object)).address;
	return name === "length" ? lengthIn(tableValue(c, object, element, text(c, object))) : undefined;
}

/** `-x` is `0 - x`, `~x` is `x ^ -1`. */
function negation(
	c: Surroundings,
	node: Syntax & { type: "UnaryExpression" },
	context: Context,
	wanted: Wanted,
): Expression {
	const position = at(c, node);
	if (node.operator === "+") return textual(c, node.argument) ?? operandOf(c, node.argument).check("exact", wanted);
	const number = (value: number): Expression => ({
		op: "constant",
		value,
		type: value < 0 ? "int" : "either",
		at: position,
	});
	if (node.operator === "~") {
		const left = operandOf(c, node.argument).check("coerced", undefined);
		return { op: "binary", operator: "xor", left, right: number(-1), type: "int", at: position };
	}
	const argument = operandOf(c, node.argument);
	if (context === "exact" && argument.guess === "uint" && !fitsBoth(argument.range))
		refuse(
			c,
			node,
			`'${text(c, node.argument)}' is uint and has no negative: write -(${text(c, node.argument)} | 0) if it is always below 2147483648`,
		);
	const zero: Operand = { node, guess: "either", range: { low: 0, high: 0 }, check: () => number(0) };
	return arithmetic(
		c,
		{ operator: "-", left: zero, right: argument, at: position, node, range: range(c, node) },
		context,
		wanted === "uint" ? undefined : wanted,
	);
}

function binary(c: Surroundings, node: BinaryExpression, context: Context, wanted: Wanted): Expression {
	const { operator } = node;
	if (operator === "+") for (const side of [node.left as Syntax, node.right]) refuseText(c, side, "for a sum");
	const [left, right] = [operandOf(c, node.left as Syntax), operandOf(c, node.right)];
	const operation = { operator, left, right, range: range(c, node), at: at(c, node), node };
	return cast(c, node) ?? operate(c, operation, context, wanted);
}

/** `x | 0` and `x >>> 0` compute nothing: they say how the 32 bits are read. Of a boolean they make 0 or 1. */
function cast(c: Surroundings, node: BinaryExpression): Expression | undefined {
	const type = coercion(node);
	if (type === undefined) return undefined;
	const left = node.left as Syntax;
	const index = textual(c, left);
	if (index !== undefined) return index;
	const value = guess(c, left) === "bool" ? boolean(c, left) : numeric(c, left, "coerced");
	return { ...value, type };
}

/** The value of `a && b` is a or b: both have one type. */
function logical(c: Surroundings, node: Syntax & { type: "LogicalExpression" }, wanted: Wanted): Expression {
	if (node.operator === "??") return preferred(c, node, () => numeric(c, node.left, "exact", wanted));
	const [left, right] = alternatives(c, node.left, node.right, "exact", wanted);
	return { op: node.operator === "&&" ? "both" : "either", left, right, type: shared(left, right), at: at(c, node) };
}

/** Types `a ?? b`: no number or boolean is null, so it is `a`. The other side has to be in the language all the same. */
function preferred(c: Surroundings, node: LogicalExpression, left: () => Expression): Expression {
	if (guess(c, node.right) === "bool") boolean(c, node.right);
	else numeric(c, node.right);
	return left();
}

function conditional(
	c: Surroundings,
	node: Syntax & { type: "ConditionalExpression" },
	context: Context,
	wanted: Wanted,
): Expression {
	const test = condition(c, node.test);
	const [yes, no] = alternatives(c, node.consequent, node.alternate, context, wanted);
	return { op: "choose", test, yes, no, type: shared(yes, no), at: at(c, node) };
}

function alternatives(
	c: Surroundings,
	a: Syntax,
	b: Syntax,
	context: Context,
	wanted: Wanted,
): [Expression, Expression] {
	if (context !== "exact") return [numeric(c, a, context), numeric(c, b, context)];
	const type = signOf([a, b].map((side) => ({ guess: guess(c, side), range: range(c, side) }))) ?? wanted;
	const values: [Expression, Expression] = [numeric(c, a, context, type), numeric(c, b, context, type)];
	if (type !== undefined)
		for (const [i, value] of values.entries())
			if (value.type !== type && value.type !== "either")
				typed(c, i === 0 ? a : b, type, `the other value, '${text(c, i === 0 ? b : a)}',`);
	return values;
}

const shared = (a: Expression, b: Expression) => (a.type === "either" ? b.type : a.type);

function sequence(c: Surroundings, nodes: readonly Syntax[], checkLast: (node: Syntax) => Expression): Expression {
	const last = checkLast(nodes.at(-1)!);
	return nodes.slice(0, -1).reduceRight<Expression>((then, node) => {
		const first = effect(c, node);
		return { op: "sequence", first, then, type: then.type, at: first.at };
	}, last);
}
