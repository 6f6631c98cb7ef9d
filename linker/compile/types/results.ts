// What calls give. Nothing is known of it but its type: patching may put another function of the same signature there.

import type { CallExpression } from "acorn";
import { isElementType } from "../../format/signatures.ts";
import { calledKey } from "./bind.ts";
import type { Analysis, Builtin, FunctionBinding, Guess, Key } from "./bindings.ts";
import { isImul } from "./constant.ts";

export function typeOfCall(analysis: Analysis, node: CallExpression): Guess {
	if (isImul(node)) return "int";
	const key = calledKey(analysis, node);
	if (key !== undefined) return keyResult(analysis, key);
	const binding = analysis.uses.get(node.callee);
	if (binding?.kind === "builtin") return isKeyTest(binding) ? "bool" : "none";
	return binding?.kind === "function" ? resultOf(analysis, binding) : "none";
}

const isKeyTest = ({ name }: Builtin) => name === "isEnabled" || name === "staticBranch";

function resultOf(analysis: Analysis, fn: FunctionBinding): Guess {
	const result = analysis.guesses.get(fn) ?? fn.result;
	return isElementType(result) ? "none" : result;
}

/** The function that says what a call gives: the one that is called, or that the static call takes its signature from. */
export function functionCalled(analysis: Analysis, node: CallExpression): FunctionBinding | undefined {
	const key = calledKey(analysis, node);
	if (key !== undefined) return isNullable(key) ? undefined : modelOf(analysis, key);
	const binding = analysis.uses.get(node.callee);
	return binding?.kind === "function" ? binding : undefined;
}

function keyResult(analysis: Analysis, key: Key): Guess {
	if (isNullable(key)) return "none";
	const model = modelOf(analysis, key);
	return model === undefined ? "int" : resultOf(analysis, model);
}

/** An operation that is null has to be set before the program starts; then it has a result like any other. */
export const isNullable = ({ initial, form }: Key) => initial === "null" && form !== "paravirt";

/** The function that a key takes its signature from: its default, the one it is `like`, or the first it is given. */
export function modelOf(analysis: Analysis, key: Key): FunctionBinding | undefined {
	for (const name of key.model === undefined ? key.updates : [key.model]) {
		const binding = analysis.uses.get(name);
		if (binding?.kind === "function") return binding;
	}
	return undefined;
}
