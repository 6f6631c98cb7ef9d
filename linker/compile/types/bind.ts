// Names to bindings: walks module-level initialisers and function bodies with JavaScript's scopes, notes what every
// identifier stands for, and gathers what is assigned to each variable and returned from each function.
//
// Requires: declare.ts for all modules. After: `uses` is complete; every use comes after its declaration; only what
// is writable is assigned to.

import type {
	AnyNode,
	ArrayExpression,
	ArrayPattern,
	AssignmentExpression,
	CallExpression,
	Expression,
	ExpressionStatement,
	FunctionDeclaration,
	Identifier,
	MemberExpression,
	Node,
	Statement,
	UpdateExpression,
	VariableDeclaration,
} from "acorn";
import { suggestion } from "../../errors.ts";
import { isElementType } from "../../format/signatures.ts";
import { attempt, throwErrors } from "../attempt.ts";
import { fail } from "../origin.ts";
import { childrenOf } from "../parse.ts";
import type { PlainName } from "../plain.ts";
import { rejectedNames } from "../rejected.ts";
import { declareBegins, type Initialisation } from "./begin.ts";
import {
	type Analysis,
	type Binding,
	builtinNames,
	type Constant,
	type Declared,
	type FunctionBinding,
	type Key,
	type Local,
	type Module,
	type Table,
} from "./bindings.ts";
import { constantOf, isNumberCall } from "./constant.ts";
import { checkName, expressions, functionBinding } from "./declare.ts";
import { declareShorter } from "./defaults.ts";
import { memberName } from "./key-forms.ts";
import { checkOrder } from "./order.ts";

interface Scope {
	readonly outer: Scope | undefined;
	/** Undefined while the declaration is still ahead: JavaScript throws on such a use. */
	readonly names: Map<string, Local | Constant | FunctionBinding | Table | undefined>;
	/** The function whose names these are. */
	readonly fn?: FunctionBinding;
	/** Names that a `var` declares here. */
	readonly vars?: Set<string>;
}

interface Walk {
	readonly analysis: Analysis;
	readonly module: Module;
	/** Undefined at module level. */
	readonly fn: FunctionBinding | undefined;
	/** Names that a `var` of the function declares. */
	readonly hoisted?: ReadonlySet<string>;
	scope: Scope;
}

/** All initialisers first: constants in functions may depend on those of any module. */
export function bindModules(analysis: Analysis): void {
	const modules = [...analysis.modules.values()];
	for (const module of modules) bindInitialisers(analysis, module);
	declareBegins(analysis);
	for (const { declared } of modules)
		for (const binding of [...declared])
			if (binding.kind === "function") attempt(analysis.errors, () => bindFunction(analysis, binding));
	throwErrors(analysis.errors);
	checkOrder(analysis);
}

function bindInitialisers(analysis: Analysis, module: Module): void {
	const scope: Scope = { outer: undefined, names: new Map() };
	const walk: Walk = { analysis, module, fn: undefined, scope };
	for (const binding of module.declared) attempt(analysis.errors, () => bindInitialiser(walk, binding));
}

function bindInitialiser(walk: Walk, binding: Declared): void {
	if (binding.kind === "constants") for (const node of binding.members.values()) bindExpression(walk, node);
	else if (binding.kind === "table") for (const node of tableParts(binding)) bindExpression(walk, node);
	else if (binding.kind === "key") bindModel(walk, binding);
	else if (binding.kind !== "function" && binding.initial !== undefined) bindExpression(walk, binding.initial);
}

const tableParts = ({ length, values }: { length: Expression | undefined; values: readonly Expression[] }) =>
	length === undefined ? values : [length];

function bindModel(walk: Walk, key: Key): void {
	for (const name of key.model === undefined ? key.also : [key.model, ...key.also]) {
		bindExpression(walk, name);
		if (walk.analysis.uses.get(name)!.kind !== "function")
			fail(walk.module.origin, name, `'${name.name}' is not a function`);
	}
}

/** @param outer the scope of the function around it, if it is inside one */
function bindFunction(analysis: Analysis, fn: FunctionBinding, outer?: Scope): void {
	const names = new Map(fn.parameters.map((local) => [local.name, local]));
	const walk: Walk = { analysis, module: fn.module, fn, scope: { outer, names, fn }, hoisted: hoistedNames(fn) };
	for (const value of fn.defaults) if (value !== undefined) bindExpression(walk, value);
	for (const shorter of declareShorter(analysis, fn)) bindFunction(analysis, shorter, outer);
	bindBlock(walk, fn.node.body.body);
}

/** Names that a `var` declares anywhere in the function itself. */
function hoistedNames(fn: FunctionBinding): Set<string> {
	const names = new Set<string>();
	const visit = (node: AnyNode): void => {
		if (node.type === "FunctionDeclaration") return;
		if (node.type === "VariableDeclaration" && node.kind === "var")
			for (const { id } of node.declarations) if (id.type === "Identifier") names.add(id.name);
		for (const child of childrenOf(node)) visit(child);
	};
	for (const statement of fn.node.body.body) visit(statement);
	return names;
}

function bindBlock(walk: Walk, statements: readonly Statement[]): void {
	const outer = walk.scope;
	walk.scope = { outer, names: new Map(), fn: walk.fn!, vars: new Set() };
	for (const statement of statements) if (statement.type === "VariableDeclaration") announce(walk, statement);
	const inner = statements.filter((statement) => statement.type === "FunctionDeclaration");
	const fns = inner.map((node) => [node, declareInner(walk, node)] as const);
	for (const [node, fn] of fns) if (fn.isHoisted) walk.scope.names.set(node.id.name, fn);
	for (const [, fn] of fns) if (fn.isHoisted) bindFunction(walk.analysis, fn, walk.scope);
	const byNode = new Map<Node, FunctionBinding>(fns);
	for (const statement of statements) {
		const fn = byNode.get(statement);
		if (fn === undefined) tryStatement(walk, statement);
		else if (!fn.isHoisted) {
			walk.scope.names.set(fn.node.id.name, fn);
			bindFunction(walk.analysis, fn, walk.scope);
		}
	}
	walk.scope = outer;
}

/** A function inside another is one of the module with a name of its own: it may use nothing of the functions around it, so
 * there is only one of it. */
function declareInner(walk: Walk, node: FunctionDeclaration): FunctionBinding {
	const { module } = walk;
	checkName(module.origin, node.id);
	const base = `${walk.fn!.name}.${node.id.name}`;
	const isTaken = (name: string) => module.declared.some((other) => other.name === name);
	let name = base;
	for (let n = 2; isTaken(name); n++) name = `${base}.${n}`;
	const fn = functionBinding(module, node, name);
	module.declared.push(fn);
	walk.scope.names.set(node.id.name, undefined);
	return fn;
}

function announce(walk: Walk, node: VariableDeclaration): void {
	for (const { id } of node.declarations) {
		const { name } = id as Identifier;
		checkName(walk.module.origin, id as Identifier);
		if (node.kind === "var") announceVar(walk, id as Identifier);
		walk.scope.names.set(name, undefined);
	}
}

/** A `var` belongs to the whole function, a `let` to its block: they mean the same if the name is declared once where it is
 * used. */
function announceVar({ module, fn, scope: own }: Walk, id: Identifier): void {
	const isTop = own.outer?.vars === undefined;
	for (let scope: Scope | undefined = own; scope !== undefined && scope.fn === fn; scope = scope.outer) {
		const isThere = scope.vars === undefined ? !isTop && scope.names.has(id.name) : scope.vars.has(id.name);
		if (isThere)
			fail(module.origin, id, `'${id.name}' is the variable that is there already: write ${id.name} = ... here`);
	}
	own.vars?.add(id.name);
}

/** After: names that the statement declares are there, whatever is wrong with it. */
function tryStatement(walk: Walk, node: Statement): void {
	const { scope } = walk;
	if (attempt(walk.analysis.errors, () => bindStatement(walk, node) ?? true)) return;
	walk.scope = scope;
	if (node.type !== "VariableDeclaration") return;
	for (const { id } of node.declarations)
		if (id.type === "Identifier") scope.names.set(id.name, scope.names.get(id.name) ?? localOf(id, true, undefined));
}

function bindStatement(walk: Walk, node: Statement): void {
	if ((node as Initialisation).isInitial) {
		bindInitial(walk, node);
		return;
	}
	switch (node.type) {
		case "BlockStatement":
			bindBlock(walk, node.body);
			break;
		case "VariableDeclaration":
			bindDeclaration(walk, node);
			break;
		case "ForStatement":
			bindFor(walk, node);
			break;
		case "SwitchStatement":
			bindExpression(walk, node.discriminant);
			for (const { test, consequent } of node.cases) {
				if (test != null) bindExpression(walk, test);
				for (const statement of consequent) bindStatement(walk, statement);
			}
			return;
		case "LabeledStatement":
			bindStatement(walk, node.body);
			break;
		case "BreakStatement":
		case "ContinueStatement":
		case "FunctionDeclaration":
			return;
		case "ReturnStatement":
			walk.fn!.returns.push(node);
			if (node.argument != null) bindExpression(walk, node.argument);
			return;
		default:
			for (const child of childrenOf(node)) {
				if (isStatement(child)) bindStatement(walk, child);
				else bindExpression(walk, child);
			}
	}
}

/** Binds the initial value of a module's variable again, now as a part of the function. */
function bindInitial(walk: Walk, node: Statement): void {
	const { left, right } = (node as ExpressionStatement).expression as AssignmentExpression;
	walk.analysis.uses.set(left, walk.module.names.get((left as Identifier).name)!);
	bindExpression(walk, right);
}

function isStatement(node: AnyNode): node is Statement {
	return node.type.endsWith("Statement") || node.type === "VariableDeclaration" || node.type === "FunctionDeclaration";
}

function bindFor(walk: Walk, node: Statement & { type: "ForStatement" }): void {
	const outer = walk.scope;
	walk.scope = { outer, names: new Map(), fn: walk.fn!, vars: new Set() };
	if (node.init?.type === "VariableDeclaration") {
		announce(walk, node.init);
		bindDeclaration(walk, node.init);
	} else if (node.init != null) bindExpression(walk, node.init);
	if (node.test != null) bindExpression(walk, node.test);
	if (node.update != null) bindExpression(walk, node.update);
	bindStatement(walk, node.body);
	walk.scope = outer;
}

/** A `const` whose value is known stands for that value, and one that is a table for the table; everything else is a local
 * variable. */
function bindDeclaration(walk: Walk, { kind, declarations }: VariableDeclaration): void {
	for (const declarator of declarations) {
		const node = declarator.id as PlainName;
		const initial = declarator.init ?? undefined;
		const table = kind === "const" || node.isAlias ? tableNamed(walk, initial) : undefined;
		if (table !== undefined) {
			walk.scope.names.set(node.name, table);
			walk.analysis.uses.set(node, table);
			continue;
		}
		if (initial !== undefined) bindExpression(walk, initial);
		const isKnown = kind === "const" && initial !== undefined && constantOf(walk.analysis, initial) !== undefined;
		const binding: Local | Constant = isKnown
			? { kind: "constant", name: node.name, module: walk.module, node, initial }
			: localOf(node, kind !== "const", initial);
		walk.scope.names.set(node.name, binding);
		walk.analysis.uses.set(node, binding);
	}
}

function tableNamed(walk: Walk, node: Node | undefined): Table | undefined {
	const name = node as AnyNode | undefined;
	const binding = name?.type === "Identifier" ? lookUp(walk, name) : undefined;
	if (binding?.kind !== "table") return undefined;
	walk.analysis.uses.set(name!, binding);
	return binding;
}

function localOf(node: PlainName, writable: boolean, initial: Expression | undefined): Local {
	const isTextual = node.isTextual === true;
	const sources = initial === undefined ? [] : [initial];
	const hasValue = initial !== undefined;
	return { kind: "local", name: node.name, node, writable, hasValue, isTextual, type: "either", sources };
}

function bindExpression(walk: Walk, node: Node): void {
	const any = node as AnyNode;
	switch (any.type) {
		case "Identifier": {
			const binding = lookUp(walk, any);
			walk.analysis.uses.set(any, binding);
			// Elsewhere it may have another name.
			if (binding.kind === "table") binding.stored = true;
			return;
		}
		case "MemberExpression":
			bindMember(walk, any);
			break;
		case "AssignmentExpression":
		case "UpdateExpression":
			for (const child of childrenOf(any)) bindExpression(walk, child);
			noteAssignment(walk, any);
			break;
		case "CallExpression":
			for (const child of isNumberCall(any) ? any.arguments : childrenOf(any)) bindExpression(walk, child);
			noteCall(walk, any);
			break;
		default:
			for (const child of childrenOf(any)) bindExpression(walk, child);
	}
}

/** `Math.imul`, `Int32Array.of`: the object is no binding of ours. */
function bindMember(walk: Walk, node: MemberExpression): void {
	if (node.computed) bindExpression(walk, node.property);
	const { object } = node;
	const isWorld =
		object.type === "Identifier" &&
		(object.name === "Math" || (object.name === "console" && memberName(node) === "log"));
	if (isWorld) return;
	const isUse = node.computed || ["length", "subarray", "address#", "size#"].includes(memberName(node) ?? "");
	const table = isUse && memberName(node) !== "subarray" ? tableNamed(walk, object) : undefined;
	if (table === undefined) bindExpression(walk, object);
	if (isUse) walk.analysis.indexed.add(object);
}

function lookUp(walk: Walk, id: Identifier): Binding {
	for (let scope: Scope | undefined = walk.scope; scope !== undefined; scope = scope.outer) {
		if (!scope.names.has(id.name)) continue;
		const binding = scope.names.get(id.name);
		if (scope.fn !== walk.fn && binding?.kind === "local") captured(walk, id, scope.fn!);
		checkVar(walk, id, scope);
		return binding ?? fail(walk.module.origin, id, `'${id.name}' is used before its declaration`);
	}
	checkVar(walk, id, undefined);
	const binding = walk.module.names.get(id.name);
	if (binding === undefined) fail(walk.module.origin, id, unknownName(walk, id.name));
	if (walk.fn === undefined && isAhead(walk.module, binding, id))
		fail(walk.module.origin, id, `'${id.name}' is used before its declaration`);
	return binding;
}

function captured({ module, fn }: Walk, id: Identifier, owner: FunctionBinding): never {
	fail(
		module.origin,
		id,
		`'${fn!.node.id.name}' uses '${id.name}' of '${owner.node.id.name}', and there would be one of it for each call of that: pass it as an argument`,
	);
}

/** In JavaScript, the name of a `var` means that variable in all of its function, also outside of the block it is in. */
function checkVar({ module, fn, hoisted }: Walk, id: Identifier, found: Scope | undefined): void {
	if (hoisted?.has(id.name) !== true || (found?.fn === fn && found?.vars !== undefined)) return;
	fail(
		module.origin,
		id,
		`'${id.name}' is used outside of the block that declares it: declare it with let before the block`,
	);
}

/** Functions that are declared as such are there from the start, whatever the order. */
function isAhead(module: Module, binding: Binding, use: Identifier): boolean {
	if (binding.kind === "builtin" || binding.kind === "local") return false;
	if (binding.kind === "function" && binding.isHoisted) return false;
	return binding.module === module && binding.node.start > use.start;
}

function unknownName(walk: Walk, name: string): string {
	const known = Object.hasOwn(rejectedNames, name) ? rejectedNames[name] : undefined;
	if (known !== undefined) return known;
	if ((builtinNames as readonly string[]).includes(name))
		return `'${name}' is not imported: write import { ${name} } from "patchbay/source"`;
	if (isElementType(name)) return `'${name}' is only for const table = new ${name}(...) at module level`;
	if (name.length < 3) return `'${name}' is not declared`;
	const names = [...walk.module.names.keys()];
	for (let scope: Scope | undefined = walk.scope; scope !== undefined; scope = scope.outer)
		names.push(...scope.names.keys());
	return `'${name}' is not declared${suggestion(name, names)}`;
}

/** What `[a, b] = [b, a]` assigns to, in order. Requires: parse.ts let it pass. */
export function patternTargets(node: AssignmentExpression): Expression[] {
	return (node.left as ArrayPattern).elements as Expression[];
}

function noteAssignment(walk: Walk, node: AssignmentExpression | UpdateExpression): void {
	if (node.type === "UpdateExpression") noteTarget(walk, node.argument, node);
	else if (node.left.type === "ArrayPattern") {
		const values = (node.right as ArrayExpression).elements as Expression[];
		for (const [i, target] of patternTargets(node).entries()) noteTarget(walk, target, values[i]!);
	} else noteTarget(walk, node.left, sourceOf(node));
}

/** What a variable holds after the assignment, beside what it held before. */
function sourceOf(node: AssignmentExpression): Expression {
	return ["=", "||=", "&&="].includes(node.operator)
		? node.right
		: node.operator === "??="
			? (node.left as Expression)
			: node;
}

function noteTarget(walk: Walk, node: Node, source: Expression): void {
	const target = node as AnyNode;
	if (target.type === "MemberExpression") {
		noteStore(walk, target);
		return;
	}
	if (target.type !== "Identifier") fail(walk.module.origin, target, "only a variable or table[i] can be assigned to");
	const binding = walk.analysis.uses.get(target)!;
	walk.analysis.targets.add(target);
	checkWritable(walk.module, target, binding);
	binding.sources.push(source);
}

function checkWritable(
	module: Module,
	target: Identifier,
	binding: Binding,
): asserts binding is Binding & { kind: "local" | "variable" } {
	const { name } = target;
	if (binding.kind === "constants") fail(module.origin, target, `'${name}' is a const, and stays what it is`);
	if (binding.kind === "constant" || ((binding.kind === "local" || binding.kind === "variable") && !binding.writable))
		fail(module.origin, target, `'${name}' is a const: declare it with let to assign to it`);
	if (binding.kind === "variable" && binding.module !== module)
		fail(module.origin, target, `'${name}' belongs to another module: export a function there that sets it`);
	if (binding.kind === "table") fail(module.origin, target, `'${name}' is a table: assign to ${name}[i]`);
	if (binding.kind === "key" && binding.form === "paravirt")
		fail(
			module.origin,
			target,
			`'${name}' is an operation, which is only set before the program starts: --set ${name}=f`,
		);
	if (binding.kind === "key") fail(module.origin, target, `'${name}' is a static call: write update(${name}, f)`);
	if (binding.kind === "static-key")
		fail(module.origin, target, `'${name}' is a static key: write enable(${name}) or disable(${name})`);
	if (binding.kind === "function" || binding.kind === "builtin")
		fail(module.origin, target, `'${name}' is a function and stays what it is: use staticCall(${name}) and update()`);
}

function noteStore(walk: Walk, target: MemberExpression): void {
	const binding = walk.analysis.uses.get(target.object);
	if (binding?.kind === "table" && target.computed) binding.stored = true;
}

/** Calls and updates of a key in its own module: its signature may have to be read off them. */
function noteCall(walk: Walk, node: CallExpression): void {
	const { uses, calls } = walk.analysis;
	calls.push({ node, module: walk.module });
	const callee = calledKey(walk.analysis, node);
	if (callee?.module === walk.module) callee.calls.push({ arguments: expressions(node.arguments) });
	const builtin = uses.get(node.callee);
	if (builtin?.kind !== "builtin" || (builtin.name !== "update" && builtin.name !== "setFfp")) return;
	const [first, to] = node.arguments;
	const key = first === undefined ? undefined : uses.get(first);
	if (key?.kind === "key" && key.module === walk.module) for (const name of targetNames(to)) key.updates.push(name);
}

/** The functions that `update(key, test ? f : g)` names. */
function targetNames(node: Node | undefined): Identifier[] {
	const target = node as Expression | undefined;
	if (target?.type === "Identifier") return [target];
	return target?.type === "ConditionalExpression" ? [target.consequent, target.alternate].flatMap(targetNames) : [];
}

/** The key that `pick(...)` or `pick.fn(...)` calls. */
export function calledKey(analysis: Analysis, { callee }: CallExpression): Key | undefined {
	const isPointer = callee.type === "MemberExpression" && memberName(callee) === "fn";
	const key = analysis.uses.get(isPointer ? callee.object : callee);
	return key?.kind === "key" && isPointer === (key.form === "ffp") ? key : undefined;
}
