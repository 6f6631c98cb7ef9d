// Which parameters and variables of functions hold typed arrays, and of which type. A variable's follows from what is
// assigned to it, a parameter's from the calls in its own module, of the function itself or of a static call that may go to
// it, or else from where it is passed on. One that is used as a typed array and that nothing says more of is an Int32Array.
//
// Requires: bind.ts for all modules. After: every parameter and variable that holds typed arrays has a `view`.

import type { CallExpression, Node } from "acorn";
import type { ElementType } from "../parse.ts";
import { calledKey } from "./bind.ts";
import type { Analysis, FunctionBinding, Key, Local } from "./bindings.ts";
import { memberName } from "./key-forms.ts";

/** An expression whose value gets into a parameter or variable. */
interface Flow {
	readonly from: Node;
	readonly to: Local;
	/** False for a parameter of another module, which decides by itself. */
	readonly tells: boolean;
}

/** The type of a typed array that an expression gives; undefined if it gives none. */
export function tableTypeOf(analysis: Analysis, node: Node): ElementType | undefined {
	const part = partOf(node);
	if (part !== undefined) return tableTypeOf(analysis, part);
	const binding = analysis.uses.get(node);
	if (binding?.kind === "table") return binding.element;
	return binding?.kind === "local" ? binding.view?.element : undefined;
}

/** The `t` of `t.subarray(...)`. */
export function partOf(node: Node): Node | undefined {
	const { type, callee } = node as CallExpression;
	return type === "CallExpression" && callee.type === "MemberExpression" && memberName(callee) === "subarray"
		? callee.object
		: undefined;
}

/** What is asked again and again until nothing more is learnt. */
interface Search {
	readonly analysis: Analysis;
	readonly flows: readonly Flow[];
	readonly groups: Groups;
	readonly parameters: ReadonlySet<Local>;
	/** The parameters that are used as numbers, and not as typed arrays. */
	readonly numbers: ReadonlySet<Local>;
}

export function inferTables(analysis: Analysis): void {
	const groups = groupsOf(analysis);
	const flows = flowsOf(analysis, groups);
	const parameters = new Set(functionsOf(analysis).flatMap((fn) => fn.parameters));
	const used = usedAsTables(analysis, flows);
	const numbers = new Set([...usedAsNumbers(analysis, flows, used)].filter((local) => parameters.has(local)));
	const search = { analysis, flows, groups, parameters, numbers };
	const others = [...used].filter((local) => parameters.has(local));
	while (
		forward(search) ||
		backward(search) ||
		others.filter((local) => setView(search, local, "Int32Array")).length > 0
	);
}

const functionsOf = ({ modules }: Analysis): FunctionBinding[] =>
	[...modules.values()].flatMap(({ declared }) => declared.flatMap((each) => (each.kind === "function" ? [each] : [])));

/** Parameters that take the same arguments, because a static call may go to any of their functions. */
type Groups = ReadonlyMap<Key, readonly FunctionBinding[]>;

function groupsOf(analysis: Analysis): Groups {
	const keys = [...analysis.modules.values()].flatMap(({ declared }) =>
		declared.flatMap((each) => (each.kind === "key" ? [each] : [])),
	);
	return new Map(
		keys.map((key) => {
			const names = [...(key.model === undefined ? [] : [key.model]), ...key.updates, ...key.also];
			const found = names.map((name) => analysis.uses.get(name));
			return [key, found.flatMap((each) => (each?.kind === "function" ? [each] : []))];
		}),
	);
}

function flowsOf(analysis: Analysis, groups: Groups): Flow[] {
	const flows: Flow[] = [];
	for (const binding of new Set(analysis.uses.values()))
		if (binding.kind === "local") for (const from of binding.sources) flows.push({ from, to: binding, tells: true });
	for (const { node, module } of analysis.calls) {
		const key = calledKey(analysis, node);
		const callee = analysis.uses.get(node.callee);
		const functions = key === undefined ? (callee?.kind === "function" ? [callee] : []) : (groups.get(key) ?? []);
		for (const fn of functions)
			for (const [i, from] of node.arguments.entries()) {
				const to = fn.parameters[i];
				if (to !== undefined) flows.push({ from, to, tells: fn.module === module });
			}
	}
	return flows;
}

/** @returns whether anything was learnt */
function setView({ numbers }: Search, local: Local, element: ElementType | undefined): boolean {
	if (element === undefined || local.view !== undefined || numbers.has(local)) return false;
	local.view = { element, address: wordOf(local), length: wordOf(local) };
	return true;
}

const wordOf = ({ name, node, writable, hasValue }: Local): Local => ({
	kind: "local",
	name,
	node,
	writable,
	hasValue: hasValue !== false,
	isWordOfTable: true,
	type: "either",
	sources: [],
});

/** From expressions to what they get into, and between the parameters of functions that one static call may go to. */
function forward(search: Search): boolean {
	let learnt = false;
	for (const { from, to, tells } of search.flows)
		if (tells && setView(search, to, tableTypeOf(search.analysis, from))) learnt = true;
	for (const [{ module }, functions] of search.groups)
		for (const { parameters } of functions)
			for (const [i, { view }] of parameters.entries())
				for (const other of functions) {
					const same = other.module === module ? other.parameters[i] : undefined;
					if (same !== undefined && setView(search, same, view?.element)) learnt = true;
				}
	return learnt;
}

/** From what a parameter is passed on to. */
function backward(search: Search): boolean {
	let learnt = false;
	for (const { from, to } of search.flows) {
		const local = localOf(search.analysis, from);
		if (local !== undefined && search.parameters.has(local) && setView(search, local, to.view?.element)) learnt = true;
	}
	return learnt;
}

/** The variable that an expression is, or a part of. */
function localOf(analysis: Analysis, node: Node): Local | undefined {
	const part = partOf(node);
	if (part !== undefined) return localOf(analysis, part);
	const binding = analysis.uses.get(node);
	return binding?.kind === "local" ? binding : undefined;
}

function usedAsTables(analysis: Analysis, flows: readonly Flow[]): Set<Local> {
	const used = new Set([...analysis.indexed].flatMap((node) => localOf(analysis, node) ?? []));
	return withSources(analysis, flows, used, () => true);
}

function usedAsNumbers(analysis: Analysis, flows: readonly Flow[], used: ReadonlySet<Local>): Set<Local> {
	const given = new Set(flows.map(({ from }) => from));
	const { indexed, targets } = analysis;
	const numbers = new Set<Local>();
	for (const [node, binding] of analysis.uses) {
		if (binding.kind !== "local" || node === binding.node || used.has(binding)) continue;
		if (!given.has(node) && !indexed.has(node) && !targets.has(node)) numbers.add(binding);
	}
	return withSources(analysis, flows, numbers, (local) => !used.has(local));
}

/** Adds the variables whose value gets into one that is in the set. */
function withSources(
	analysis: Analysis,
	flows: readonly Flow[],
	locals: Set<Local>,
	fits: (local: Local) => boolean,
): Set<Local> {
	for (const local of locals)
		for (const { from, to } of flows) {
			const source = to === local ? localOf(analysis, from) : undefined;
			if (source !== undefined && fits(source)) locals.add(source);
		}
	return locals;
}
