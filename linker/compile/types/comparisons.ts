// Comparisons, checked: numbers of any sign, booleans for equality, and what a static call calls now.

import type { BinaryExpression, CallExpression, Expression as Syntax } from "acorn";
import type { Condition } from "../../isa/index.ts";
import type { Expression } from "../ir.ts";
import { queriedKey, targetOf } from "./calls.ts";
import { numberOf } from "./constant.ts";
import { neededSign, typeOfValue } from "./infer.ts";
import { inSequence, kept } from "./kept.ts";
import {
	at,
	guess,
	type Operand,
	operandOf,
	refuse,
	refuseText,
	type Surroundings,
	text,
	textual,
	type Wanted,
} from "./surroundings.ts";

const conditions: Record<string, Record<"int" | "uint", Condition>> = {
	"<": { int: "lt", uint: "ult" },
	"<=": { int: "le", uint: "ule" },
	">": { int: "gt", uint: "ugt" },
	">=": { int: "ge", uint: "uge" },
	"==": { int: "eq", uint: "eq" },
	"===": { int: "eq", uint: "eq" },
	"!=": { int: "ne", uint: "ne" },
	"!==": { int: "ne", uint: "ne" },
};

export function comparison(c: Surroundings, node: BinaryExpression): Expression {
	const left = node.left as Syntax;
	const { right } = node;
	const query = queryComparison(c, node, left, right) ?? queryComparison(c, node, right, left);
	if (query !== undefined) return query;
	const [a, b] = [guess(c, left), guess(c, right)];
	const isLoose = node.operator === "==" || node.operator === "!=";
	const hasBoolean = a === "bool" || b === "bool";
	// With == a boolean is 0 or 1, as in arithmetic, if the other side is a number.
	if (/[!=]=/.test(node.operator) && hasBoolean && (!isLoose || a === b))
		return booleanComparison(c, node, left, right);
	// Two texts are compared as such, and a text is no number without more ado.
	const hasTexts = textual(c, left) !== undefined && textual(c, right) !== undefined;
	if (hasTexts || /[!=]==/.test(node.operator))
		for (const side of [left, right]) refuseText(c, side, "to compare numbers");
	const position = at(c, node);
	const beyond = comparedBeyond(c, node, left, right) ?? comparedBeyond(c, node, right, left);
	if (beyond !== undefined) return beyond;
	const [x, y] = sides([operandOf(c, left), operandOf(c, right)], neededSign, undefined);
	const types = [x.type, y.type];
	if (types.includes("int") && types.includes("uint")) return mixedComparison(node, node.operator, x, y);
	const condition = conditions[node.operator]![types.includes("uint") ? "uint" : "int"];
	return { op: "compare", condition, left: x, right: y, type: "bool", at: position };
}

/** A comparison with a constant that is no number of the machine: with a fraction, what is less than 2.5 is less than 3;
 * beyond 32 bits, all numbers are on the same side of it. */
function comparedBeyond(
	c: Surroundings,
	node: BinaryExpression,
	constant: Syntax,
	other: Syntax,
): Expression | undefined {
	const value = numberOf(c.analysis, constant);
	if (value === undefined || value === (value | 0) || value === value >>> 0) return undefined;
	const checked = operandOf(c, other).check("exact", undefined);
	const known = (holds: boolean): Expression =>
		inSequence([checked], { op: "constant", value: Number(holds), type: "bool", at: at(c, node) });
	if (/[!=]=/.test(node.operator)) return known(node.operator.startsWith("!"));
	const isLess = node.operator.startsWith("<") === (constant === node.right);
	// `2.5 < x` and `2.5 <= x` are the same, and so are the others: x is never 2.5.
	const limit = Math.ceil(value);
	if (Number.isNaN(value)) return known(false);
	if (limit < -(2 ** 31) || limit > 2 ** 32 - 1) return known(isLess === limit > 0);
	const right: Expression = { op: "constant", value: limit | 0, type: typeOfValue(limit), at: at(c, constant) };
	const types = [checked.type, right.type];
	const operator = isLess ? "<" : ">=";
	if (types.includes("int") && types.includes("uint")) return mixedComparison(node, operator, checked, right);
	const condition = conditions[operator]![types.includes("uint") ? "uint" : "int"];
	return { op: "compare", condition, left: checked, right, type: "bool", at: at(c, node) };
}

/** Both operands, each of its own sign; what may have either takes that of the other. */
function sides(
	[left, right]: readonly [Operand, Operand],
	signOf: (side: Operand) => Wanted,
	wanted: Wanted,
): [Expression, Expression] {
	const check = (own: Operand, other: Operand) => own.check("exact", signOf(own) ?? signOf(other) ?? wanted ?? "int");
	return [check(left, right), check(right, left)];
}

/** Compares an int with a uint as the numbers they are: what is negative is less than any uint, and what is not is
 * compared as one. Both are evaluated once, from left to right. */
function mixedComparison(node: Syntax, operator: string, left: Expression, right: Expression): Expression {
	const [a, b] = [kept(node, left), kept(node, right)];
	const test = comparedKept(operator, a.read, b.read);
	return inSequence([a.write, b.write], test);
}

/** Requires: reading the operands does nothing. */
function comparedKept(operator: string, left: Expression, right: Expression): Expression {
	const { at } = left;
	const unsigned = conditions[operator]!.uint;
	const asNumbers: Expression = { op: "compare", condition: unsigned, left, right, type: "bool", at };
	if (left.type === right.type) return { ...asNumbers, condition: conditions[operator]![left.type as "int" | "uint"] };
	const signed = left.type === "int" ? left : right;
	const zero: Expression = { op: "constant", value: 0, type: "either", at };
	const holdsIfNegative = unsigned === "ne" || unsigned.startsWith(signed === left ? "ul" : "ug");
	const sign: Expression = {
		op: "compare",
		condition: holdsIfNegative ? "lt" : "ge",
		left: signed,
		right: zero,
		type: "bool",
		at,
	};
	return { op: holdsIfNegative ? "either" : "both", left: sign, right: asNumbers, type: "bool", at };
}

/** `Math.min(a, b)` and `Math.max(a, b)`: both are evaluated once, then compared. The smaller of an int and a uint is an
 * int, the larger one a uint. */
export function extremum(c: Surroundings, node: CallExpression, extreme: "min" | "max", wanted: Wanted): Expression {
	const given = node.arguments.map((side) => operandOf(c, side as Syntax)) as [Operand, Operand];
	const values = sides(given, neededSign, wanted);
	const types = values.map(({ type }) => type);
	const isMixed = types.includes("int") && types.includes("uint");
	const type = isMixed ? (extreme === "min" ? "int" : "uint") : types.includes("uint") ? "uint" : "int";
	const position = at(c, node);
	const [a, b] = values.map((value) => kept(node, isMixed ? value : { ...value, type }));
	const test = comparedKept(extreme === "min" ? "<" : ">", a!.read, b!.read);
	const choice: Expression = { op: "choose", test, yes: a!.read, no: b!.read, type, at: position };
	return inSequence([a!.write, b!.write], choice);
}

function booleanComparison(c: Surroundings, node: BinaryExpression, left: Syntax, right: Syntax): Expression {
	const condition = conditions[node.operator]!.int;
	if (guess(c, left) !== guess(c, right)) {
		const number = guess(c, left) === "bool" ? right : left;
		c.numeric(number);
		refuse(
			c,
			node,
			`a boolean and a number are never equal, so this is always ${node.operator === "!=="}: write ${node.operator.slice(0, -1)} to compare them as numbers`,
		);
	}
	return { op: "compare", condition, left: c.boolean(left), right: c.boolean(right), type: "bool", at: at(c, node) };
}

/** `query(pick) === fn` */
function queryComparison(
	c: Surroundings,
	node: BinaryExpression,
	query: Syntax,
	target: Syntax,
): Expression | undefined {
	const key = queriedKey(c, query);
	if (key === undefined) return undefined;
	const condition = conditions[node.operator]!.int;
	if (condition !== "eq" && condition !== "ne")
		refuse(c, node, `functions have no order: write ${text(c, query)} === ${text(c, target)}`);
	const found = targetOf(c, key, target);
	if (typeof found === "object" && found.name !== found.node.id.name)
		refuse(
			c,
			target,
			`'${text(c, target)}' is another function in each call of what is around it: move it to module level to compare it`,
		);
	return { op: "query", key, target: found, condition, type: "bool", at: at(c, node) };
}
