// What an instruction does, as statements for the interpreter's loop: the body of its row's `execute`, with the bodies of
// functions that rows share in place of their calls and memory found through the core's translations. Where a row would
// stop, or there is no translation, they leave the loop: nothing has changed by then, so the row can be executed as it is.

import {
	type AnyNode,
	type ArrowFunctionExpression,
	type AssignmentExpression,
	type CallExpression,
	type Expression,
	type Identifier,
	type IfStatement,
	type MemberExpression,
	parseExpressionAt,
	type Statement,
} from "acorn";
import type { Execute } from "../linker/isa/core.ts";

/** Functions and constants that rows mention, by name; methods of the core, too. */
export type Shared = Readonly<Record<string, unknown>>;

export interface RowText {
	readonly lines: readonly string[];
	/** Where control goes; undefined for the next instruction. */
	readonly target: string | undefined;
}

/** Statements of a block, and what is known at its end. */
interface Block {
	readonly lines: string[];
	/** Names that a declaration would hide. */
	readonly names: Set<string>;
	/** Others see that something happened. */
	changed: boolean;
	/** The last line leaves the loop. */
	left: boolean;
	/** Some of it cannot be written. */
	unable: boolean;
	result: string | undefined;
}

/** What names stand for: text, or a function whose body replaces its calls. */
type Scope = Map<string, unknown>;

const LEAVE = "break loop;";
const parameters = ["core", "a", "b", "c", "imm", "next"];
/** Fields of the core that are variables of the loop. */
const loopVariables = new Set(["r", "flags", "reads", "writes", "words", "bytes"]);
const compound = new Set(["BinaryExpression", "LogicalExpression", "ConditionalExpression"]);
const atom = /^\w+$/;

/** What a core does when it has no translation at hand. */
const slow = new Set(["loadBytes", "storeBytes"]);

/** @returns undefined when a row always leaves, would leave after it changed something, or holds more than is known here */
export function rowText(execute: Execute, shared: Shared, loopNames: readonly string[]): RowText | undefined {
	const block = newBlock(new Set([...parameters, ...loopNames]), false);
	const target = inline(execute, parameters, new Map(Object.entries(shared)), block);
	return block.unable || block.left ? undefined : { lines: block.lines, target };
}

function newBlock(names: Set<string>, changed: boolean): Block {
	return { lines: [], names, changed, left: false, unable: false, result: undefined };
}

/** Writes the body of a function. @returns its result */
function inline(called: unknown, args: readonly string[], outer: Scope, block: Block): string | undefined {
	const { params, body } = parse(String(called));
	const scope: Scope = new Map(outer);
	for (const [i, param] of params.entries()) define(param as Identifier, args[i]!, scope, block);
	if (body.type !== "BlockStatement") return valueText(body, scope, block);
	block.result = undefined;
	writeAll(body.body, scope, block);
	const { result } = block;
	block.result = undefined;
	return result;
}

function parse(text: string): ArrowFunctionExpression {
	const isMethod = /^\w+\(/.test(text) && !text.startsWith("function");
	return parseExpressionAt(`(${isMethod ? "function " : ""}${text})`, 0, {
		ecmaVersion: 2023,
	}) as ArrowFunctionExpression;
}

/** A name for a value, unless it has one. */
function define({ name }: Identifier, value: string, scope: Scope, block: Block): void {
	scope.set(name, atom.test(value) ? value : constant(name, value, block));
}

function constant(wanted: string, value: string, block: Block): string {
	let name = wanted;
	for (let i = 2; block.names.has(name); i++) name = `${wanted}${i}`;
	block.names.add(name);
	block.lines.push(`const ${name} = ${value};`);
	return name;
}

function writeAll(statements: readonly Statement[], scope: Scope, block: Block): void {
	for (const statement of statements) if (!block.left) write(statement, scope, block);
}

function write(statement: Statement, scope: Scope, block: Block): void {
	switch (statement.type) {
		case "BlockStatement":
			writeAll(statement.body, new Map(scope), block);
			return;
		case "VariableDeclaration":
			for (const { id, init } of statement.declarations)
				define(id as Identifier, valueText(init!, scope, block), scope, block);
			return;
		case "ReturnStatement":
			block.result = valueText(statement.argument!, scope, block);
			return;
		case "IfStatement":
			writeIf(statement, scope, block);
			return;
		case "ExpressionStatement":
			if (statement.expression.type === "AssignmentExpression") assign(statement.expression, scope, block);
			else valueText(statement.expression, scope, block);
			return;
		default:
			block.unable = true;
	}
}

function writeIf({ test, consequent, alternate }: IfStatement, scope: Scope, block: Block): void {
	if (isGoing(test)) {
		write(consequent, scope, block);
		return;
	}
	const [yes, no] = [consequent, alternate].map((statement) => {
		const branch = newBlock(block.names, block.changed);
		if (statement) write(statement, new Map(scope), branch);
		return branch;
	}) as [Block, Block];
	block.lines.push(`if (${textOf(test, scope, block)}) ${bodyOf(yes)}`);
	if (yes.left) block.lines.push(...no.lines);
	else if (alternate) block.lines.push(`else ${bodyOf(no)}`);
	block.changed = yes.changed || no.changed;
	block.left = yes.left && no.left;
	block.unable ||= [yes, no].some(({ unable, left, result }) => unable || (!left && result !== undefined));
}

function bodyOf({ lines }: Block): string {
	return lines.length === 1 ? lines[0]! : `{ ${lines.join(" ")} }`;
}

/** `x.stop === NONE`: always so, in a loop that is left instead. */
function isGoing(test: Expression): boolean {
	return (
		test.type === "BinaryExpression" &&
		test.operator === "===" &&
		isStop(test.left) &&
		test.right.type === "Identifier" &&
		test.right.name === "NONE"
	);
}

function isStop(node: AnyNode): boolean {
	return node.type === "MemberExpression" && /^stop(Value)?$/.test((node.property as Identifier).name);
}

function assign({ operator, left, right }: AssignmentExpression, scope: Scope, block: Block): void {
	if (isStop(left)) {
		leave(block);
		return;
	}
	const value = valueText(right, scope, block);
	block.lines.push(`${textOf(left as MemberExpression, scope, block).replace(/!$/, "")} ${operator} ${value};`);
	block.changed = true;
}

function leave(block: Block): void {
	block.unable ||= block.changed;
	block.lines.push(LEAVE);
	block.left = true;
}

/** Writes what has to happen before an expression has its value. @returns its text */
function valueText(node: Expression, scope: Scope, block: Block): string {
	if (node.type === "ConditionalExpression" && isGoing(node.test)) return valueText(node.consequent, scope, block);
	if (node.type !== "CallExpression") return textOf(node, scope, block);
	if (isSlow(node)) leave(block);
	const called = calledBy(node, scope, block);
	if (typeof called !== "function") return textOf(node, scope, block);
	return inline(called, argumentsOf(node, scope, block), scope, block) ?? "";
}

function isSlow({ callee }: CallExpression): boolean {
	return callee.type === "MemberExpression" && slow.has((callee.property as Identifier).name);
}

/** The function that a call calls, if it is to be written in its place: a shared one, or a method of the core. */
function calledBy({ callee }: CallExpression, scope: Scope, block: Block): unknown {
	if (callee.type === "Identifier") return scope.get(callee.name);
	if (callee.type !== "MemberExpression" || textOf(callee.object, scope, block) !== "core") return undefined;
	return scope.get((callee.property as Identifier).name);
}

function argumentsOf(node: CallExpression, scope: Scope, block: Block): string[] {
	return node.arguments.map((argument) => textOf(argument as Expression, scope, block));
}

function textOf(node: AnyNode, scope: Scope, block: Block): string {
	const text = (child: AnyNode) => textOf(child, scope, block);
	const part = (child: AnyNode) => (compound.has(child.type) ? `(${text(child)})` : text(child));
	switch (node.type) {
		case "Identifier":
			return String(scope.get(node.name) ?? node.name);
		case "ThisExpression":
			return "core";
		case "Literal":
			return node.raw!;
		case "UnaryExpression":
			return `${node.operator}${part(node.argument)}`;
		case "BinaryExpression":
			return `${part(node.left)} ${node.operator} ${part(node.right)}`;
		case "ConditionalExpression":
			return `${part(node.test)} ? ${text(node.consequent)} : ${text(node.alternate)}`;
		case "CallExpression":
			return `${text(node.callee)}(${argumentsOf(node, scope, block).join(", ")})`;
		case "MemberExpression":
			return memberOf(text(node.object), text(node.property), node.computed);
		default:
			block.unable = true;
			return "";
	}
}

function memberOf(object: string, property: string, computed: boolean): string {
	if (computed) return `${object}[${property}]!`;
	return object === "core" && loopVariables.has(property) ? property : `${object}.${property}`;
}
