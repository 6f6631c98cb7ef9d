// The shapes of static calls and pointer calls: `staticCall(fn)`, `staticCall(null, like)`, `staticCall.ret0(like)` and
// the same of `defineFfp`; of static keys, `staticKey(true)`; and of paravirt operations, `paravirt(fn, options)` and
// `paravirt(null, like, options)`.

import type { CallExpression, Expression, Identifier, ObjectExpression, Property, SpreadElement } from "acorn";
import { suggestion } from "../../errors.ts";
import { clobberKinds } from "../../isa/index.ts";
import { fail, quote } from "../origin.ts";
import type { Binding, Contract, Key, Module, StaticKey } from "./bindings.ts";

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
	const start =
		form === "paravirt"
			? operationOf(module, callee, initial)
			: { ...(ret0 ? ret0Start(module, initial) : startOf(module, initial)), also: [] };
	return { kind: "key", form, name: id.name, module, node: id, ...start, updates: [], calls: [] };
}

function operationOf(
	module: Module,
	callee: CallExpression["callee"],
	call: CallExpression,
): Pick<Key, "initial" | "model" | "also"> & { contract: Contract } {
	if (callee.type === "MemberExpression")
		fail(module.origin, callee, "write paravirt(f): an operation that returns 0 is one of a function that does");
	const last = call.arguments.at(-1);
	const given = last?.type === "ObjectExpression" ? last : undefined;
	const start = startOf(module, { ...call, arguments: given ? call.arguments.slice(0, -1) : call.arguments });
	const options = given === undefined ? new Map<string, Expression>() : optionsOf(module, given);
	const contract: Contract = {
		clobbers: clobbersOf(module, options.get("clobbers")),
		bytes: bytesOf(module, options.get("bytes")),
	};
	return { ...start, contract, also: alsoOf(module, options.get("also")) };
}

const optionNames = ["clobbers", "bytes", "also"];

function optionsOf(module: Module, node: ObjectExpression): Map<string, Expression> {
	const options = new Map<string, Expression>();
	for (const property of node.properties as Property[]) {
		const name = !property.computed && property.key.type === "Identifier" ? property.key.name : "";
		if (!optionNames.includes(name) || property.kind !== "init")
			fail(
				module.origin,
				property.key,
				`an operation has no such option${suggestion(name, optionNames)}: write { clobbers: "result", bytes: 12, also: [f] }`,
			);
		options.set(name, property.value);
	}
	return options;
}

function clobbersOf(module: Module, node: Expression | undefined): Contract["clobbers"] {
	const kind = node === undefined ? "all" : clobberKinds.find((one) => node.type === "Literal" && node.value === one);
	return kind ?? fail(module.origin, node!, 'what a call may change is "none", "result" or "all"');
}

function bytesOf(module: Module, node: Expression | undefined): number {
	if (node === undefined) return LEAST_BYTES;
	const value = node.type === "Literal" ? node.value : undefined;
	if (typeof value === "number" && Number.isInteger(value) && value >= LEAST_BYTES && value <= MOST_BYTES) return value;
	fail(module.origin, node, `room at a site is a number of bytes from ${LEAST_BYTES}, for a call, to ${MOST_BYTES}`);
}

function alsoOf(module: Module, node: Expression | undefined): Identifier[] {
	if (node === undefined) return [];
	const names = node.type === "ArrayExpression" ? node.elements : [undefined];
	return names.map((name) =>
		name?.type === "Identifier" ? name : fail(module.origin, node, "write also: [f, g], with functions' names"),
	);
}

/** One byte of the table says how many there are. */
const MOST_BYTES = 255;
const LEAST_BYTES = 5;

function formOf(builtin: Binding | undefined): Key["form"] | undefined {
	if (builtin?.kind !== "builtin") return undefined;
	if (builtin.name === "staticCall") return "static";
	if (builtin.name === "paravirt") return "paravirt";
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
