// Whether a number may be -0 in JavaScript, where this machine has 0. Only what shows the sign has to ask: `console.log`.

import type { CallExpression, Node, Expression as Syntax } from "acorn";
import type { Analysis, Local, Variable } from "./bindings.ts";
import { constantOf, roundedDivision } from "./constant.ts";

/** Whether the expression may be -0. What a call gives and a parameter holds is not known. */
export function mayBeMinusZero(analysis: Analysis, node: Node, asked = new Set<Local | Variable>()): boolean {
	const may = (part: Node) => mayBeMinusZero(analysis, part, asked);
	const value = constantOf(analysis, node);
	if (value !== undefined) return Object.is(value, -0);
	const syntax = node as Syntax;
	switch (syntax.type) {
		case "Identifier": {
			const binding = analysis.uses.get(syntax);
			if (binding?.kind !== "local" && binding?.kind !== "variable") return false;
			if (asked.has(binding)) return false;
			asked.add(binding);
			return binding.sources.length === 0 || isParameter(analysis, binding) || binding.sources.some(may);
		}
		case "UnaryExpression":
			return syntax.operator === "-" || (syntax.operator === "+" && may(syntax.argument));
		case "BinaryExpression":
			// -0 + x is -0 only if x is, and -0 - x if x is 0.
			if (syntax.operator === "+") return may(syntax.left) && may(syntax.right);
			if (syntax.operator === "-") return may(syntax.left);
			return ["*", "/", "%"].includes(syntax.operator);
		case "LogicalExpression":
			return may(syntax.left) || may(syntax.right);
		case "ConditionalExpression":
			return may(syntax.consequent) || may(syntax.alternate);
		case "AssignmentExpression":
			if (syntax.operator === "=") return may(syntax.right);
			if (syntax.operator === "+=" || syntax.operator === "-=") return may(syntax.left);
			return !["|=", "&=", "^=", "<<=", ">>=", ">>>="].includes(syntax.operator);
		case "MemberExpression":
			return false;
		case "UpdateExpression":
			// x++ gives what x was.
			return may(syntax.argument);
		case "SequenceExpression":
			return may(syntax.expressions.at(-1)!);
		case "CallExpression":
			return roundedDivision(syntax) !== undefined || !isWhole(syntax);
		default:
			return true;
	}
}

/** `Math.imul` and `Math.clz32` give integers without a sign of 0. */
function isWhole({ callee }: CallExpression): boolean {
	if (callee.type !== "MemberExpression" || callee.object.type !== "Identifier" || callee.object.name !== "Math")
		return false;
	return callee.property.type === "Identifier" && (callee.property.name === "imul" || callee.property.name === "clz32");
}

function isParameter(analysis: Analysis, binding: Local | Variable): boolean {
	for (const { declared } of analysis.modules.values())
		for (const fn of declared)
			if (fn.kind === "function" && binding.kind === "local" && fn.parameters.includes(binding)) return true;
	return false;
}
