// Types of expressions and, from them, of variables and results. A guess only: it accepts any program and says what
// types it would have; check.ts then holds the program to them.
//
// Requires: bind.ts for all modules. After `inferTypes`: the type of every variable and result is final.

import type { AssignmentExpression, BinaryExpression, CallExpression, Expression, Node } from "acorn";
import { isElementType, type SignatureTypes } from "../../format/signatures.ts";
import type { Analysis, FunctionBinding, Guess, Key, Local, Range, Table, Type, Variable } from "./bindings.ts";
import { coercion, constantOf, extremeOf, isNumberCall, mathName, roundedDivision, type Value } from "./constant.ts";
import { memberName } from "./key-forms.ts";
import { findSmall, fitsBoth, isOnlyUnsigned, isSigned, rangeOf, union } from "./ranges.ts";
import { isNullable, modelOf, typeOfCall } from "./results.ts";
import { tableTypeOf } from "./tables.ts";

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
	const types = Array.from(
		analysis.guesses,
		([binding, guess]) => [binding, settledType(analysis, sources.get(binding)!, guess)] as const,
	);
	for (const [binding, type] of types) setType(binding, type);
	analysis.guesses.clear();
	findSmall(analysis, new Map([...sources].filter(isVariable)));
	analysis.settled = true;
}

/** Arithmetic without a sign is int, unless only uint holds all that it can give. */
function settledType(analysis: Analysis, sources: readonly Expression[], guess: Guess): Type {
	if (guess !== "flex") return guess as Type;
	return isOnlyUnsigned(sources.map((source) => rangeOf(analysis, source)).reduce(union)) ? "uint" : "int";
}

const isVariable = (entry: [Typed, readonly Expression[]]): entry is [Local | Variable, readonly Expression[]] =>
	entry[0].kind !== "function";

/** Every variable and function with what its type follows from. */
function assignedTo(analysis: Analysis): Map<Typed, readonly Expression[]> {
	const sources = new Map<Typed, readonly Expression[]>();
	for (const binding of analysis.uses.values())
		if (binding.kind === "local" && binding.view === undefined && binding.sources.length > 0)
			sources.set(binding, binding.sources);
	for (const binding of [...analysis.modules.values()].flatMap(({ declared }) => declared)) {
		if (binding.kind === "variable" && binding.view === undefined) sources.set(binding, binding.sources);
		if (binding.kind !== "function") continue;
		const values = binding.returns.flatMap(({ argument }) => argument ?? []);
		if (values.length > 0 && !isElementType(binding.result)) sources.set(binding, values);
		for (const parameter of binding.parameters) sources.delete(parameter);
	}
	return sources;
}

/** Repeats until nothing changes: guesses only move up, from `either` over `flex` to a type, so that ends. */
function infer(analysis: Analysis, sources: ReadonlyMap<Typed, readonly Expression[]>): void {
	for (let changed = true; changed; ) {
		changed = false;
		analysis.ranges.clear();
		for (const [binding, values] of sources) {
			const old = analysis.guesses.get(binding)!;
			if (!isOpen(old)) continue;
			const guess = agree(values.map((value) => sideOf(analysis, value)));
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

/** What is known of one of several expressions that are to have one type. */
export interface Side {
	readonly guess: Guess;
	readonly range: Range;
}

export const sideOf = (analysis: Analysis, node: Node): Side => ({
	guess: typeOf(analysis, node),
	range: rangeOf(analysis, node),
});

/** The type of values that come from one of several places. What fits both types yields to the others; other
 * disagreement is for check.ts to report. */
export function agree(sides: readonly Side[]): Guess {
	const guesses = sides.map(({ guess }) => guess).filter((guess) => guess !== "none");
	const sign = signOf(sides);
	if (sign !== undefined && !guesses.includes("bool")) return sign;
	return guesses.find((guess) => !isOpen(guess)) ?? guesses.find((guess) => guess === "flex") ?? guesses[0] ?? "none";
}

/** The sign that the sides ask for: those that fit both types only if the others ask for none, or for the same. */
export function signOf(sides: readonly Side[]): "int" | "uint" | undefined {
	const signed = sides.filter(({ guess }) => guess === "int" || guess === "uint");
	const firm = signed.filter(({ range }) => !fitsBoth(range));
	return [...firm, ...signed][0]?.guess as "int" | "uint" | undefined;
}

/** The sign that a value has and cannot do without. */
export function firmSign({ guess, range }: Side): "int" | "uint" | undefined {
	return (guess === "int" || guess === "uint") && !fitsBoth(range) ? guess : undefined;
}

/** The sign that an operand of a comparison needs, if it needs one: nothing asks for another, as what surrounds a sum may. */
export function neededSign(side: Side): "int" | "uint" | undefined {
	if (fitsBoth(side.range)) return undefined;
	return firmSign(side) ?? (isOnlyUnsigned(side.range) ? "uint" : isSigned(side.range) ? "int" : undefined);
}

/** The type of a sum: it may leave the range of its operands. What can be negative is no reason to be uint if both
 * operands fit int. */
export function signOfSum(sides: readonly Side[], range: Range): "int" | "uint" | undefined {
	return range.low < 0 && sides.every((side) => fitsBoth(side.range)) ? undefined : signOf(sides);
}

function arithmetic(analysis: Analysis, node: Node, operands: readonly Node[]): Guess {
	const range = rangeOf(analysis, node);
	if (fitsBoth(range)) return "either";
	return (
		signOfSum(
			operands.map((operand) => sideOf(analysis, operand)),
			range,
		) ?? "flex"
	);
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
			if (node.operator === "!") return "bool";
			if (node.operator === "+") return asNumber(of(node.argument));
			return node.operator === "~" ? "int" : arithmetic(analysis, node, [node.argument]);
		case "BinaryExpression":
			return typeOfBinary(analysis, node);
		case "LogicalExpression":
			if (node.operator === "??") return of(node.left);
			return agree([node.left, node.right].map((side) => sideOf(analysis, side)));
		case "ConditionalExpression":
			return agree([node.consequent, node.alternate].map((side) => sideOf(analysis, side)));
		case "AssignmentExpression":
			return typeOfAssignment(analysis, node);
		case "UpdateExpression":
			return arithmetic(analysis, node, [node.argument]);
		case "MemberExpression": {
			const element = tableTypeOf(analysis, node.object);
			if (element === undefined) return "none";
			if (node.computed) return elementType({ element });
			return (
				{ length: "either" as const, "size#": "either" as const, "address#": "uint" as const }[
					memberName(node) ?? ""
				] ?? "none"
			);
		}
		case "CallExpression":
			return typeOfExtreme(analysis, node) ?? typeOfMath(analysis, node) ?? typeOfCall(analysis, node);
		case "SequenceExpression":
			return of(node.expressions.at(-1)!);
		default:
			return "none";
	}
}

/** The smaller of an int and a uint is an int, the larger one a uint. */
function typeOfExtreme(analysis: Analysis, node: CallExpression): Guess | undefined {
	const extreme = extremeOf(node);
	if (extreme === undefined) return undefined;
	if (fitsBoth(rangeOf(analysis, node))) return "either";
	const sides = node.arguments.map((side) => sideOf(analysis, side));
	const needed = sides.map(neededSign);
	if (needed.includes("int") && needed.includes("uint")) return extreme === "min" ? "int" : "uint";
	const agreed = agree(sides);
	return agreed === "flex" ? (needed.find((sign) => sign !== undefined) ?? agreed) : agreed;
}

/** What arithmetic sees of a boolean: 0 or 1. */
const asNumber = (guess: Guess): Guess => (guess === "bool" ? "either" : guess);

function typeOfMath(analysis: Analysis, node: CallExpression): Guess | undefined {
	const name = isNumberCall(node) ? "Number" : mathName(node);
	const [argument] = node.arguments;
	if (argument === undefined) return undefined;
	switch (name) {
		case "sign":
			return fitsBoth(rangeOf(analysis, node)) ? "either" : "int";
		case "clz32":
			return "either";
		case "abs":
			return fitsBoth(rangeOf(analysis, node)) ? "either" : asNumber(typeOf(analysis, argument));
		case "floor":
		case "ceil":
		case "round":
		case "trunc":
		case "Number": {
			const division = roundedDivision(node);
			if (division !== undefined) return arithmetic(analysis, node, [division.left, division.right]);
			return asNumber(typeOf(analysis, argument));
		}
		default:
			return undefined;
	}
}

export function typeOfValue(value: Value): Type {
	if (typeof value === "boolean") return "bool";
	return value < 0 ? "int" : value > 0x7fffffff ? "uint" : "either";
}

export function elementType({ element }: Pick<Table, "element">): Type {
	if (element === "Uint32Array") return "uint";
	return element.startsWith("Int") ? "int" : "either";
}

function typeOfName(analysis: Analysis, node: Node): Guess {
	const binding = analysis.uses.get(node);
	if (binding?.kind !== "local" && binding?.kind !== "variable") return "none";
	if (binding.view !== undefined) return "none";
	return analysis.guesses.get(binding) ?? binding.type;
}

function typeOfBinary(analysis: Analysis, node: BinaryExpression): Guess {
	switch (node.operator) {
		case "+":
		case "-":
		case "*":
		case "**":
		case "/":
		case "%":
			return arithmetic(analysis, node, [node.left, node.right]);
		case "&":
		case "|":
		case "^":
		case "<<":
		case ">>":
			return fitsBoth(rangeOf(analysis, node)) ? "either" : "int";
		case ">>>":
			return fitsBoth(rangeOf(analysis, node)) ? "either" : "uint";
		default:
			return "bool";
	}
}

function typeOfAssignment(analysis: Analysis, node: AssignmentExpression): Guess {
	const { left, operator } = node;
	if (operator === "=") {
		const right = typeOf(analysis, node.right);
		return left.type === "Identifier" && right === "flex" ? typeOf(analysis, left) : right;
	}
	if (["&=", "|=", "^=", "<<=", ">>=", ">>>="].includes(operator)) {
		if (fitsBoth(rangeOf(analysis, node))) return "either";
		return operator === ">>>=" ? "uint" : "int";
	}
	if (operator === "??=") return typeOf(analysis, left);
	if (operator === "||=" || operator === "&&=") return agree([left, node.right].map((side) => sideOf(analysis, side)));
	return arithmetic(analysis, node, [left, node.right]);
}

/** What both sides of a call agree on. */
export type Signature = SignatureTypes;

export function functionSignature(fn: FunctionBinding): Signature {
	return {
		parameters: fn.parameters.map((local) => local.view?.element ?? parameterType(local)),
		result: fn.result === "either" ? "int" : fn.result,
		nullable: false,
	};
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
	const parameters = call.arguments.map(
		(node) => tableTypeOf(analysis, node) ?? parameterType({ type: typeOf(analysis, node) }),
	);
	return { parameters, result: nullable ? "none" : "int", nullable };
}
