// Modules, functions and statements, checked: the second half of "is this program in the language", and the only way
// from syntax trees to typed trees.
//
// Requires: infer.ts. After: every function is a typed tree that means what Node does; the lowering passes refuse nothing.

import type { AnyNode, Statement as StatementSyntax, Expression as Syntax, VariableDeclaration } from "acorn";
import { isElementType } from "../../format/signatures.ts";
import { attempt, throwErrors } from "../attempt.ts";
import type { CheckedFunction, Exit, Expression, Loop, Place, Statement } from "../ir.ts";
import { fail, positionAt, positionOf } from "../origin.ts";
import { checkAssigned } from "./assigned.ts";
import type { Analysis, Contract, Declared, FunctionBinding, Key, Module, Table } from "./bindings.ts";
import { checkRet0, targetOf } from "./calls.ts";
import { constantOf, numberOf, tableLength } from "./constant.ts";
import { condition, effect, surroundings } from "./expressions.ts";
import { keySignature } from "./infer.ts";
import { boundsOf, type LoopSyntax } from "./loop-bounds.ts";
import { checkModuleAssigned } from "./module-assigned.ts";
import { modelOf } from "./results.ts";
import { checkStaticKey } from "./static-keys.ts";
import { at, bindingOf, refuse, refuseValueless, type Surroundings, text } from "./surroundings.ts";
import { viewedOf } from "./tables.ts";
import { keepTable, tableValue } from "./views.ts";

export function checkModule(analysis: Analysis, module: Module): CheckedFunction[] {
	const c = surroundings(analysis, module);
	const { errors } = analysis;
	for (const binding of module.declared) attempt(errors, () => checkDeclaration(c, binding));
	const functions = module.declared.flatMap((binding) =>
		binding.kind === "function" ? (attempt(errors, () => checkFunction(c, binding)) ?? []) : [],
	);
	throwErrors(errors);
	checkModuleAssigned(c, functions);
	throwErrors(errors);
	return functions;
}

function checkDeclaration(c: Surroundings, binding: Declared): void {
	switch (binding.kind) {
		case "constant":
		case "variable": {
			const { initial } = binding;
			const value = initial && constantOf(c.analysis, initial);
			// It has none, or it is computed by the code at module level.
			if (initial === undefined || value === undefined || binding.kind === "constant") return;
			const viewed = viewedOf(binding);
			if (viewed !== undefined) tableValue(c, initial, viewed.view!.element, `'${binding.name}'`);
			c.typed(initial, binding.type, `'${binding.name}'`);
			return;
		}
		case "constants":
			for (const [name, initial] of binding.members)
				if (constantOf(c.analysis, initial) === undefined) refuseInitial(c, initial, name);
			return;
		case "table":
			checkTable(c, binding);
			break;
		case "key":
			checkKey(c, binding);
			break;
		case "static-key":
			checkStaticKey(c, binding);
			break;
		case "function":
			checkDefaults(c, binding);
			if (binding.name === "main" && binding.parameters.length > 0)
				refuse(c, binding.node.params[0] as Syntax, "'main' is called without arguments: leave out its parameters");
	}
}

/** A default that is known before the program runs is passed by the call. */
function checkDefaults(c: Surroundings, fn: FunctionBinding): void {
	if (fn.shorter.size > 0) return;
	for (const [i, value] of fn.defaults.entries()) {
		if (value === undefined) continue;
		const { name, type } = fn.parameters[i]!;
		c.typed(value, type, `'${name}'`);
	}
}

function refuseInitial(c: Surroundings, node: Syntax, name: string): never {
	if (node.type === "Literal") refuseValueless(c, node);
	refuse(
		c,
		node,
		`'${text(c, node)}' is not known before the program runs: write let ${name} = 0 and set it in a function`,
	);
}

function checkTable(c: Surroundings, table: Table): void {
	tableLength(c.analysis, table);
	for (const value of table.values) {
		if (numberOf(c.analysis, value) === undefined)
			refuse(c, value, `'${text(c, value)}' is not a number known before the program runs: store it in a function`);
	}
}

function checkKey(c: Surroundings, key: Key): void {
	const model = modelOf(c.analysis, key);
	if (key.model !== undefined && model?.defaults.some((value) => value !== undefined))
		refuse(
			c,
			key.model,
			`'${model.name}' has default values, and a call of '${key.name}' passes every argument: leave them out`,
		);
	if (key.contract !== undefined && model !== undefined && isElementType(model.result))
		refuse(c, key.node as Syntax, `an operation returns a number or nothing, and '${model.name}' returns a table`);
	if (key.contract !== undefined) checkOperation(c, key, key.contract);
	if (key.initial === "ret0") checkRet0(c, key, (key.model ?? key.node) as Syntax);
	if (!c.module.exported.has(key.name) || keySignature(c.analysis, key) !== undefined) return;
	const form = key.initial === "ret0" ? ".ret0(like)" : "(null, like)";
	const made = `${{ static: "staticCall", ffp: "defineFfp", paravirt: "paravirt" }[key.form]}${form}`;
	fail(
		c.module.origin,
		key.node,
		`nothing tells other modules which parameters '${key.name}' has: write ${made} with a function like those it will call`,
	);
}

function checkOperation(c: Surroundings, key: Key, { clobbers }: Contract): void {
	const signature = keySignature(c.analysis, key);
	if (clobbers === "none" && signature !== undefined && signature.result !== "none")
		refuse(
			c,
			key.node as Syntax,
			`'${key.name}' has a result, and a call leaves that somewhere: write clobbers: "result"`,
		);
	for (const name of key.also) targetOf(c, key, name);
}

/** What a `break` or `continue` can name. */
interface Enclosing {
	readonly exit: Exit;
	readonly labels: readonly string[];
	readonly kind: "loop" | "switch" | "block";
}

interface Body {
	readonly c: Surroundings;
	readonly fn: FunctionBinding;
	readonly enclosing: Enclosing[];
	/** Labels in front of the statement that comes next. */
	labels: string[];
}

function checkFunction(c: Surroundings, fn: FunctionBinding): CheckedFunction {
	const { body } = fn.node;
	const isInit = body.body.some((node) => node.type === "ExpressionStatement" && node.directive === "init");
	const before = c.analysis.errors.length;
	const statements = [...beforeBody(c, fn), ...checkAll({ c, fn, enclosing: [], labels: [] }, body.body)];
	const isWhole = c.analysis.errors.length === before;
	const { line, column } = body.loc!.end;
	const end = positionAt(c.module.origin, { line, column: column - 1 });
	if (isWhole) checkAssigned(c, statements);
	if (isWhole && fn.result !== "none" && completes(statements))
		refuse(
			c,
			fn.node.id,
			`'${fn.name}' returns a value on some ways through it and ends without one on others: add a return at the end`,
		);
	return { binding: fn, body: statements, isInit, at: at(c, fn.node), end };
}

/** What a function does first: `main` and `init` run the code at module level, and that runs once, after that of the modules
 * that this one imports. */
function beforeBody({ module }: Surroundings, fn: FunctionBinding): Statement[] {
	const { begin, origin, imports } = module;
	if (begin === undefined) return [];
	const position = positionOf(origin, fn.node);
	const run = (callee: FunctionBinding): Statement => ({
		kind: "effect",
		value: { op: "call", callee, parameters: [], type: "none", at: position },
	});
	if (fn !== begin.fn) return fn.name === "main" || fn.name === "init" ? [run(begin.fn)] : [];
	const place: Place = { kind: "variable", variable: begin.begun };
	const done: Expression = { op: "read", place, type: "bool", at: position };
	const yes: Expression = { op: "constant", value: 1, type: "bool", at: position };
	return [
		{ kind: "if", test: done, yes: [{ kind: "return", value: undefined, at: position }], no: [] },
		{ kind: "effect", value: { op: "write", place, value: yes, type: "bool", at: position } },
		...[...new Set(imports)].flatMap((each) => (each.begin === undefined ? [] : [run(each.begin.fn)])),
	];
}

function checkAll(b: Body, nodes: readonly StatementSyntax[]): Statement[] {
	return nodes.flatMap((node) => {
		const around = b.enclosing.length;
		const checked = attempt(b.c.analysis.errors, () => checkStatement(b, node));
		b.enclosing.length = around;
		if (checked === undefined) b.labels = [];
		return checked ?? [];
	});
}

function checkStatement(b: Body, node: StatementSyntax): Statement[] {
	const { c } = b;
	if (node.type === "LabeledStatement") return checkLabeled(b, node);
	const labels = b.labels;
	b.labels = [];
	switch (node.type) {
		case "BlockStatement":
			return checkBlock(b, node.body, labels);
		case "EmptyStatement":
		case "FunctionDeclaration":
			return [];
		case "ExpressionStatement":
			return node.directive === undefined ? [{ kind: "effect", value: effect(c, node.expression) }] : [];
		case "VariableDeclaration":
			return checkVariables(c, node);
		case "IfStatement":
			return labelled(b, labels, () => {
				const test = condition(c, node.test);
				const [yes, no] = [node.consequent, node.alternate].map((part) =>
					part == null ? [] : checkStatement(b, part),
				);
				return [{ kind: "if", test, yes: yes!, no: no! }];
			});
		case "WhileStatement":
		case "DoWhileStatement":
		case "ForStatement":
			return checkLoop(b, node, labels);
		case "SwitchStatement":
			return checkSwitch(b, node, labels);
		case "BreakStatement":
		case "ContinueStatement":
			return [checkJump(b, node)];
		case "ReturnStatement":
			return [checkReturn(b, node)];
		default:
			throw new Error(`parse.ts let '${node.type}' pass`);
	}
}

function checkLabeled(b: Body, node: StatementSyntax & { type: "LabeledStatement" }): Statement[] {
	b.labels = [...b.labels, node.label.name];
	return checkStatement(b, node.body);
}

function checkBlock(b: Body, nodes: readonly StatementSyntax[], labels: readonly string[]): Statement[] {
	return labelled(b, labels, () => checkAll(b, nodes));
}

/** A statement that is no loop or switch can be left by its label. */
function labelled(b: Body, labels: readonly string[], check: () => Statement[]): Statement[] {
	if (labels.length === 0) return check();
	const exit = newExit(labels);
	return [{ kind: "block", exit, body: within(b, { exit, labels, kind: "block" }, check) }];
}

function within<T>(b: Body, enclosing: Enclosing, check: () => T): T {
	b.enclosing.push(enclosing);
	const result = check();
	b.enclosing.pop();
	return result;
}

const newExit = (labels: readonly string[]): Exit => ({ label: labels[0], left: false, repeated: false });

/** Constants leave nothing to do. */
function checkVariables(c: Surroundings, node: VariableDeclaration): Statement[] {
	return node.declarations.flatMap((declarator): Statement[] => {
		const local = bindingOf(c, declarator.id as AnyNode);
		const initial = declarator.init;
		if (initial == null) return [];
		if (local?.kind !== "local") return [];
		if (local.view !== undefined) {
			const words = tableValue(c, initial, local.view.element, `'${local.name}'`);
			return [{ kind: "effect", value: keepTable(c, initial, local, words) }];
		}
		const value = c.typed(initial, local.type, `'${local.name}'`);
		return [
			{
				kind: "effect",
				value: { op: "write", place: { kind: "local", local }, value, type: value.type, at: at(c, declarator) },
			},
		];
	});
}

function checkLoop(b: Body, node: LoopSyntax, labels: readonly string[]): Statement[] {
	const { c } = b;
	const start = node.type === "ForStatement" ? checkStart(c, node) : [];
	const test = loopTest(c, node);
	const update = node.type === "ForStatement" && node.update != null ? effect(c, node.update) : undefined;
	const exit = newExit(labels);
	const body = within(b, { exit, labels, kind: "loop" }, () => checkStatement(b, node.body));
	const loop: Loop = { kind: "loop", exit, test, update, body, ...boundsOf(node, start, test) };
	return [...start, loop];
}

/** Undefined when the loop goes on for ever. */
function loopTest(c: Surroundings, { test }: LoopSyntax): Expression | undefined {
	const checked = test == null ? undefined : condition(c, test);
	return checked?.op === "constant" && checked.value !== 0 ? undefined : checked;
}

function checkStart(c: Surroundings, node: StatementSyntax & { type: "ForStatement" }): Statement[] {
	if (node.init == null) return [];
	if (node.init.type === "VariableDeclaration") return checkVariables(c, node.init);
	return [{ kind: "effect", value: effect(c, node.init) }];
}

function checkSwitch(
	b: Body,
	node: StatementSyntax & { type: "SwitchStatement" },
	labels: readonly string[],
): Statement[] {
	const { c } = b;
	const value = c.numeric(node.discriminant);
	const seen = new Set<number>();
	const exit = newExit(labels);
	const cases = within(b, { exit, labels, kind: "switch" }, () =>
		node.cases.map(({ test, consequent }) => ({
			tests: test == null ? [] : caseTest(c, test, value, seen),
			body: checkAll(b, consequent),
		})),
	);
	const otherwise = node.cases.findIndex(({ test }) => test == null);
	return [{ kind: "switch", exit, value, cases, otherwise: otherwise < 0 ? undefined : otherwise, at: at(c, node) }];
}

/** The first case with a value gets it, as in JavaScript. */
function caseTest(c: Surroundings, test: Syntax, value: Expression, seen: Set<number>): number[] {
	const number = numberOf(c.analysis, test);
	if (number === undefined)
		refuse(c, test, `'${text(c, test)}' is not a constant: write if (...) { } else if (...) { }`);
	const type = value.type === "uint" ? "uint" : "int";
	const bits = (c.typed(test, type, "the value of this switch") as Expression & { op: "constant" }).value;
	if (seen.has(bits)) return [];
	seen.add(bits);
	return [bits];
}

function checkJump(b: Body, node: StatementSyntax & { type: "BreakStatement" | "ContinueStatement" }): Statement {
	const isBreak = node.type === "BreakStatement";
	const name = node.label?.name;
	const found = b.enclosing.findLast(({ labels, kind }) =>
		name !== undefined ? labels.includes(name) : kind === "loop" || (isBreak && kind === "switch"),
	);
	if (found === undefined) throw new Error("acorn let a jump without a target pass");
	if (isBreak) found.exit.left = true;
	else found.exit.repeated = true;
	return { kind: isBreak ? "leave" : "repeat", exit: found.exit, at: at(b.c, node) };
}

function checkReturn({ c, fn }: Body, node: StatementSyntax & { type: "ReturnStatement" }): Statement {
	const position = at(c, node);
	if (node.argument != null && isElementType(fn.result)) {
		const { address, length } = tableValue(c, node.argument, fn.result, `the result of '${fn.name}'`);
		return { kind: "return", value: address, length, at: position };
	}
	if (node.argument == null) {
		if (fn.result !== "none") refuse(c, node, `'${fn.name}' returns a value elsewhere: return one here too`);
		return { kind: "return", value: undefined, at: position };
	}
	const wanted = fn.result === "none" || isElementType(fn.result) ? "int" : fn.result;
	return { kind: "return", value: c.typed(node.argument, wanted, `the result of '${fn.name}'`), at: position };
}

/** Whether control can reach the end. */
function completes(statements: readonly Statement[]): boolean {
	return statements.every(completesOne);
}

function completesOne(statement: Statement): boolean {
	switch (statement.kind) {
		case "effect":
			return true;
		case "if":
			return completesIf(statement.test, completes(statement.yes), completes(statement.no));
		case "loop":
			return statement.exit.left || (statement.test !== undefined && reachesTest(statement));
		case "switch": {
			const { cases, otherwise, exit } = statement;
			const last = cases.at(-1);
			return exit.left || otherwise === undefined || last === undefined || completes(last.body);
		}
		case "block":
			return statement.exit.left || completes(statement.body);
		case "leave":
		case "repeat":
		case "return":
			return false;
	}
}

function completesIf(test: Expression, yes: boolean, no: boolean): boolean {
	if (test.op === "constant") return test.value !== 0 ? yes : no;
	return yes || no;
}

const reachesTest = ({ testFirst, exit, body }: Loop) => testFirst || exit.repeated || completes(body);
