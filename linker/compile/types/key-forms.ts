// The shapes of static calls and pointer calls: `staticCall(fn)`, `staticCall(null, like)`, `staticCall.ret0(like)` and
// the same of `defineFfp`; and of static keys, `staticKey(true)`.

import type { CallExpression, Expression, Identifier, SpreadElement } from "acorn";
import { fail, quote } from "../origin.ts";
import type { Binding, Key, Module, StaticKey } from "./bindings.ts";

type Argument = Expression | SpreadElement;

/** What `initial` declares if it is a static call's or pointer's declaration. */
export function keyForm(module: Module, id: Identifier, initial: Expression): Key | undefined {
	if (initial.type !== "CallExpression") return undefined;
	const { callee } = initial;
	const ret0 = callee.type === "MemberExpression" && memberName(callee) === "ret0";
	const name = callee.type === "MemberExpression" ? callee.object : callee;
	const builtin = name.type === "Identifier" ? module.names.get(name.name) : undefined;
	const form = formOf(builtin);
	if (form === undefined) return undefined;
	if (callee.type === "MemberExpression" && !ret0)
		fail(module.origin, callee, `write ${quote(module.origin, name)}.ret0(like), or ${quote(module.origin, name)}(f)`);
	const start = ret0 ? ret0Start(module, initial) : startOf(module, initial);
	return { kind: "key", form, name: id.name, module, node: id, ...start, updates: [], calls: [] };
}

function formOf(builtin: Binding | undefined): Key["form"] | undefined {
	if (builtin?.kind !== "builtin") return undefined;
	if (builtin.name === "staticCall") return "static";
	return builtin.name === "defineFfp" ? "ffp" : undefined;
}

function startOf(module: Module, call: CallExpression): Pick<Key, "initial" | "model"> {
	const [first, like] = call.arguments as [Argument?, Argument?];
	const callee = quote(module.origin, call.callee);
	if (first?.type === "Identifier") {
		if (like !== undefined) fail(module.origin, like, `only ${callee}(null, like) has a second argument`);
		return { initial: "function", model: first };
	}
	if (first?.type !== "Literal" || first.value !== null)
		fail(
			module.origin,
			first ?? call,
			`write ${callee}(f) with a function's name, ${callee}(null, like) or ${callee}.ret0(like)`,
		);
	return { initial: "null", model: modelOf(module, like) };
}

function ret0Start(module: Module, call: CallExpression): Pick<Key, "initial" | "model"> {
	return { initial: "ret0", model: modelOf(module, call.arguments[0]) };
}

function modelOf(module: Module, like: Argument | undefined): Identifier | undefined {
	if (like === undefined || like.type === "Identifier") return like;
	fail(module.origin, like, "this is the name of a function with the same parameters and result");
}

/** What `initial` declares if it is `staticKey(true)` or the like. */
export function staticKeyForm(module: Module, id: Identifier, initial: Expression): StaticKey | undefined {
	if (initial.type !== "CallExpression" || initial.callee.type !== "Identifier") return undefined;
	const builtin = module.names.get(initial.callee.name);
	if (builtin?.kind !== "builtin" || (builtin.name !== "staticKey" && builtin.name !== "plainKey")) return undefined;
	const { callee } = initial;
	const [first] = initial.arguments;
	if (first === undefined || first.type === "SpreadElement" || initial.arguments.length > 1)
		fail(module.origin, initial, `write ${callee.name}(false) or ${callee.name}(true)`);
	const form = builtin.name === "staticKey" ? "static" : "plain";
	return { kind: "static-key", form, name: id.name, module, node: id, initial: first };
}

/** `name` of `object.name`. */
export function memberName(node: { property: { type: string; name?: string }; computed: boolean }): string | undefined {
	return !node.computed && node.property.type === "Identifier" ? node.property.name : undefined;
}
