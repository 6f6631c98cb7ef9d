// Text to syntax tree, and the first half of "is this program in the language": every node, operator, number and
// declaration is of a kind that the later passes know. What needs names or types is checked there.

import {
	type AnyNode,
	type AssignmentExpression,
	parse as acornParse,
	type CallExpression,
	type Node,
	type Program,
} from "acorn";
import type { SourceError } from "../errors.ts";
import { isElementType, MOST_PARAMETERS } from "../format/signatures.ts";
import { attempt, throwErrors } from "./attempt.ts";
import { errorAt, fail, type Origin } from "./origin.ts";
import { spellOut } from "./plain.ts";
import { rejectedNames, rejectedNodes, rejectedOperators } from "./rejected.ts";

/** Deeper nesting than anyone writes; the passes recurse over the tree. */
const DEEPEST = 400;

/** Requires: any text. After: a tree of nodes the language has, at most `DEEPEST` deep, with locations. */
export function parse(origin: Origin): Program {
	const program = parsed(origin);
	spellOut(program);
	const errors: SourceError[] = [];
	checkShape(origin, program as AnyNode, { parent: undefined, inFunction: false, depth: 0, errors });
	throwErrors(errors);
	return program;
}

function parsed(origin: Origin): Program {
	try {
		return acornParse(origin.text, { ecmaVersion: "latest", sourceType: "module", locations: true });
	} catch (error) {
		if (!(error instanceof SyntaxError) || !("loc" in error)) throw error;
		const message = error.message.replace(/ \(\d+:\d+\)$/, "");
		const isTooDeep = message.startsWith("Not enough stack space");
		const shown = isTooDeep ? tooDeep : `not JavaScript: ${message}`;
		throw errorAt(origin, error.loc as { line: number; column: number }, shown);
	}
}

const tooDeep = "nested too deeply: split the expression or statement into smaller functions";

interface Surroundings {
	readonly parent: AnyNode | undefined;
	readonly inFunction: boolean;
	readonly depth: number;
	readonly errors: SourceError[];
}

function checkShape(origin: Origin, node: AnyNode, around: Surroundings): void {
	if (around.depth > DEEPEST) fail(origin, node, tooDeep);
	const message = isKnownForm(node, around) ? undefined : (rejectedNodes[node.type] ?? shapeError(node, around));
	if (message !== undefined) fail(origin, node, message);
	const isStatement = around.parent?.type === "Program" && node.type.endsWith("Statement");
	const inFunction = around.inFunction || node.type === "FunctionDeclaration" || isStatement;
	const isList = node.type === "Program" || node.type === "BlockStatement";
	for (const child of childrenOf(node)) {
		const check = () => checkShape(origin, child, { ...around, parent: node, inFunction, depth: around.depth + 1 });
		if (isList) attempt(around.errors, check);
		else check();
	}
}

/** `{ ... }` at module level, as the last argument of a call, `paravirt(f, { bytes: 12 })`, or as constants with a name in
 * common; and `[a, b]` on the left of `=` with as many values on the right. */
function isKnownForm(node: AnyNode, { parent, inFunction }: Surroundings): boolean {
	if (node.type === "AssignmentPattern") return parent?.type === "FunctionDeclaration";
	if (node.type === "TemplateLiteral" || node.type === "TemplateElement") return parent !== undefined && isText(parent);
	if (node.type === "ArrayPattern") return parent?.type === "AssignmentExpression" && isExchange(parent);
	if (node.type !== "ObjectExpression" || inFunction) return false;
	if (parent?.type === "VariableDeclarator") return true;
	if (parent?.type !== "CallExpression") return false;
	return isFreeze(parent) || (parent.callee.type === "Identifier" && parent.arguments.at(-1) === node);
}

/** What prints text: a call, or a template of one. */
const isText = ({ type }: AnyNode) => type === "CallExpression" || type === "TemplateLiteral";

/** `Int32Array.from(...)` */
function isFrom({ callee }: CallExpression): boolean {
	if (callee.type !== "MemberExpression" || callee.object.type !== "Identifier") return false;
	const { object, property } = callee;
	return isElementType(object.name) && property.type === "Identifier" && property.name === "from";
}

/** `Object.freeze(...)` */
export function isFreeze({ callee }: CallExpression): boolean {
	if (callee.type !== "MemberExpression" || callee.computed) return false;
	const { object, property } = callee;
	return (
		object.type === "Identifier" &&
		object.name === "Object" &&
		property.type === "Identifier" &&
		property.name === "freeze"
	);
}

function isExchange({ left, right, operator }: AssignmentExpression): boolean {
	if (operator !== "=" || left.type !== "ArrayPattern" || right.type !== "ArrayExpression") return false;
	if (left.elements.length !== right.elements.length || left.elements.length === 0) return false;
	const isTarget = (node: AnyNode | null) => node?.type === "Identifier" || node?.type === "MemberExpression";
	return left.elements.every((node) => isTarget(node as AnyNode | null));
}

/** The nodes directly below, in no promised order. */
export function childrenOf(node: Node): AnyNode[] {
	const found: AnyNode[] = [];
	for (const key in node) {
		const value: unknown = node[key as keyof Node];
		if (typeof value !== "object" || value === null) continue;
		if (isNode(value)) found.push(value);
		else if (Array.isArray(value)) for (const item of value) if (isNode(item)) found.push(item);
	}
	return found;
}

function isNode(value: unknown): value is AnyNode {
	return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}

function shapeError(node: AnyNode, around: Surroundings): string | undefined {
	const { parent, inFunction } = around;
	switch (node.type) {
		case "Program":
			return undefined;
		case "Literal":
			return literalError(node, parent!);
		case "VariableDeclaration":
			if (node.kind !== "let" && node.kind !== "const" && node.kind !== "var")
				return `there is no '${node.kind}': write 'const'`;
			if (parent!.type === "SwitchCase") return "a declaration in a case needs braces: case 1: { let x = 0; ... }";
			return undefined;
		case "VariableDeclarator":
			return undefined;
		case "FunctionDeclaration":
			return functionError(node);
		case "UnaryExpression":
			return node.operator === "+" ? undefined : rejectedOperators[node.operator];
		case "BinaryExpression":
		case "LogicalExpression":
		case "AssignmentExpression":
			return node.operator === "**" ? undefined : rejectedOperators[node.operator];
		case "NewExpression":
			return newError(node, inFunction);
		case "ArrayExpression":
			if (node.elements.includes(null)) return "an element is missing: write 0";
			if (parent!.type === "AssignmentExpression" && isExchange(parent!)) return undefined;
			if (parent!.type === "CallExpression" && isFrom(parent!)) return undefined;
			if (parent!.type !== "NewExpression" && parent!.type !== "Property")
				return "there are no arrays as values: write const table = new Int32Array([...]) at module level";
			return undefined;
		case "CallExpression":
			if (node.callee.type === "Identifier" || node.callee.type === "MemberExpression") return undefined;
			return "only a function's name can be called";
		case "ExpressionStatement":
			return directiveError(node.directive);
		case "ExportNamedDeclaration":
		case "ExportSpecifier":
		case "ImportDeclaration":
			return interfaceError(node);
		default:
			return kept.has(node.type) ? undefined : `'${node.type}' is not part of the language`;
	}
}

/** Nodes with nothing more to check at this point. */
const kept = new Set([
	"BlockStatement",
	"BreakStatement",
	"ConditionalExpression",
	"ContinueStatement",
	"DoWhileStatement",
	"EmptyStatement",
	"ForStatement",
	"Identifier",
	"IfStatement",
	"ImportSpecifier",
	"LabeledStatement",
	"MemberExpression",
	"Property",
	"ReturnStatement",
	"SequenceExpression",
	"SwitchCase",
	"SwitchStatement",
	"UpdateExpression",
	"WhileStatement",
]);

function literalError(node: AnyNode & { type: "Literal" }, parent: AnyNode): string | undefined {
	const { value } = node;
	if (node.bigint != null) return "there are no bigints: numbers are 32-bit integers; keep two halves";
	if (node.regex != null) return "there are no regular expressions: compare numbers";
	return typeof value === "string" ? textError(parent) : undefined;
}

function textError(parent: AnyNode): string | undefined {
	const places = ["CallExpression", "ImportDeclaration", "ExpressionStatement", "Property"];
	return places.includes(parent.type) ? undefined : "text is only for print(...): use a number";
}

function functionError(node: AnyNode & { type: "FunctionDeclaration" }): string | undefined {
	if (node.async) return "there are no async functions: leave out 'async'";
	if (node.generator)
		return "there are no generators: keep the state in module-level variables and return the next value";
	if (node.params.length > MOST_PARAMETERS)
		return `a function has at most ${MOST_PARAMETERS} parameters: pass the rest in module-level variables`;
	return undefined;
}

function newError(node: AnyNode & { type: "NewExpression" }, inFunction: boolean): string | undefined {
	const { callee } = node;
	if (callee.type === "Identifier" && Object.hasOwn(rejectedNames, callee.name)) return rejectedNames[callee.name];
	if (callee.type !== "Identifier" || !isElementType(callee.name))
		return "'new' is only for typed arrays: Int32Array, Uint32Array, Int16Array, Uint16Array, Int8Array and Uint8Array";
	if (inFunction)
		return `a typed array lives at module level: move 'const table = new ${callee.name}(...)' out of the function`;
	return undefined;
}

function directiveError(directive: string | undefined): string | undefined {
	if (directive === undefined || directive === "use strict" || directive === "init") return undefined;
	return 'the only directive is "init", first in a function that runs once at the start';
}

function interfaceError(
	node: AnyNode & { type: "ExportNamedDeclaration" | "ExportSpecifier" | "ImportDeclaration" },
): string | undefined {
	if (node.type === "ImportDeclaration") return undefined;
	if (node.type === "ExportNamedDeclaration")
		return node.source == null
			? undefined
			: "a name is imported from where it is declared: leave out the 'export ... from'";
	const { exported, local } = node;
	if (exported.type === "Identifier" && local.type === "Identifier" && exported.name === local.name) return undefined;
	return "a name is exported as it is: leave out the 'as', and rename where it is imported";
}
