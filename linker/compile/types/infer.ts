// Types of expressions and, from them, of variables and results. A guess only: it accepts any program and says what
// types it would have; check.ts then holds the program to them.
//
// Requires: bind.ts for all modules. After `inferTypes`: the type of every variable and result is final.

import type { AssignmentExpression, BinaryExpression, CallExpression, Expression, Node } from "acorn";
import { calledKey } from "./bind.ts";
import type {
	Analysis,
	Builtin,
	FunctionBinding,
	Guess,
	Key,
	Local,
	Result,
	Table,
	Type,
	Variable,
} from "./bindings.ts";
import { coercion, constantOf, isImul, numberOf, type Value } from "./constant.ts";

type Typed = Local | Variable | FunctionBinding;

/** What is still open after each round of inference becomes int: results first, so that every module sees the same
 * signature, then variables whose values may leave 0 .. 2^31-1. */
export function inferTypes(analysis: Analysis): void {
	const sources = assignedTo(analysis);
	for (const binding of sources.keys()) analysis.guesses.set(binding, "either");
	infer(analysis, sources);
	for (const [binding, guess] of analysis.guesses)
		if (binding.kind === "function" && isOpen(guess)) analysis.guesses.set(binding, "int");
	infer(analysis, sources);
	for (const [binding, guess] of analysis.guesses) setType(binding, guess === "flex" ? "int" : (guess as Type));
	analysis.guesses.clear();
	analysis.settled = true;
}

/** Every variable and function with what its type follows from. */
function assignedTo(analysis: Analysis): Map<Typed, readonly Expression[]> {
	const sources = new Map<Typed, readonly Expression[]>();
	for (const binding of analysis.uses.values())
		if (binding.kind === "local" && binding.sources.length > 0) sources.set(binding, binding.sources);
	for (const binding of [...analysis.modules.values()].flatMap(({ declared }) => declared)) {
		if (binding.kind === "variable") sources.set(binding, binding.sources);
		if (binding.kind !== "function") continue;
		const values = binding.returns.flatMap(({ argument }) => argument ?? []);
		if (values.length > 0) sources.set(binding, values);
		for (const parameter of binding.parameters) sources.delete(parameter);
	}
	return sources;
}

/** Repeats until nothing changes: guesses only move up, from `either` over `flex` to a type, so that ends. */
function infer(analysis: Analysis, sources: ReadonlyMap<Typed, readonly Expression[]>): void {
	for (let changed = true; changed; ) {
		changed = false;
		for (const [binding, values] of sources) {
			const old = analysis.guesses.get(binding)!;
			if (!isOpen(old)) continue;
			const guess = values.map((value) => typeOf(analysis, value)).reduce(join);
			if (guess === old || guess === "none" || guess === "either") continue;
			analysis.guesses.set(binding, guess);
			changed = true;
		}
	}
}

const isOpen = (guess: Guess) => guess === "either" || guess === "flex";

function setType(binding: Typed, type: Type): void {
	if (binding.kind === "function") binding.result = type;
	else binding.type = type;
}

/** The type of values that come from either of two places. Disagreement is for check.ts to report. */
function join(a: Guess, b: Guess): Guess {
	if (a === "none" || b === "none") return a === "none" ? b : a;
	if (!isOpen(a)) return a;
	if (!isOpen(b)) return b;
	return a === "flex" ? a : b;
}

/** The type of a sum: it may leave the range of its operands. */
function arithmetic(a: Guess, b: Guess): Guess {
	if (a === "int" || a === "uint") return a;
	return b === "int" || b === "uint" ? b : "flex";
}

export function typeOf(analysis: Analysis, node: Node): Guess {
	const known = analysis.types.get(node);
	if (known !== undefined) return known;
	const guess = guessOf(analysis, node as Expression);
	if (analysis.settled) analysis.types.set(node, guess);
	return guess;
}

function guessOf(analysis: Analysis, node: Expression): Guess {
	const of = (part: Node) => typeOf(analysis, part);
	const coerced = node.type === "BinaryExpression" ? coercion(node) : undefined;
	if (coerced !== undefined) return coerced;
	const value = constantOf(analysis, node);
	if (value !== undefined) return typeOfValue(value);
	switch (node.type) {
		case "Identifier":
			return typeOfName(analysis, node);
		case "UnaryExpression":
			return node.operator === "!" ? "bool" : node.operator === "~" ? "int" : arithmetic(of(node.argument), "either");
		case "BinaryExpression":
			return typeOfBinary(analysis, node);
		case "LogicalExpression":
			return join(of(node.left), of(node.right));
		case "ConditionalExpression":
			return join(of(node.consequent), of(node.alternate));
		case "AssignmentExpression":
			return typeOfAssignment(analysis, node);
		case "UpdateExpression":
			return arithmetic(of(node.argument), "either");
		case "MemberExpression": {
			const binding = analysis.uses.get(node.object);
			return binding?.kind === "table" && node.computed ? elementType(binding) : "none";
		}
		case "CallExpression":
			return typeOfCall(analysis, node);
		case "SequenceExpression":
			return of(node.expressions.at(-1)!);
		default:
			return "none";
	}
}

export function typeOfValue(value: Value): Type {
	if (typeof value === "boolean") return "bool";
	return value < 0 ? "int" : value > 0x7fffffff ? "uint" : "either";
}

export function elementType({ element }: Table): Type {
	return element === "Int32Array" ? "int" : element === "Uint32Array" ? "uint" : "either";
}

function typeOfName(analysis: Analysis, node: Node): Guess {
	const binding = analysis.uses.get(node);
	if (binding?.kind !== "local" && binding?.kind !== "variable") return "none";
	return analysis.guesses.get(binding) ?? binding.type;
}

function typeOfBinary(analysis: Analysis, node: BinaryExpression): Guess {
	const [left, right] = [typeOf(analysis, node.left), typeOf(analysis, node.right)];
	switch (node.operator) {
		case "+":
		case "-":
		case "*":
		case "/":
			return arithmetic(left, right);
		case "%":
			return left === "either" && right === "either" ? "either" : arithmetic(left, right);
		case "&":
			return isSmall(analysis, node.left) || isSmall(analysis, node.right) ? "either" : "int";
		case "|":
		case "^":
		case "<<":
		case ">>":
			return "int";
		case ">>>":
			return "uint";
		default:
			return "bool";
	}
}

/** A mask that clears the sign. */
function isSmall(analysis: Analysis, node: Node): boolean {
	const value = numberOf(analysis, node);
	return value !== undefined && (value | 0) >= 0;
}

function typeOfAssignment(analysis: Analysis, node: AssignmentExpression): Guess {
	const right = typeOf(analysis, node.right);
	const isVariable = node.left.type === "Identifier";
	if (node.operator === "=") return isVariable && right === "flex" ? typeOf(analysis, node.left) : right;
	if (node.operator === ">>>=") return "uint";
	if (["&=", "|=", "^=", "<<=", ">>="].includes(node.operator)) return "int";
	return arithmetic(typeOf(analysis, node.left), right);
}

function typeOfCall(analysis: Analysis, node: CallExpression): Guess {
	if (isImul(node)) return "int";
	const key = calledKey(analysis, node);
	if (key !== undefined) return keyResult(analysis, key);
	const binding = analysis.uses.get(node.callee);
	if (binding?.kind === "builtin") return isKeyTest(binding) ? "bool" : "none";
	return binding?.kind === "function" ? resultOf(analysis, binding) : "none";
}

const isKeyTest = ({ name }: Builtin) => name === "isEnabled" || name === "staticBranch";

const resultOf = (analysis: Analysis, fn: FunctionBinding): Guess => analysis.guesses.get(fn) ?? fn.result;

function keyResult(analysis: Analysis, key: Key): Guess {
	if (isNullable(key)) return "none";
	const model = modelOf(analysis, key);
	return model === undefined ? "int" : resultOf(analysis, model);
}

/** What both sides of a call agree on. */
export interface Signature {
	readonly parameters: readonly ("int" | "uint")[];
	readonly result: Result;
	/** May be null: a call's result cannot be used. */
	readonly nullable: boolean;
}

/** An operation that is null has to be set before the program starts; then it has a result like any other. */
const isNullable = ({ initial, form }: Key) => initial === "null" && form !== "paravirt";

/** The function that a key takes its signature from: its default, the one it is `like`, or the first it is given. */
function modelOf(analysis: Analysis, key: Key): FunctionBinding | undefined {
	for (const name of key.model === undefined ? key.updates : [key.model]) {
		const binding = analysis.uses.get(name);
		if (binding?.kind === "function") return binding;
	}
	return undefined;
}

export function functionSignature(fn: FunctionBinding): Signature {
	return { parameters: fn.parameters.map(parameterType), result: fn.result, nullable: false };
}

const parameterType = ({ type }: { type: Guess }) => (type === "uint" ? "uint" : "int");

/** Undefined when neither a function nor a call of its own module tells. */
export function keySignature(analysis: Analysis, key: Key): Signature | undefined {
	const nullable = isNullable(key);
	const model = modelOf(analysis, key);
	if (model !== undefined) {
		const signature = functionSignature(model);
		return { ...signature, nullable, result: nullable ? "none" : signature.result };
	}
	const call = key.calls[0];
	if (call === undefined) return undefined;
	const parameters = call.arguments.map((node) => parameterType({ type: typeOf(analysis, node) }));
	return { parameters, result: nullable ? "none" : "int", nullable };
}
