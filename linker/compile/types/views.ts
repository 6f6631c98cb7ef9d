// Typed arrays as values: what an argument, a declaration, an assignment or a result gives on, as two words. A part of one,
// `t.subarray(from, to)`, is its own words; its bounds are read as JavaScript does, from the end if they are negative, and
// never beyond it.

import type { CallExpression, ConditionalExpression, Node, Expression as Syntax } from "acorn";
import type { ElementType } from "../../format/signatures.ts";
import { type Expression, type Place, placeOf, type Words } from "../ir.ts";
import type { Local, Variable } from "./bindings.ts";
import { elementSize, numberOf, tableLength } from "./constant.ts";
import { expressions } from "./declare.ts";
import { inSequence, kept } from "./kept.ts";
import { at, bindingOf, refuse, type Surroundings, text } from "./surroundings.ts";
import { partOf, tableTypeOf, viewedOf } from "./tables.ts";

/** The typed array that an expression gives. @param who says what needs it */
export function tableValue(c: Surroundings, node: Syntax, wanted: ElementType, who: string): Words {
	if (node.type === "ConditionalExpression") return chosen(c, node, wanted, who);
	if (node.type === "SequenceExpression") {
		const { address, length } = tableValue(c, node.expressions.at(-1)!, wanted, who);
		const before = node.expressions.slice(0, -1).map((each) => c.effect(each));
		return { address: inSequence(before, address), length };
	}
	const found = tableTypeOf(c.analysis, node);
	if (found === wanted) return wordsFor(c, node);
	const shown = text(c, node);
	if (found === undefined)
		refuse(c, node, `${who} is an ${wanted}, and '${shown}' is none: write the name of one, or t.subarray(from, to)`);
	refuse(c, node, `${who} is an ${wanted}, '${shown}' is an ${found}: write a function of its own for that`);
}

/** Requires: the expression gives a typed array. */
function wordsFor(c: Surroundings, node: Syntax): Words {
	if (partOf(node) !== undefined) return part(c, node as CallExpression);
	const position = at(c, node);
	if (node.type === "CallExpression") {
		const length = lengthOf(node);
		const address = { ...c.tableCall(node), length };
		return { address, length: { op: "read", place: placeOf(length), type: "either", at: position } };
	}
	const binding = bindingOf(c, node);
	const viewed = viewedOf(binding);
	if (viewed !== undefined) return wordsIn(c, node, viewed);
	if (binding?.kind !== "table") throw new Error(`'${text(c, node)}' is no table`);
	const length = tableLength(c.analysis, binding);
	return {
		address: { op: "address", table: binding, type: "uint", at: position },
		length: number(length, position),
	};
}

/** The variable without a name that takes the length of what a call gives. */
const lengthOf = (node: Syntax): Local => ({
	kind: "local",
	name: "",
	node,
	writable: false,
	type: "either",
	sources: [],
});

/** One of two typed arrays, each in the same two variables. */
function chosen(c: Surroundings, node: ConditionalExpression, wanted: ElementType, who: string): Words {
	const test = c.condition(node.test);
	const [yes, no] = [node.consequent, node.alternate].map((side) => tableValue(c, side, wanted, who)) as [Words, Words];
	const [address, length] = [kept(node, yes.address), kept(node, yes.length)];
	const other = (write: Expression, value: Expression) => ({ ...(write as Expression & { op: "write" }), value });
	const choice: Expression = {
		op: "choose",
		test,
		yes: inSequence([address.write], length.write),
		no: inSequence([other(address.write, no.address)], other(length.write, no.length)),
		type: "none",
		at: at(c, node),
	};
	return { address: inSequence([choice], address.read), length: length.read };
}

/** The length of a typed array; whatever gives it is evaluated. */
export function lengthIn({ address, length }: Words): Expression {
	return address.op === "read" || address.op === "address" ? length : inSequence([address], length);
}

/** What a variable holds. */
export function wordsIn(c: Surroundings, node: Node, { view }: Local | Variable): Words {
	const read = (word: Local | Variable, type: "uint" | "either"): Expression => ({
		op: "read",
		place: placeOf(word),
		type,
		at: at(c, node as Syntax),
	});
	return { address: read(view!.address, "uint"), length: read(view!.length, "either") };
}

/** Puts a typed array into a variable: both words are evaluated before the first is stored. */
export function keepTable(c: Surroundings, node: Syntax, { view }: Local | Variable, value: Words): Expression {
	const length = kept(node, value.length);
	const address = kept(node, value.address);
	return inSequence(
		[address.write, length.write, storeWord(c, node, view!.address, address.read)],
		storeWord(c, node, view!.length, length.read),
	);
}

export function storeWord(c: Surroundings, node: Syntax, word: Local | Variable, value: Expression): Expression {
	const place: Place = placeOf(word);
	return { op: "write", place, value, type: value.type, at: at(c, node) };
}

/** `t.subarray(from, to)` */
function part(c: Surroundings, node: CallExpression): Words {
	const position = at(c, node);
	const object = partOf(node) as Syntax;
	const whole = wordsFor(c, object);
	const [from, to] = expressions(node.arguments);
	if (node.arguments.length > 2)
		refuse(c, node, "a part of a typed array is t.subarray(from, to), t.subarray(from) or t.subarray()");
	const base = kept(node, whole.address);
	const count = once(node, whole.length);
	const start = from === undefined ? once(node, number(0, position)) : bound(c, from, count.read);
	const end = to === undefined ? count : bound(c, to, count.read);
	const binary = (operator: "add" | "sub" | "shl", left: Expression, right: Expression): Expression =>
		left.op === "constant" && left.value === 0 && operator === "shl"
			? left
			: { op: "binary", operator, left, right, type: "either", at: position };
	const length = once(node, {
		op: "choose",
		test: { op: "compare", condition: "lt", left: start.read, right: end.read, type: "bool", at: position },
		yes: binary("sub", end.read, start.read),
		no: number(0, position),
		type: "either",
		at: position,
	});
	const shift = Math.log2(elementSize({ element: tableTypeOf(c.analysis, node)! }));
	const offset = shift === 0 ? start.read : binary("shl", start.read, number(shift, position));
	const steps = [base.write, ...count.steps, ...start.steps, ...(to === undefined ? [] : end.steps), ...length.steps];
	return { address: inSequence(steps, binary("add", base.read, offset)), length: length.read };
}

/** A value to be read several times, and what has to happen before. */
interface Once {
	readonly steps: readonly Expression[];
	readonly read: Expression;
}

function once(node: Syntax, value: Expression): Once {
	if (value.op === "constant") return { steps: [], read: value };
	const { write, read } = kept(node, value);
	return { steps: [write], read };
}

/** A bound of a part, between 0 and the length. */
function bound(c: Surroundings, node: Syntax, length: Expression): Once {
	const position = at(c, node);
	const known = numberOf(c.analysis, node);
	const checked = c.numeric(node);
	if (known !== undefined && length.op === "constant") {
		const fromEnd = known < 0 ? Math.max(known + length.value, 0) : Math.min(known, length.value);
		return { steps: [], read: number(fromEnd, position) };
	}
	const value = once(node, checked);
	const choose = (condition: "lt" | "ult", left: Expression, right: Expression, yes: Expression, no: Expression) =>
		({
			op: "choose",
			test: { op: "compare", condition, left, right, type: "bool", at: position },
			yes,
			no,
			type: "either",
			at: position,
		}) as const;
	const below = choose("ult", value.read, length, value.read, length);
	if (checked.type !== "int") return { steps: value.steps, read: below };
	const zero = number(0, position);
	const sum = once(node, {
		op: "binary",
		operator: "add",
		left: value.read,
		right: length,
		type: "int",
		at: position,
	});
	const fromEnd = inSequence(sum.steps, choose("lt", sum.read, zero, zero, sum.read));
	const clipped = once(node, choose("lt", value.read, zero, fromEnd, below));
	return { steps: [...value.steps, ...clipped.steps], read: clipped.read };
}

const number = (value: number, position: Expression["at"]): Expression => ({
	op: "constant",
	value,
	type: "either",
	at: position,
});
