// Comparisons, checked: numbers of one signedness, booleans for equality, and what a static call calls now.

import type { BinaryExpression, CallExpression, Expression as Syntax } from "acorn";
import type { Condition } from "../../isa/index.ts";
import type { Expression, Place } from "../ir.ts";
import { agreed, type Operand, operands } from "./arithmetic.ts";
import type { Local } from "./bindings.ts";
import { queriedKey, targetOf } from "./calls.ts";
import { union } from "./ranges.ts";
import { at, guess, range, refuse, type Surroundings, text, type Wanted } from "./surroundings.ts";

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
	if (a === "bool" || b === "bool") return booleanComparison(c, node, left, right);
	const both = union(range(c, left), range(c, right));
	const sides = { left: operandOf(c, left), right: operandOf(c, right) };
	const operation = { operator: node.operator, ...sides, node, range: both, at: at(c, node) };
	const type = agreed(c, operation, undefined, both);
	const [x, y] = operands(c, operation, type);
	const condition = conditions[node.operator]![type];
	return { op: "compare", condition, left: x, right: y, type: "bool", at: operation.at };
}

/** `Math.min(a, b)` and `Math.max(a, b)`: both are evaluated once, then compared. */
export function extremum(c: Surroundings, node: CallExpression, extreme: "min" | "max", wanted: Wanted): Expression {
	const [left, right] = node.arguments.map((side) => operandOf(c, side as Syntax)) as [Operand, Operand];
	const operation = { operator: ",", left, right, node, range: union(left.range, right.range), at: at(c, node) };
	const type = agreed(c, operation, wanted, operation.range);
	const [a, b] = operands(c, operation, type).map((value) => kept(node, value, type));
	const condition = conditions[extreme === "min" ? "<" : ">"]![type];
	const test: Expression = { op: "compare", condition, left: a!.read, right: b!.read, type: "bool", at: operation.at };
	const choice: Expression = { op: "choose", test, yes: a!.read, no: b!.read, type, at: operation.at };
	return [b!.write, a!.write].reduce<Expression>(
		(then, first) => ({ op: "sequence", first, then, type, at: operation.at }),
		choice,
	);
}

/** A value in a variable without a name. */
function kept(node: Syntax, value: Expression, type: "int" | "uint"): { write: Expression; read: Expression } {
	const local: Local = { kind: "local", name: "", node, writable: false, type, sources: [] };
	const place: Place = { kind: "local", local };
	return { write: { op: "write", place, value, type, at: value.at }, read: { op: "read", place, type, at: value.at } };
}

const operandOf = (c: Surroundings, node: Syntax): Operand => ({
	node,
	guess: guess(c, node),
	range: range(c, node),
	check: (context, wanted) => c.numeric(node, context, wanted),
});

function booleanComparison(c: Surroundings, node: BinaryExpression, left: Syntax, right: Syntax): Expression {
	const condition = conditions[node.operator]!.int;
	if (condition !== "eq" && condition !== "ne")
		refuse(c, node, "booleans have no order: write b ? 1 : 0 to compare numbers");
	if (guess(c, left) !== guess(c, right)) {
		const number = guess(c, left) === "bool" ? right : left;
		c.numeric(number);
		refuse(c, node, `a boolean and a number are never equal: write ${text(c, number)} !== 0 for the number`);
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
	return { op: "query", key, target: targetOf(c, key, target), condition, type: "bool", at: at(c, node) };
}
