// Static keys, checked: their initial value, the branches that follow them, and what switches them.

import type { CallExpression, Expression as Syntax } from "acorn";
import type { Expression } from "../ir.ts";
import type { BuiltinName, StaticKey } from "./bindings.ts";
import { constantOf } from "./constant.ts";
import { at, bindingOf, refuse, type Surroundings, text } from "./surroundings.ts";

export function checkStaticKey(c: Surroundings, { initial }: StaticKey): void {
	if (typeof constantOf(c.analysis, initial) === "boolean") return;
	refuse(
		c,
		initial,
		`'${text(c, initial)}' is not known to be true or false: write staticKey(false) or staticKey(true)`,
	);
}

/** Whether a checked key starts enabled. */
export function startsEnabled(c: Pick<Surroundings, "analysis">, { initial }: StaticKey): boolean {
	return constantOf(c.analysis, initial) === true;
}

/** The branch that `staticBranch(key)` or `staticBranch(key, expected)` is, where a condition stands. */
export function staticBranch(c: Surroundings, node: Syntax): Expression | undefined {
	if (node.type !== "CallExpression") return undefined;
	const builtin = bindingOf(c, node.callee);
	if (builtin?.kind !== "builtin" || builtin.name !== "staticBranch") return undefined;
	const key = staticKeyOf(c, node, "staticBranch", 2);
	const [, hint] = node.arguments as Syntax[];
	const enabled = startsEnabled(c, key);
	const expected = hint === undefined ? enabled : constantOf(c.analysis, hint);
	if (typeof expected !== "boolean")
		refuse(
			c,
			hint!,
			`which way is expected is true or false, known before the program runs: leave it out, or write true`,
		);
	if (key.form === "plain") return isEnabledExpression(c, node, key);
	return { op: "staticBranch", key, expected, enabled, type: "bool", at: at(c, node) };
}

/** `isEnabled(key)`, as a value. */
export function isEnabled(c: Surroundings, node: CallExpression): Expression {
	return isEnabledExpression(c, node, staticKeyOf(c, node, "isEnabled"));
}

function isEnabledExpression(c: Surroundings, node: CallExpression, key: StaticKey): Expression {
	const position = at(c, node);
	const left: Expression = { op: "users", key, type: "int", at: position };
	const right: Expression = { op: "constant", value: 0, type: "either", at: position };
	return { op: "compare", condition: "ne", left, right, type: "bool", at: position };
}

/** The key that is the first argument. @param most how many arguments there may be */
export function staticKeyOf(c: Surroundings, node: CallExpression, name: BuiltinName, most = 1): StaticKey {
	const [first] = node.arguments;
	if (first === undefined || node.arguments.length > most) refuse(c, node, `write ${name}(key)`);
	const key = bindingOf(c, first);
	if (key?.kind === "static-key") return key;
	refuse(c, first, `'${text(c, first)}' is not a static key: write ${name}(key), with const key = staticKey(false)`);
}

export const staticKeyPlace = (name: string) => `a static key is made at module level: const key = ${name}(false)`;

/** `staticBranch` where there is no branch to patch. */
export function refuseBranch(c: Surroundings, node: CallExpression): never {
	const [first] = node.arguments;
	const key = first === undefined ? "key" : text(c, first);
	refuse(
		c,
		node,
		`'${text(c, node)}' decides a branch and has no value: write if (staticBranch(${key})), or isEnabled(${key}) for the value`,
	);
}
