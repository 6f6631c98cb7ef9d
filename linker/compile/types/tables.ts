// Which parameters, variables and results are typed arrays, and of which type. A variable's type follows from what is assigned
// to it, a result's from what is returned, a parameter's from the calls in its own module, of the function itself or of a
// static call that may go to it, or else from where it is passed on. A parameter that is used as a typed array and that
// nothing says more of is an Int32Array.
//
// Requires: bind.ts for all modules. After: every parameter and variable that holds typed arrays has a `view`, and every
// function that returns them says so.

import type { CallExpression, ConditionalExpression, Node, SequenceExpression } from "acorn";
import { type ElementType, isElementType } from "../../format/signatures.ts";
import { calledKey } from "./bind.ts";
import type { Analysis, Binding, FunctionBinding, Key, Local, Variable } from "./bindings.ts";
import { memberName } from "./key-forms.ts";
import { functionCalled } from "./results.ts";

/** What holds typed arrays, or gives them when it is called. */
type Holder = Local | Variable | FunctionBinding;

/** An expression whose value gets into a parameter, a variable or a result. */
interface Flow {
	readonly from: Node;
	readonly to: Holder;
	/** False for a parameter of another module, which decides by itself. */
	readonly tells: boolean;
}

/** The type of a typed array that an expression gives; undefined if it gives none. */
export function tableTypeOf(analysis: Analysis, node: Node): ElementType | undefined {
	for (const giver of giversOf(node)) {
		const binding = analysis.uses.get(giver);
		const holder = holderOf(analysis, giver);
		const found = binding?.kind === "table" ? binding.element : holder && heldType(holder);
		if (found !== undefined) return found;
	}
	return undefined;
}

function heldType(holder: Holder): ElementType | undefined {
	if (holder.kind !== "function") return holder.view?.element;
	return isElementType(holder.result) ? holder.result : undefined;
}

/** The names and calls of which an expression gives the typed array, or a part of it. */
function giversOf(node: Node): Node[] {
	const part = partOf(node);
	if (part !== undefined) return giversOf(part);
	if (node.type === "SequenceExpression") return giversOf((node as SequenceExpression).expressions.at(-1)!);
	if (node.type !== "ConditionalExpression") return [node];
	const { consequent, alternate } = node as ConditionalExpression;
	return [...giversOf(consequent), ...giversOf(alternate)];
}

/** What a name or a call has its typed array from. */
function holderOf(analysis: Analysis, giver: Node): Holder | undefined {
	if (giver.type === "CallExpression") return functionCalled(analysis, giver as CallExpression);
	const binding = analysis.uses.get(giver);
	return binding?.kind === "local" || binding?.kind === "variable" ? binding : undefined;
}

const holdersOf = (analysis: Analysis, node: Node): Holder[] =>
	giversOf(node).flatMap((giver) => holderOf(analysis, giver) ?? []);

/** The `t` of `t.subarray(...)`. */
export function partOf(node: Node): Node | undefined {
	const { type, callee } = node as CallExpression;
	return type === "CallExpression" && callee.type === "MemberExpression" && memberName(callee) === "subarray"
		? callee.object
		: undefined;
}

/** The parameter or variable, if it holds typed arrays. */
export function viewedOf(binding: Binding | undefined): Local | Variable | undefined {
	const isViewed = (binding?.kind === "local" || binding?.kind === "variable") && binding.view !== undefined;
	return isViewed ? binding : undefined;
}

/** What is asked again and again until nothing more is learnt. */
interface Search {
	readonly analysis: Analysis;
	readonly flows: readonly Flow[];
	readonly groups: Groups;
	readonly parameters: ReadonlySet<Holder>;
	/** The parameters that are used as numbers, and not as typed arrays. */
	readonly numbers: ReadonlySet<Holder>;
}

export function inferTables(analysis: Analysis): void {
	const groups = groupsOf(analysis);
	const flows = flowsOf(analysis, groups);
	const parameters = new Set<Holder>(functionsOf(analysis).flatMap((fn) => fn.parameters));
	const used = usedAsTables(analysis, flows, parameters);
	const numbers = new Set([...usedAsNumbers(analysis, flows, used)].filter((each) => parameters.has(each)));
	const search = { analysis, flows, groups, parameters, numbers };
	const others = [...used].filter((each) => parameters.has(each));
	while (
		forward(search) ||
		backward(search) ||
		others.filter((each) => setType(search, each, "Int32Array")).length > 0
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
		if (binding.kind === "local" || binding.kind === "variable")
			for (const from of binding.sources) flows.push({ from, to: binding, tells: true });
	for (const fn of functionsOf(analysis)) {
		for (const { argument: from } of fn.returns) if (from != null) flows.push({ from, to: fn, tells: true });
		for (const [i, from] of fn.defaults.entries())
			if (from !== undefined) flows.push({ from, to: fn.parameters[i]!, tells: true });
	}
	for (const { node, module } of analysis.calls) {
		const key = calledKey(analysis, node);
		const callee = analysis.uses.get(node.callee);
		const called = callee?.kind === "function" ? [callee.shorter.get(node.arguments.length) ?? callee] : [];
		const functions = key === undefined ? called : (groups.get(key) ?? []);
		for (const fn of functions)
			for (const [i, from] of node.arguments.entries()) {
				const to = fn.parameters[i];
				if (to !== undefined) flows.push({ from, to, tells: fn.module === module });
			}
	}
	return flows;
}

/** @returns whether anything was learnt */
function setType({ numbers }: Search, holder: Holder, element: ElementType | undefined): boolean {
	if (element === undefined || heldType(holder) !== undefined || numbers.has(holder)) return false;
	if (holder.kind === "function") holder.result = element;
	else if (holder.kind === "local") holder.view = { element, address: wordOf(holder), length: wordOf(holder) };
	else holder.view = { element, address: wordIn(holder, ""), length: wordIn(holder, ".length") };
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

const wordIn = (variable: Variable, suffix: string): Variable => ({
	...variable,
	name: variable.name + suffix,
	isWordOfTable: true,
	initial: undefined,
	type: "either",
	sources: [],
});

/** From expressions to what they get into, and between functions that one static call may go to. */
function forward(search: Search): boolean {
	const { analysis, flows, groups } = search;
	let learnt = false;
	for (const { from, to, tells } of flows) if (tells && setType(search, to, tableTypeOf(analysis, from))) learnt = true;
	for (const [{ module }, functions] of groups)
		for (const fn of functions)
			for (const other of functions) {
				if (other.module !== module) continue;
				for (const [i, { view }] of fn.parameters.entries()) {
					const same = other.parameters[i];
					if (same !== undefined && setType(search, same, view?.element)) learnt = true;
				}
			}
	return learnt;
}

/** From what a parameter is passed on to, or returned as. */
function backward(search: Search): boolean {
	let learnt = false;
	for (const { from, to } of search.flows)
		for (const holder of holdersOf(search.analysis, from))
			if (search.parameters.has(holder) && setType(search, holder, heldType(to))) learnt = true;
	return learnt;
}

/** What elements are taken of, and where that comes from. A variable or result that is a number elsewhere is not among them. */
function usedAsTables(analysis: Analysis, flows: readonly Flow[], parameters: ReadonlySet<Holder>): Set<Holder> {
	const isName = ({ type }: Node) => type === "Identifier" || type === "CallExpression";
	const numbers = new Set(flows.flatMap(({ from, to }) => (giversOf(from).every(isName) ? [] : [to])));
	const fits = (holder: Holder) => parameters.has(holder) || !numbers.has(holder);
	const used = new Set([...analysis.indexed].flatMap((node) => holdersOf(analysis, node)).filter(fits));
	return withSources(analysis, flows, used, fits);
}

function usedAsNumbers(analysis: Analysis, flows: readonly Flow[], used: ReadonlySet<Holder>): Set<Holder> {
	const given = new Set(flows.flatMap(({ from }) => giversOf(from)));
	const { indexed, targets } = analysis;
	const ofTables = new Set([...indexed].flatMap(giversOf));
	const numbers = new Set<Holder>();
	for (const [node, binding] of analysis.uses) {
		if (binding.kind !== "local" || node === binding.node || used.has(binding)) continue;
		if (!given.has(node) && !ofTables.has(node) && !targets.has(node)) numbers.add(binding);
	}
	return withSources(analysis, flows, numbers, (holder) => !used.has(holder));
}

/** Adds what the values come from that get into something in the set. */
function withSources(
	analysis: Analysis,
	flows: readonly Flow[],
	holders: Set<Holder>,
	fits: (holder: Holder) => boolean,
): Set<Holder> {
	for (const holder of holders)
		for (const { from, to } of flows)
			if (to === holder) for (const source of holdersOf(analysis, from)) if (fits(source)) holders.add(source);
	return holders;
}
