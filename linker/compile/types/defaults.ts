// Default values of parameters that are not known before the program runs: `function sum(t, n = t.length)`. JavaScript
// computes them when the function is called, where it is declared. So a call that leaves arguments out goes to a
// function of its own, which takes those that are passed, computes the others and calls the whole function; it is named
// by how many it takes, `sum/1`.
//
// Requires: the defaults are bound. After: what a call with fewer arguments goes to is in `shorter`.

import type { AnyNode, BlockStatement, Expression, FunctionDeclaration, Identifier, Node } from "acorn";
import { childrenOf } from "../parse.ts";
import type { Analysis, FunctionBinding } from "./bindings.ts";
import { numberOf } from "./constant.ts";
import { functionBinding } from "./declare.ts";

/** Declares the functions for calls that leave out what has a computed default. They are still to be bound. */
export function declareShorter(analysis: Analysis, fn: FunctionBinding): FunctionBinding[] {
	const { defaults, module } = fn;
	if (defaults.every((value) => value === undefined || numberOf(analysis, value) !== undefined)) return [];
	const least = defaults.lastIndexOf(undefined) + 1;
	module.names.set(wholeName(fn), fn);
	return Array.from({ length: defaults.length - least }, (_, i) => {
		const count = least + i;
		const node = shortened(fn, count);
		const shorter = functionBinding(module, node, `${fn.name}/${count}`);
		for (const [i, parameter] of shorter.parameters.entries()) parameter.type = fn.parameters[i]!.type;
		module.declared.push(shorter);
		if (module.exported.has(fn.name)) module.exported.add(shorter.name);
		fn.shorter.set(count, shorter);
		return shorter;
	});
}

/** A name for the function itself, whatever its parameters are called. */
const wholeName = ({ name }: FunctionBinding) => `${name}#whole`;

/** `function f(a) { const b = 1; return f(a, b); }` */
function shortened(fn: FunctionBinding, count: number): FunctionDeclaration {
	const { node } = fn;
	const made = (place: Node, type: string, fields: object): Node => {
		const { start, end, loc } = place;
		return { type, start, end, loc, ...fields } as Node;
	};
	const names = fn.parameters.map(({ node }) => node as Identifier);
	const declarations = names.slice(count).map((id, i) => {
		const init = structuredClone(fn.defaults[count + i]!) as Expression;
		const declarator = made(init, "VariableDeclarator", { id: { ...id }, init });
		return made(init, "VariableDeclaration", { kind: "const", declarations: [declarator] });
	});
	const callee = made(node.id, "Identifier", { name: wholeName(fn) });
	// A message about a default shows the default.
	const passed = names.map(({ name }, i) => made(i < count ? names[i]! : fn.defaults[i]!, "Identifier", { name }));
	const call = made(node.id, "CallExpression", { callee, arguments: passed, optional: false });
	const last = returnsValue(node.body)
		? made(node.id, "ReturnStatement", { argument: call })
		: made(node.id, "ExpressionStatement", { expression: call });
	const body = made(node.body, "BlockStatement", { body: [...declarations, last] });
	return { ...node, params: names.slice(0, count).map((id) => ({ ...id })), body: body as BlockStatement };
}

function returnsValue(node: Node): boolean {
	const any = node as AnyNode;
	if (any.type === "FunctionDeclaration") return false;
	return (any.type === "ReturnStatement" && any.argument != null) || childrenOf(any).some(returnsValue);
}
