// Calls, checked: of functions, of static calls and pointers, of Math.imul, and of what patchbay/source provides.

import type { CallExpression, Expression as Syntax } from "acorn";
import { isElementType, MOST_PARAMETERS } from "../../format/signatures.ts";
import type { Expression, Target } from "../ir.ts";
import { mathInstead, rejectedNames } from "../rejected.ts";
import { calledKey } from "./bind.ts";
import type { BuiltinName, FunctionBinding, Key } from "./bindings.ts";
import { extremeOf, isImul } from "./constant.ts";
import { expressions } from "./declare.ts";
import { functionSignature, keySignature, type Signature } from "./infer.ts";
import { memberName } from "./key-forms.ts";
import { mayBeMinusZero } from "./minus-zero.ts";
import { isEnabled, refuseBranch, staticKeyOf, staticKeyPlace } from "./static-keys.ts";
import { at, bindingOf, operandOf, refuse, type Surroundings, text, textual } from "./surroundings.ts";
import { tableTypeOf } from "./tables.ts";
import { tableValue } from "./views.ts";

/** @param used whether somebody reads the result */
export function call(c: Surroundings, node: CallExpression, used: boolean): Expression {
	if (isConsoleLog(node)) {
		if (used) refuse(c, node, "'console.log' returns no value: write it on a line of its own");
		return log(c, node);
	}
	if (used && tableTypeOf(c.analysis, node) !== undefined)
		refuse(c, node, `'${text(c, node)}' is a table: write ${text(c, node)}[i] or ${text(c, node)}.length`);
	if (isImul(node)) return imul(c, node);
	if (extremeOf(node) !== undefined)
		refuse(c, node, `'${text(c, node)}' does nothing here: assign it to a variable, or leave it out`);
	return callNamed(c, node, used);
}

/** Requires: the call gives a typed array, but is no \`t.subarray(...)\`. */
export const tableCall = (c: Surroundings, node: CallExpression): Expression & { op: "call" } =>
	callNamed(c, node, true) as Expression & { op: "call" };

function callNamed(c: Surroundings, node: CallExpression, used: boolean): Expression {
	const key = calledKey(c.analysis, node);
	const binding = key ?? bindingOf(c, node.callee as Syntax);
	switch (binding?.kind) {
		case "key":
			if (key === undefined) refuse(c, node.callee, `'${binding.name}' is a pointer: call ${binding.name}.fn(...)`);
			return callKey(c, node, key, used);
		case "function":
			return callFunction(c, node, binding, used);
		case "builtin":
			if (used && binding.name === "isEnabled") return isEnabled(c, node);
			if (used) refuseResult(c, node, binding.name);
			return callBuiltin(c, node, binding.name);
		case "local":
		case "variable":
		case "constant":
		case "constants":
		case "table":
		case "static-key":
			return refuse(c, node.callee, `'${text(c, node.callee)}' is not a function`);
		case undefined:
			return refuseCallee(c, node);
	}
}

function callFunction(c: Surroundings, node: CallExpression, whole: FunctionBinding, used: boolean): Expression {
	const callee = whole.shorter.get(node.arguments.length) ?? whole;
	const { result, parameters } = functionSignature(callee);
	if (used && result === "none")
		refuse(c, node, `'${callee.name}' returns no value: let it return one, or call it on a line of its own`);
	return {
		op: "call",
		callee,
		parameters: passed(c, node, parameters, callee.defaults),
		type: typeGiven(result),
		at: at(c, node),
	};
}

function callKey(c: Surroundings, node: CallExpression, callee: Key, used: boolean): Expression {
	const { result, parameters, nullable } = signatureOf(c, callee, node);
	if (used && nullable)
		refuse(
			c,
			node,
			`'${callee.name}' may be null, and then there is no result: write ${text(c, node)}; on a line of its own, or use staticCall.ret0`,
		);
	if (used && result === "none")
		refuse(c, node, `what '${callee.name}' calls returns no value: call it on a line of its own`);
	return { op: "call", callee, parameters: passed(c, node, parameters), type: typeGiven(result), at: at(c, node) };
}

/** The first word of what a call gives: of a typed array, that is its address. */
const typeGiven = (result: Signature["result"]) => (isElementType(result) ? "uint" : result);

function signatureOf(c: Surroundings, key: Key, node: Syntax): Signature {
	const signature = keySignature(c.analysis, key);
	if (signature !== undefined) return signature;
	refuse(
		c,
		node,
		`nothing says which parameters '${key.name}' has: write staticCall(null, like) with a function like those it will call`,
	);
}

function passed(
	c: Surroundings,
	node: CallExpression,
	parameters: Signature["parameters"],
	defaults: FunctionBinding["defaults"] = [],
): Expression[] {
	const given = [...expressions(node.arguments)];
	for (let i = given.length; i < parameters.length && defaults[i] !== undefined; i++) given.push(defaults[i]!);
	const callee = text(c, node.callee);
	if (given.length > MOST_PARAMETERS)
		refuse(c, node, `a call passes at most ${MOST_PARAMETERS} arguments: pass the rest in module-level variables`);
	if (given.length !== parameters.length)
		refuse(c, node, `'${callee}' takes ${count(parameters.length)}, not ${node.arguments.length}`);
	return given.flatMap((argument, i) => {
		const type = parameters[i]!;
		const who = `argument ${i + 1} of '${callee}'`;
		if (type === "int" || type === "uint") return [c.typed(argument, type, who)];
		const { address, length } = tableValue(c, argument, type, who);
		return [address, length];
	});
}

const count = (n: number) => (n === 1 ? "1 argument" : `${n} arguments`);

function imul(c: Surroundings, node: CallExpression): Expression {
	const [a, b] = expressions(node.arguments);
	if (a === undefined || b === undefined || node.arguments.length > 2) refuse(c, node, "Math.imul takes 2 arguments");
	const [left, right] = [a, b].map((side) => operandOf(c, side).check("coerced", undefined)) as [
		Expression,
		Expression,
	];
	return { op: "binary", operator: "mul", left, right, type: "int", at: at(c, node) };
}

function refuseCallee(c: Surroundings, node: CallExpression): never {
	const { callee } = node;
	if (callee.type !== "MemberExpression") refuse(c, callee, `'${text(c, callee)}' is not a function`);
	const object = callee.object as Syntax;
	const name = memberName(callee) ?? "";
	if (tableTypeOf(c.analysis, node) !== undefined)
		refuse(c, node, `'${text(c, node)}' is a table: give it a name, const part = ..., or pass it to a function`);
	const binding = bindingOf(c, object);
	if (object.type === "Identifier" && object.name === "Math") {
		const instead = Object.hasOwn(mathInstead, name) ? mathInstead[name] : undefined;
		refuse(c, callee, instead === undefined ? rejectedNames.Math! : `there is no Math.${name}: ${instead}`);
	}
	if (binding?.kind === "key" && binding.form === "static")
		refuse(c, callee, `'${binding.name}' is a static call: write ${binding.name}(...)`);
	if (binding?.kind === "builtin") refuse(c, node, keyPlace(binding.name));
	refuse(c, callee, "there are no methods: call a function, and pass it what it needs");
}

const keyPlace = (name: string) =>
	name === "paravirt"
		? "an operation is made at module level: const op = paravirt(f)"
		: `a static call is made at module level: const key = ${name}(f)`;

function refuseResult(c: Surroundings, node: CallExpression, name: BuiltinName): never {
	if (name === "staticCall" || name === "defineFfp" || name === "paravirt") refuse(c, node, keyPlace(name));
	if (name === "staticKey" || name === "plainKey") refuse(c, node, staticKeyPlace(name));
	if (name === "staticBranch") refuseBranch(c, node);
	if (name === "query" || name === "queryFfp")
		refuse(c, node, `what '${name}' finds can only be compared: write ${name}(key) === f`);
	refuse(c, node, `'${name}' returns no value: write it on a line of its own`);
}

function callBuiltin(c: Surroundings, node: CallExpression, name: BuiltinName): Expression {
	switch (name) {
		case "print":
			return print(c, node);
		case "update":
		case "setFfp": {
			const [, target] = node.arguments;
			const key = keyOf(c, node, name, 2);
			return retarget(c, node, key, target as Syntax);
		}
		case "reset":
		case "resetFfp":
			return { op: "reset", key: keyOf(c, node, name, 1), type: "none", at: at(c, node) };
		case "enable":
		case "disable":
		case "increment":
		case "decrement":
			return { op: "toggle", key: staticKeyOf(c, node, name), how: name, type: "none", at: at(c, node) };
		case "isEnabled":
			return refuse(c, node, `'${text(c, node)}' does nothing here: assign it to a variable, or leave it out`);
		case "query":
		case "queryFfp":
		case "staticCall":
		case "defineFfp":
		case "staticKey":
		case "plainKey":
		case "staticBranch":
		case "paravirt":
			return refuseResult(c, node, name);
	}
}

/** `update(key, test ? f : g)` evaluates the test and then does one of two updates. */
function retarget(c: Surroundings, node: CallExpression, key: Key, target: Syntax): Expression {
	if (target.type !== "ConditionalExpression")
		return { op: "retarget", key, target: targetOf(c, key, target), type: "none", at: at(c, node) };
	const [yes, no] = [target.consequent, target.alternate].map((one) => retarget(c, node, key, one));
	return { op: "choose", test: c.condition(target.test), yes: yes!, no: no!, type: "none", at: at(c, node) };
}

function print(c: Surroundings, node: CallExpression): Expression {
	const values: (Expression | string)[] = [];
	const joined = new Set<number>();
	for (const argument of expressions(node.arguments)) {
		const parts = partsOf(c, argument);
		for (const [i, part] of parts.entries()) if (values.push(part) && i > 0) joined.add(values.length - 1);
	}
	return { op: "print", values, joined, type: "none", at: at(c, node) };
}

/** What one argument prints, without spaces between: a text, a number, or the parts of a template. */
function partsOf(c: Surroundings, argument: Syntax): (Expression | string)[] {
	if (argument.type === "Literal" && typeof argument.value === "string") return [argument.value];
	const number = (node: Syntax) => textual(c, node) ?? c.numeric(node);
	if (argument.type !== "TemplateLiteral") return [number(argument)];
	const { quasis, expressions: values } = argument;
	const parts = quasis.flatMap(({ value }, i) => {
		const shown = values[i];
		const texts = value.cooked ? [value.cooked] : [];
		return shown === undefined ? texts : [...texts, number(shown)];
	});
	return parts.length === 0 ? [""] : parts;
}

const isConsoleLog = ({ callee }: CallExpression): boolean =>
	callee.type === "MemberExpression" &&
	callee.object.type === "Identifier" &&
	callee.object.name === "console" &&
	memberName(callee) === "log";

/** `console.log` prints what `print` does, but for `%` in its first text and for -0, which has a sign there. */
function log(c: Surroundings, node: CallExpression): Expression {
	const [first] = node.arguments;
	const isFormat =
		first !== undefined && node.arguments.length > 1 && text(c, first).includes("%") && isText(first as Syntax);
	if (isFormat) refuse(c, first, "console.log reads a '%' in its first text as a format: write print(...)");
	for (const argument of expressions(node.arguments))
		if (!isText(argument) && mayBeMinusZero(c.analysis, argument))
			refuse(
				c,
				argument,
				`console.log shows a sign for -0, which '${text(c, argument)}' may be in JavaScript: write print(...)`,
			);
	return print(c, node);
}

const isText = (node: Syntax) =>
	node.type === "TemplateLiteral" || (node.type === "Literal" && typeof node.value === "string");

/** The key in front of `update` and its like. */
function keyOf(c: Surroundings, node: CallExpression, name: BuiltinName, arity: number): Key {
	const [first] = node.arguments;
	const shown = arity === 2 ? `${name}(key, f)` : `${name}(key)`;
	if (first === undefined || node.arguments.length !== arity) refuse(c, node, `write ${shown}`);
	const key = bindingOf(c, first);
	if (key?.kind !== "key")
		refuse(c, first, `'${text(c, first)}' is not a static call: write ${shown}, with const key = staticCall(f)`);
	const form = name.endsWith("Ffp") ? "ffp" : "static";
	if (key.form === "paravirt")
		refuse(c, first, `'${key.name}' is an operation, which is only set before the program starts: --set ${key.name}=f`);
	if (key.form !== form)
		refuse(
			c,
			first,
			`'${key.name}' is made with ${key.form === "ffp" ? "defineFfp" : "staticCall"}, '${name}' is for the other kind`,
		);
	return key;
}

/** The key that `query(key)` asks about. */
export function queriedKey(c: Surroundings, node: Syntax): Key | undefined {
	if (node.type !== "CallExpression") return undefined;
	const binding = bindingOf(c, node.callee as Syntax);
	if (binding?.kind !== "builtin" || (binding.name !== "query" && binding.name !== "queryFfp")) return undefined;
	return keyOf(c, node, binding.name, 1);
}

/** `fn`, `null` or `staticCall.ret0`, fit for the key. */
export function targetOf(c: Surroundings, key: Key, node: Syntax): Target {
	if (node.type === "Literal" && node.value === null) {
		if (key.initial !== "null")
			refuse(
				c,
				node,
				`'${key.name}' is never null: only a key made with staticCall(null) can be, and its results cannot be used`,
			);
		return "null";
	}
	if (node.type === "MemberExpression" && memberName(node) === "ret0") {
		const builtin = bindingOf(c, node.object as Syntax);
		if (builtin?.kind === "builtin") return checkRet0(c, key, node);
	}
	const fn = bindingOf(c, node);
	if (fn?.kind !== "function")
		refuse(c, node, `'${text(c, node)}' is not the name of a function, null or staticCall.ret0`);
	checkFit(c, key, fn, node);
	return fn;
}

/** Node's 0 is not false. */
export function checkRet0(c: Surroundings, key: Key, node: Syntax): "ret0" {
	const result = keySignature(c.analysis, key)?.result;
	if (result !== undefined && isElementType(result))
		refuse(c, node, `'${key.name}' returns a table, and 0 is none: give it a function that returns one`);
	if (result !== "bool") return "ret0";
	refuse(c, node, `'${key.name}' returns a boolean, and 0 is none: give it a function that returns false`);
}

function checkFit(c: Surroundings, key: Key, fn: FunctionBinding, node: Syntax): void {
	const wanted = signatureOf(c, key, node);
	const given = functionSignature(fn);
	if (begins(wanted.parameters, given.parameters) && (wanted.nullable || wanted.result === given.result)) return;
	refuse(
		c,
		node,
		`'${key.name}' is called as ${show(wanted)}, but '${fn.name}' is ${show({ ...given, nullable: wanted.nullable })}`,
	);
}

/** A function with fewer parameters does not look at the other arguments. */
const begins = (whole: readonly string[], part: readonly string[]) =>
	part.length <= whole.length && part.every((type, i) => type === whole[i]);

function show({ parameters, result, nullable }: Signature): string {
	const list = `(${parameters.join(", ")})`;
	return nullable ? list : `${list} -> ${result === "none" ? "nothing" : result}`;
}
