// Whether every variable of a module that is declared without a value, `let seed;`, has one where it is read. It may get it at
// module level, or in a function that is called before: of each function, it is found out which of them it may read
// before it assigns to them, and which have a value when it returns. What comes from outside, a call of an exported
// function or of one that a static call may go to, may come as soon as the code at module level is through.
//
// Requires: the checked functions of the module. After: none of its variables is read before something is assigned to it.

import type { AnyNode, CallExpression } from "acorn";
import { attempt } from "../attempt.ts";
import type { CheckedFunction } from "../ir.ts";
import { follow, type Open, unassigned } from "./assigned.ts";
import type { FunctionBinding, Variable } from "./bindings.ts";
import { refuse, type Surroundings } from "./surroundings.ts";

interface Summary {
	/** The variables that it may read before they have a value, and on which line. */
	readonly needs: Map<Variable, number>;
	/** The variables that have no value yet when it returns, if they had none before. */
	left: Open;
}

/** @param functions all of the module */
export function checkModuleAssigned(c: Surroundings, functions: readonly CheckedFunction[]): void {
	const { module, analysis } = c;
	const open = new Set(module.declared.flatMap((each) => (each.kind === "variable" ? unvalued(each) : [])));
	if (open.size === 0) return;
	const summaries = new Map<FunctionBinding, Summary>();
	for (const { binding } of functions) summaries.set(binding, { needs: new Map(), left: undefined });
	const outside = calledFromOutside(c);
	while (functions.filter((fn) => summarise(fn)).length > 0);

	const { begin, exported } = module;
	const atFirst = begin === undefined ? open : summaries.get(begin.fn)!.left;
	const refused = new Set<Variable>();
	for (const { binding } of functions) {
		const { name } = binding;
		const isStart = binding === begin?.fn || name === "main" || name === "init";
		if (!isStart && !outside.has(binding)) continue;
		for (const [variable, line] of summaries.get(binding)!.needs) {
			if ((!isStart && atFirst?.has(variable) !== true) || refused.has(variable)) continue;
			refused.add(variable);
			const why = isStart ? "" : `, as '${binding.node.id.name}' may be called first,`;
			attempt(analysis.errors, () =>
				refuse(c, variable.node as AnyNode, unassigned(variable, `on line ${line}${why}`)),
			);
		}
	}
	for (const variable of atFirst ?? [])
		if (exported.has(variable.name) && !refused.has(variable as Variable))
			attempt(analysis.errors, () => refuse(c, variable.node as AnyNode, unassigned(variable, "by other modules")));

	/** @returns whether anything was learnt */
	function summarise({ binding, body }: CheckedFunction): boolean {
		const summary = summaries.get(binding)!;
		const before = [summary.needs.size, summary.left?.size];
		const need = (variable: Variable, line: number) => {
			if (!summary.needs.has(variable)) summary.needs.set(variable, line);
		};
		// What runs at module level does so once: that it ran already is no way through it.
		const statements = binding === module.begin?.fn ? body.slice(1) : body;
		summary.left = follow(statements, open, {
			read: (variable, line) => need(variable as Variable, line),
			call: ({ callee }, now) => {
				const called = callee.kind === "function" ? summaries.get(callee) : undefined;
				const may = called === undefined ? [...outside].map((fn) => summaries.get(fn)!) : [called];
				for (const { needs } of may) for (const [variable, line] of needs) if (now?.has(variable)) need(variable, line);
				if (called === undefined || now === undefined) return now;
				return called.left && new Set([...now].filter((variable) => called.left!.has(variable)));
			},
		});
		return summary.needs.size !== before[0] || summary.left?.size !== before[1];
	}
}

/** What stands for a variable without a value: itself or, if it holds typed arrays, the address. */
function unvalued(variable: Variable): Variable[] {
	if (variable.initial !== undefined) return [];
	return [variable.view === undefined ? variable : variable.view.address];
}

/** The functions of the module that others may call: those that are exported, and those that are used as values. */
function calledFromOutside({ module, analysis }: Surroundings): Set<FunctionBinding> {
	const callees = new Set(analysis.calls.map(({ node }: { node: CallExpression }) => node.callee));
	const found = new Set<FunctionBinding>();
	for (const binding of module.declared)
		if (binding.kind === "function" && binding !== module.begin?.fn && module.exported.has(binding.name))
			found.add(binding);
	for (const [node, binding] of analysis.uses)
		if (binding.kind === "function" && binding.module === module && !callees.has(node as CallExpression["callee"]))
			found.add(binding);
	return found;
}
