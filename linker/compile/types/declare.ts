// Modules and what they declare. Loads a module and all it imports, directly or not, and gives every module-level
// name its binding; nothing inside functions is looked at.
//
// Requires: nothing. After: `names` of every module is complete, imports included.

import type {
	AnyNode,
	BlockStatement,
	Expression,
	FunctionDeclaration,
	Identifier,
	ImportDeclaration,
	Node,
	ObjectExpression,
	Program,
	SpreadElement,
	VariableDeclaration,
	VariableDeclarator,
} from "acorn";
import { suggestion } from "../../errors.ts";
import { isElementType } from "../../format/signatures.ts";
import { attempt, throwErrors } from "../attempt.ts";
import { fail, type Origin, type PositionMap } from "../origin.ts";
import { childrenOf, isFreeze, parse } from "../parse.ts";
import type { ConstFunction } from "../plain.ts";
import { rejectedNames } from "../rejected.ts";
import {
	type Analysis,
	type BuiltinName,
	builtinNames,
	type Declared,
	type FunctionBinding,
	isDeclared,
	type Local,
	type Module,
	type Table,
	type Type,
} from "./bindings.ts";
import { coercion } from "./constant.ts";
import { keyForm, staticKeyForm } from "./key-forms.ts";

/** What an import leads to. */
export interface Resolved {
	readonly file: string;
	readonly source: string;
	readonly map?: PositionMap;
}
/** Finds the module that an import names, seen from the file that has the import; undefined when there is none. */
export type Resolve = (specifier: string, fromFile: string) => Resolved | undefined;

export function loadModule(analysis: Analysis, origin: Origin, resolve: Resolve): Module {
	const module: Module = {
		origin,
		program: parse(origin),
		names: new Map(),
		declared: [],
		exported: new Set(),
		imported: new Set(),
		imports: [],
	};
	analysis.modules.set(origin.file, module);
	const imports = module.program.body.filter((node) => node.type === "ImportDeclaration");
	for (const node of imports) if (isRuntime(node)) importBuiltins(module, node);
	const { errors } = analysis;
	for (const node of module.program.body) attempt(errors, () => declare(module, node));
	for (const node of imports) if (!isRuntime(node)) attempt(errors, () => importNames(analysis, module, node, resolve));
	throwErrors(errors);
	return module;
}

/** Says whether an import is of the runtime, by either of its names: that of the package, and the short one that the
 * package is installed under (`npm install patchbay@npm:@static-call/patchbay`). */
export function isRuntime({ source }: ImportDeclaration): boolean {
	return source.value === "patchbay/source" || source.value === "@static-call/patchbay/source";
}

function importBuiltins(module: Module, node: ImportDeclaration): void {
	for (const specifier of node.specifiers) {
		const { name, local } = importedName(specifier);
		if (!isBuiltinName(name))
			fail(module.origin, specifier, `"patchbay/source" has no '${name}'${suggestion(name, builtinNames)}`);
		module.names.set(local, { kind: "builtin", name });
	}
}

function isBuiltinName(name: string): name is BuiltinName {
	return (builtinNames as readonly string[]).includes(name);
}

/** Default and namespace imports are refused by parse.ts. */
function importedName(specifier: ImportDeclaration["specifiers"][number]): { name: string; local: string } {
	const imported = specifier.type === "ImportSpecifier" ? specifier.imported : specifier.local;
	return { name: imported.type === "Identifier" ? imported.name : String(imported.value), local: specifier.local.name };
}

function importNames(analysis: Analysis, module: Module, node: ImportDeclaration, resolve: Resolve): void {
	const from = importedModule(analysis, module, node, resolve);
	module.imports.push(from);
	for (const specifier of node.specifiers) {
		const { name, local } = importedName(specifier);
		const binding = from.exported.has(name) ? from.names.get(name) : undefined;
		if (binding === undefined || !isDeclared(binding)) {
			const near = suggestion(name, from.exported);
			fail(module.origin, specifier, `${JSON.stringify(node.source.value)} does not export '${name}'${near}`);
		}
		module.names.set(local, binding);
		module.imported.add(binding);
	}
}

function importedModule(analysis: Analysis, module: Module, node: ImportDeclaration, resolve: Resolve): Module {
	const specifier = String(node.source.value);
	if (!/^\.{0,2}\//.test(specifier))
		fail(module.origin, node.source, `a program imports from "patchbay/source" and from its own files ("./name.js")`);
	const found = resolve(specifier, module.origin.file);
	if (found === undefined) fail(module.origin, node.source, `cannot find ${JSON.stringify(specifier)}`);
	const known = analysis.modules.get(found.file);
	return known ?? loadModule(analysis, { file: found.file, text: found.source, map: found.map }, resolve);
}

function declare(module: Module, node: Program["body"][number]): void {
	switch (node.type) {
		case "ImportDeclaration":
		case "EmptyStatement":
			return;
		case "FunctionDeclaration":
			add(module, node.id, functionBinding(module, node));
			return;
		case "VariableDeclaration":
			for (const declarator of node.declarations) declareVariable(module, node, declarator);
			return;
		case "ExportNamedDeclaration":
			if (node.declaration != null) exportDeclaration(module, node.declaration);
			for (const specifier of node.specifiers) exportName(module, specifier.local);
			return;
		case "ExpressionStatement":
			if (node.directive === undefined || node.directive === "use strict") return;
			fail(module.origin, node, `'${node.directive}' is the first statement of a function`);
			break;
		default:
			if (!node.type.endsWith("Statement")) throw new Error(`parse.ts let '${node.type}' pass`);
	}
}

function exportDeclaration(module: Module, node: NonNullable<Program["body"][number] & Node>): void {
	const before = module.declared.length;
	declare(module, node);
	for (const { name } of module.declared.slice(before)) module.exported.add(name);
}

function exportName(module: Module, local: Node): void {
	const { name } = local as Identifier;
	const imported = module.program.body.some(
		(node) => node.type === "ImportDeclaration" && node.specifiers.some((specifier) => specifier.local.name === name),
	);
	if (imported) fail(module.origin, local, `'${name}' is exported where it is declared: import it from there`);
	module.exported.add(name);
}

function add(module: Module, id: Identifier, binding: Declared): void {
	checkName(module.origin, id);
	module.names.set(id.name, binding);
	module.declared.push(binding);
}

/** Names that mean something to the language or to the linker cannot be declared. */
export function checkName(origin: Origin, id: Identifier): void {
	if (id.name.startsWith("__") || id.name === "_start")
		fail(origin, id, `names like '${id.name}' belong to the linker: choose another`);
	if (Object.hasOwn(rejectedNames, id.name) || isElementType(id.name))
		fail(origin, id, `'${id.name}' means something in JavaScript: choose another name`);
}

function declareVariable(module: Module, node: VariableDeclaration, declarator: VariableDeclarator): void {
	const id = declarator.id as Identifier;
	const initial = declarator.init ?? undefined;
	if (initial === undefined) {
		const open = { name: id.name, module, node: id, initial, writable: true, sources: [] };
		add(module, id, { kind: "variable", ...open, type: "either" });
		return;
	}
	const isAssigned = node.kind !== "const" && assignedNames(module).has(id.name);
	const table = tableForm(module, isAssigned ? firstTable(id) : id, initial);
	const key = keyForm(module, id, initial) ?? staticKeyForm(module, id, initial);
	if (key !== undefined && node.kind !== "const")
		fail(module.origin, node, `'${id.name}' never changes what it is: write const ${id.name} = ...`);
	if (table !== undefined && isAssigned) add(module, table.node as Identifier, table);
	const base = { name: id.name, module, node: id, initial: table === undefined ? initial : (table.node as Identifier) };
	const object = frozenObject(initial);
	if (object !== undefined && node.kind !== "const")
		fail(module.origin, node, `'${id.name}' never changes what it is: write const ${id.name} = ...`);
	if (object !== undefined)
		add(module, id, { kind: "constants", name: id.name, module, node: id, members: membersOf(module, object) });
	else if (table !== undefined && !isAssigned) add(module, id, table);
	else if (key !== undefined) add(module, id, key);
	else if (node.kind === "const") add(module, id, { kind: "constant", ...base });
	else add(module, id, { kind: "variable", ...base, writable: true, type: "either", sources: [base.initial] });
}

/** The name of the table that a variable of tables begins with, which no program can write. */
const firstTable = (id: Identifier): Identifier => ({ ...id, name: `${id.name}#` });

/** All names that something is assigned to, anywhere in the module. */
function assignedNames({ program }: Module): Set<string> {
	const names = new Set<string>();
	const note = (target: AnyNode | null) => {
		if (target?.type === "Identifier") names.add(target.name);
		if (target?.type === "ArrayPattern") target.elements.forEach(note);
	};
	const visit = (node: AnyNode): void => {
		if (node.type === "AssignmentExpression") note(node.left);
		for (const child of childrenOf(node)) visit(child);
	};
	visit(program);
	return names;
}

/** The object of `Object.freeze({ ... })`, or of `{ ... }`. */
function frozenObject(node: Expression): ObjectExpression | undefined {
	if (node.type === "ObjectExpression") return node;
	const [only] = node.type === "CallExpression" && isFreeze(node) ? node.arguments : [];
	return only?.type === "ObjectExpression" ? only : undefined;
}

function membersOf({ origin }: Module, { properties }: ObjectExpression): Map<string, Expression> {
	const members = new Map<string, Expression>();
	for (const property of properties) {
		if (property.type === "SpreadElement" || property.computed || property.kind !== "init" || property.method)
			fail(origin, property, "an object of constants has names with numbers: { A: 0, B: 1 }");
		const { key } = property;
		const name = key.type === "Identifier" ? key.name : key.type === "Literal" ? String(key.value) : "";
		if (members.has(name)) fail(origin, property, `'${name}' is there twice`);
		if (name === "__proto__") fail(origin, property, `'${name}' is no constant in JavaScript: choose another name`);
		members.set(name, property.value);
	}
	return members;
}

function tableForm(module: Module, id: Identifier, initial: Expression): Table | undefined {
	const form = elementsOf(module.origin, initial);
	if (form === undefined) return undefined;
	if (!isElementType(form.element)) throw new Error(`parse.ts let '${form.element}' pass`);
	return { kind: "table", name: id.name, module, node: id, ...form, element: form.element, stored: false };
}

function elementsOf(
	origin: Origin,
	node: Expression,
): { element: string; length: Expression | undefined; values: Expression[] } | undefined {
	if (node.type === "NewExpression" && node.callee.type === "Identifier") {
		const element = node.callee.name;
		const [only] = node.arguments;
		if (only === undefined || node.arguments.length > 1 || only.type === "SpreadElement")
			fail(origin, node, `write new ${element}(length) or new ${element}([values])`);
		if (only.type !== "ArrayExpression") return { element, length: only, values: [] };
		return { element, length: undefined, values: expressions(only.elements) };
	}
	if (node.type !== "CallExpression" || node.callee.type !== "MemberExpression") return undefined;
	const { object, property } = node.callee;
	if (object.type !== "Identifier" || !isElementType(object.name)) return undefined;
	const [only] = node.arguments;
	if (
		property.type === "Identifier" &&
		property.name === "from" &&
		only?.type === "ArrayExpression" &&
		!node.arguments[1]
	)
		return { element: object.name, length: undefined, values: expressions(only.elements) };
	if (property.type === "Identifier" && property.name === "from" && only?.type === "Identifier" && !node.arguments[1])
		return { element: object.name, length: only, values: [] };
	if (property.type !== "Identifier" || property.name !== "of" || node.callee.computed)
		fail(origin, node, `write new ${object.name}([values]) or ${object.name}.of(values)`);
	return { element: object.name, length: undefined, values: expressions(node.arguments) };
}

/** Spread elements and holes are refused by parse.ts. */
export function expressions(nodes: readonly (Expression | SpreadElement | null)[]): Expression[] {
	return nodes as Expression[];
}

/** @param name what the linker calls it */
export function functionBinding(module: Module, node: FunctionDeclaration, name = node.id.name): FunctionBinding {
	const ids = node.params.map((each) => (each.type === "AssignmentPattern" ? each.left : each) as Identifier);
	const defaults = node.params.map((each) => (each.type === "AssignmentPattern" ? each.right : undefined));
	const coerced = leadingCoercions(node.body, new Set(ids.map(({ name }) => name)));
	const parameters = ids.map((id): Local => {
		checkName(module.origin, id);
		const type = coerced.get(id.name) ?? "int";
		return { kind: "local", name: id.name, node: id, writable: true, type, sources: [] };
	});
	const isHoisted = (node as ConstFunction).isConst !== true;
	const known = { name, module, node, parameters, defaults, isHoisted };
	return { kind: "function", ...known, shorter: new Map(), returns: [], result: "none" };
}

/** The types of the parameters that the body begins by coercing, as in asm.js. */
function leadingCoercions(body: BlockStatement, parameters: ReadonlySet<string>): Map<string, Type> {
	const types = new Map<string, Type>();
	for (const statement of body.body) {
		if (statement.type === "ExpressionStatement" && statement.directive !== undefined) continue;
		const coerced = coercionOf(statement);
		if (coerced === undefined || !parameters.has(coerced.name) || types.has(coerced.name)) break;
		types.set(coerced.name, coerced.type);
	}
	return types;
}

/** `x = x | 0;` or `x = x >>> 0;` */
function coercionOf(node: Node): { name: string; type: "int" | "uint" } | undefined {
	const statement = node as BlockStatement["body"][number];
	if (statement.type !== "ExpressionStatement" || statement.expression.type !== "AssignmentExpression")
		return undefined;
	const { operator, left, right } = statement.expression;
	if (operator !== "=" || left.type !== "Identifier" || right.type !== "BinaryExpression") return undefined;
	if (right.left.type !== "Identifier" || right.left.name !== left.name) return undefined;
	const type = coercion(right);
	return type && { name: left.name, type };
}
