// Code at module level: statements, and values that are not known before the program runs. Each module that has some, or
// imports one that has, gets a function that runs it once, after those of its imports, as JavaScript evaluates modules;
// `main` and a loaded module's `init` begin with a call of it.
//
// Requires: the initialisers of all modules are bound. After: constants that are computed are variables nobody assigns to,
// and the functions are declared.

import type { Expression, FunctionDeclaration, Identifier, Node, Statement, VariableDeclaration } from "acorn";
import { BEGIN_PREFIX } from "../../format/static-calls.ts";
import { copied } from "../plain.ts";
import type {
	Analysis,
	Begin,
	Binding,
	Constant,
	Declared,
	FunctionBinding,
	Module,
	Table,
	Variable,
} from "./bindings.ts";
import { constantOf } from "./constant.ts";
import { functionBinding } from "./declare.ts";

/** A statement that gives a variable of the module its first value. */
export type Initialisation = Statement & { readonly isInitial?: true };

export function declareBegins(analysis: Analysis): void {
	for (const module of analysis.modules.values()) computeConstants(analysis, module);
	const code = new Map(Array.from(analysis.modules.values(), (module) => [module, codeOf(analysis, module)] as const));
	for (const module of code.keys())
		if ([...reached(module)].some((each) => code.get(each)!.length > 0)) declareBegin(module, code.get(module)!);
}

/** A module and all that it imports, directly or not. */
export function reached(module: Module, found = new Set<Module>()): Set<Module> {
	if (found.has(module)) return found;
	found.add(module);
	for (const each of module.imports) reached(each, found);
	return found;
}

/** Makes variables of the constants that are not known. */
function computeConstants(analysis: Analysis, module: Module): void {
	const variables = new Map<Binding, Variable>();
	for (const [i, binding] of module.declared.entries()) {
		if (!isComputed(analysis, binding)) continue;
		const { name, node, initial } = binding;
		const variable: Variable = {
			kind: "variable",
			name,
			module,
			node,
			initial,
			writable: false,
			type: "either",
			sources: [initial],
		};
		variables.set(binding, variable);
		module.declared[i] = variable;
	}
	if (variables.size === 0) return;
	for (const { names, imported } of analysis.modules.values()) {
		for (const [name, binding] of names) names.set(name, variables.get(binding) ?? binding);
		for (const binding of [...imported]) {
			const variable = variables.get(binding);
			if (variable !== undefined && imported.delete(binding)) imported.add(variable);
		}
	}
	for (const [node, binding] of analysis.uses) analysis.uses.set(node, variables.get(binding) ?? binding);
}

const isComputed = (analysis: Analysis, binding: Declared): binding is Constant =>
	binding.kind === "constant" && constantOf(analysis, binding.initial) === undefined;

/** What runs at module level, in its order. */
function codeOf(analysis: Analysis, module: Module): Statement[] {
	return module.program.body.flatMap((node): Statement[] => {
		const declaration = node.type === "ExportNamedDeclaration" ? node.declaration : node;
		if (declaration?.type === "VariableDeclaration") return initialisations(analysis, module, declaration);
		if (!node.type.endsWith("Statement") || node.type === "EmptyStatement") return [];
		return node.type === "ExpressionStatement" && node.directive !== undefined ? [] : [node as Statement];
	});
}

function initialisations(analysis: Analysis, module: Module, { declarations }: VariableDeclaration): Statement[] {
	return declarations.flatMap(({ id, start, end, loc }) => {
		const binding = module.names.get((id as Identifier).name);
		const place = { start: end, end, loc } as Node;
		if (binding?.kind === "table") return copying(analysis, binding, place);
		const right = binding?.kind === "variable" ? binding.initial : undefined;
		if (right === undefined || constantOf(analysis, right) !== undefined) return [];
		const expression = { type: "AssignmentExpression", operator: "=", left: id, right, start, end, loc };
		const first = analysis.uses.get(right);
		return [
			...(first?.kind === "table" && first.node === right ? copying(analysis, first, place) : []),
			{ type: "ExpressionStatement", expression, start, end, loc, isInitial: true } as unknown as Initialisation,
		];
	});
}

/** What fills a table that is made of another, `new Int32Array(other)` or `Int32Array.from(other)`. */
function copying(analysis: Analysis, { length, node }: Table, place: Node): Statement[] {
	if (length === undefined || analysis.uses.get(length)?.kind !== "table") return [];
	return copied(place, node as Identifier, [length]) as Statement[];
}

function declareBegin(module: Module, body: readonly Statement[]): void {
	const { program, origin, declared, exported } = module;
	const { start, end, loc } = program;
	const make = (type: string, fields: object): Node => ({ type, start, end, loc, ...fields }) as Node;
	const id = make("Identifier", { name: `${BEGIN_PREFIX}${origin.file}` });
	const node = make("FunctionDeclaration", { id, params: [], body: make("BlockStatement", { body }) });
	const fn: FunctionBinding = functionBinding(module, node as FunctionDeclaration);
	const initial = make("Literal", { value: false, raw: "false" }) as Expression;
	const begun: Variable = {
		kind: "variable",
		name: `${BEGIN_PREFIX}done`,
		module,
		node: id,
		initial,
		writable: true,
		type: "bool",
		sources: [initial],
	};
	declared.push(begun, fn);
	exported.add(fn.name);
	const begin: Begin = { fn, begun };
	module.begin = begin;
}
