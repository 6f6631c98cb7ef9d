// Whether code at module level meets a name before its declaration, itself or in a function that it may call: JavaScript
// throws there.
//
// Requires: bind.ts for all modules. After: what code at module level can come to is declared before it.

import type { AnyNode, Identifier, Node, Statement } from "acorn";
import { attempt, throwErrors } from "../attempt.ts";
import { fail } from "../origin.ts";
import { childrenOf } from "../parse.ts";
import { reached } from "./begin.ts";
import { type Analysis, type Binding, type FunctionBinding, isDeclared, type Module } from "./bindings.ts";

export function checkOrder(analysis: Analysis): void {
	for (const module of analysis.modules.values())
		for (const statement of module.begin?.fn.node.body.body ?? [])
			attempt(analysis.errors, () => checkStatement(analysis, module, statement));
	throwErrors(analysis.errors);
}

function checkStatement(analysis: Analysis, module: Module, statement: Statement): void {
	const isInCircle = module.imports.some((each) => reached(each).has(module));
	if (isInCircle)
		fail(
			module.origin,
			statement,
			"this runs while modules that import each other are not all there: put it into a function",
		);
	const seen = new Set<Binding>();
	visit(statement, undefined);

	/** @param from the function that is looked at; undefined for the statement itself */
	function visit(node: Node, from: FunctionBinding | undefined): void {
		const any = node as AnyNode;
		const binding = any.type === "Identifier" ? analysis.uses.get(any) : undefined;
		if (binding !== undefined && isDeclared(binding) && binding.module === module)
			meet(binding, any as Identifier, from);
		for (const child of childrenOf(any)) if (child.type !== "FunctionDeclaration") visit(child, from);
	}

	function meet(binding: Binding, use: Identifier, from: FunctionBinding | undefined): void {
		if (!isDeclared(binding)) return;
		const isHoisted = binding.kind === "function" && binding.isHoisted;
		const isTarget = from === undefined && use === binding.node;
		const isOfModule = module.names.get(binding.name) === binding;
		if (isOfModule && !isHoisted && !isTarget && binding.node.start >= statement.start) {
			const where = from === undefined ? "" : `, in '${from.node.id.name}',`;
			fail(
				module.origin,
				from === undefined ? use : statement,
				`'${use.name}' is used here${where} before its declaration: declare it further up`,
			);
		}
		if (seen.has(binding)) return;
		seen.add(binding);
		if (binding.kind === "function")
			for (const part of [...binding.defaults, binding.node.body]) if (part) visit(part, binding);
		if (binding.kind === "key")
			for (const name of [...(binding.model ? [binding.model] : []), ...binding.updates, ...binding.also])
				visit(name, from);
	}
}
