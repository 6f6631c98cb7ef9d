// Assignments, checked: to variables and to elements of tables, with `=`, `+=` and the like, `++` and `--`.

import type {
	ArrayExpression,
	AssignmentExpression,
	MemberExpression,
	Node,
	Expression as Syntax,
	UpdateExpression,
} from "acorn";
import { suggestion } from "../../errors.ts";
import { type Expression, elementOf, type Place } from "../ir.ts";
import { mathInstead, rejectedNames } from "../rejected.ts";
import { arithmetic, type Operation, operate, trapping } from "./arithmetic.ts";
import { patternTargets } from "./bind.ts";
import type { Local, Type, Variable } from "./bindings.ts";
import { numberOf, tableLength } from "./constant.ts";
import { elementType } from "./infer.ts";
import { kept } from "./kept.ts";
import { memberName } from "./key-forms.ts";
import { fitsBoth } from "./ranges.ts";
import {
	at,
	bindingOf,
	type Context,
	conversion,
	guess,
	type Operand,
	operandOf,
	range,
	refuse,
	refuseBoolean,
	refuseText,
	refuseValueless,
	type Surroundings,
	text,
	textual,
	type Wanted,
} from "./surroundings.ts";
import { tableTypeOf, viewedOf } from "./tables.ts";
import { keepTable, storeWord, tableValue } from "./views.ts";

interface Assignable {
	readonly place: Place;
	readonly type: Type;
}

/** The target of an assignment to `table[i]`. */
export function element(c: Surroundings, node: MemberExpression): Assignable {
	const object = node.object as Syntax;
	const table = bindingOf(c, object);
	const found = tableTypeOf(c.analysis, object);
	if (found === undefined) return refuseMember(c, node);
	const shown = text(c, object);
	if (!node.computed) refuse(c, node, `of a table there are ${shown}[i] and ${shown}.length`);
	const property = node.property as Syntax;
	const words = table?.kind === "table" ? undefined : tableValue(c, object, found, `'${shown}'`);
	const index = textual(c, property) ?? c.numeric(property);
	if (table?.kind !== "table") {
		const place: Place = { kind: "viewed", element: found, ...words!, index };
		return { place, type: elementType({ element: found }) };
	}
	const length = tableLength(c.analysis, table);
	const known = numberOf(c.analysis, property);
	if (known !== undefined && (known < 0 || known >= length))
		refuse(c, property, `index ${known} is out of range: '${table.name}' has ${length} elements`);
	return { place: { kind: "element", table, length, index }, type: elementType(table) };
}

function refuseMember(c: Surroundings, node: MemberExpression): never {
	const { object } = node;
	const name = memberName(node);
	if (object.type === "Identifier" && object.name === "Math") {
		const instead = name !== undefined && Object.hasOwn(mathInstead, name) ? mathInstead[name] : undefined;
		refuse(c, node, instead === undefined ? rejectedNames.Math! : `there is no Math.${name}: ${instead}`);
	}
	const binding = bindingOf(c, object as Syntax);
	if (binding?.kind === "constants")
		refuse(
			c,
			node,
			`'${binding.name}' has no '${name}'${suggestion(name ?? "", binding.members.keys())}, and never changes`,
		);
	if (binding?.kind === "key" && name === "fn")
		refuse(c, node, `'${text(c, node)}' is a function: call it, ${text(c, node)}(...)`);
	if (binding?.kind === "builtin")
		refuse(c, node, `'${text(c, node)}' has its place in update(key, ...) and in const key = ...`);
	refuse(c, node, `there are no objects: only tables have [i] and .length, and '${text(c, object as Syntax)}' is none`);
}

function assignable(c: Surroundings, target: Node): Assignable {
	const node = target as Syntax;
	if (node.type === "MemberExpression") return element(c, node);
	const binding = bindingOf(c, node);
	if (binding?.kind === "local") return { place: { kind: "local", local: binding }, type: binding.type };
	if (binding?.kind === "variable") return { place: { kind: "variable", variable: binding }, type: binding.type };
	return refuseValueless(c, node);
}

/** @param used whether somebody reads the value of the assignment */
export function assignment(c: Surroundings, node: AssignmentExpression, used: boolean, wanted?: Wanted): Expression {
	if (node.left.type === "ArrayPattern")
		refuse(c, node, `'${text(c, node)}' has no value here: write it on a line of its own`);
	const viewed = viewedOf(bindingOf(c, node.left));
	if (viewed !== undefined) return tableAssignment(c, node, viewed, used);
	const { place, type } = assignable(c, node.left);
	if (["||=", "&&=", "??="].includes(node.operator)) return logical(c, node, { place, type }, used, wanted);
	if (node.operator !== "=") return compound(c, node, { place, type }, used, wanted);
	const value = assigned(c, node, { place, type }, used, wanted);
	return { op: "write", place, value, type: value.type, at: at(c, node) };
}

/** `t = other;` of a variable that holds typed arrays. */
function tableAssignment(
	c: Surroundings,
	node: AssignmentExpression,
	variable: Local | Variable,
	used: boolean,
): Expression {
	const target = text(c, node.left as Syntax);
	if (used) refuse(c, node, `'${text(c, node)}' has no value here: write it on a line of its own`);
	if (node.operator !== "=")
		refuse(c, node, `'${target}' is a table: assign to ${target}[i], or write ${target} = ...`);
	return keepTable(c, node, variable, tableValue(c, node.right, variable.view!.element, `'${target}'`));
}

/** A table keeps the low bits of what is stored; a variable takes only values of its type. */
function assigned(
	c: Surroundings,
	node: AssignmentExpression,
	{ place, type }: Assignable,
	used: boolean,
	wanted: Wanted,
) {
	if (elementOf(place) === undefined) return c.typed(node.right, type, `'${text(c, node.left as Syntax)}'`);
	return used ? c.numeric(node.right, "exact", wanted) : operandOf(c, node.right).check("coerced", wanted);
}

/** `[a, b] = [b, a]`: all values are computed before the first is stored. */
export function exchange(c: Surroundings, node: AssignmentExpression): Expression {
	const targets = patternTargets(node);
	const values = (node.right as ArrayExpression).elements as Syntax[];
	const parts = targets.map((target, i) => {
		const value = values[i]!;
		const viewed = viewedOf(bindingOf(c, target));
		if (viewed !== undefined) return exchangedTable(c, target, viewed, value);
		const { type, place } = assignable(c, target);
		const isElement = elementOf(place) !== undefined;
		const checked = isElement
			? operandOf(c, value).check("coerced", undefined)
			: c.typed(value, type, `'${text(c, target)}'`);
		const { write, read } = kept(
			node,
			checked.type === "either" ? { ...checked, type: isElement ? "int" : type } : checked,
		);
		const store: Expression = { op: "write", place, value: read, type: read.type, at: at(c, target) };
		return { compute: [write], store: [store] };
	});
	const steps = [...parts.flatMap(({ compute }) => compute), ...parts.flatMap(({ store }) => store)];
	return steps.reduceRight((then, first) => ({ op: "sequence", first, then, type: "none", at: first.at }));
}

function exchangedTable(c: Surroundings, target: Syntax, { view }: Local | Variable, value: Syntax) {
	const words = tableValue(c, value, view!.element, `'${text(c, target)}'`);
	const [address, length] = [kept(target, words.address), kept(target, words.length)];
	return {
		compute: [address.write, length.write],
		store: [storeWord(c, target, view!.address, address.read), storeWord(c, target, view!.length, length.read)],
	};
}

/** `x ||= y`, `x &&= y` and `x ??= y`. What is stored again when it decides is what the place holds already. */
function logical(
	c: Surroundings,
	node: AssignmentExpression,
	{ place, type }: Assignable,
	used: boolean,
	wanted: Wanted,
): Expression {
	const position = at(c, node);
	const target = node.left as Syntax;
	if (node.operator === "??=") {
		// No number or boolean is null, so the other side is never evaluated; it has to be in the language all the same.
		if (guess(c, node.right) === "bool") c.boolean(node.right);
		else c.numeric(node.right);
		return { op: "read", place, type: typeHeld(c, target, type), at: position };
	}
	if (type === "bool" && guess(c, node.right) !== "bool") c.typed(node.right, "bool", `'${text(c, target)}'`);
	const right =
		elementOf(place) !== undefined
			? c.numeric(node.right, used ? "exact" : "coerced", wanted)
			: c.typed(node.right, type, `'${text(c, target)}'`);
	const held = typeHeld(c, target, type);
	const old: Expression = { op: "old", type: held, at: at(c, target) };
	const types = [held, right.type].filter((each) => each !== "either");
	if (used && types.length === 2 && types[0] !== types[1]) c.typed(node.right, held, `'${text(c, target)}'`);
	const op = node.operator === "&&=" ? "both" : "either";
	const value: Expression = { op, left: old, right, type: types[0] ?? "either", at: position };
	return { op: "modify", place, value, yields: "new", type: value.type, at: position };
}

/** `x op= y` computes `x op y`, with the place of x evaluated once. */
function compound(
	c: Surroundings,
	node: AssignmentExpression,
	{ place, type }: Assignable,
	used: boolean,
	wanted: Wanted,
): Expression {
	const target = node.left as Syntax;
	const old: Operand = {
		node: target,
		guess: type,
		range: range(c, target),
		check: () => ({ op: "old", type: typeHeld(c, target, type), at: at(c, target) }),
	};
	if (node.operator === "+=") refuseText(c, node.right, "for a sum");
	const right = operandOf(c, node.right);
	if (type === "bool") refuseBoolean(c, target);
	const operation: Operation = {
		operator: node.operator.slice(0, -1),
		left: old,
		right,
		node,
		range: range(c, node),
		at: at(c, node),
	};
	const value = operate(c, operation, contextOf(place, used), elementOf(place) !== undefined ? wanted : signIn(type));
	const isKnownToFit = fitsBoth(operation.range) && (type === "either" || !(operation.operator in trapping));
	if (elementOf(place) === undefined && value.type !== type && !isKnownToFit) refuseResult(c, node, operation, type);
	return { op: "modify", place, value, yields: "new", type: value.type, at: at(c, node) };
}

/** The sign that a variable of the type needs. */
const signIn = (type: Type): Wanted => (type === "uint" ? "uint" : "int");

/** What the variable holds may fit both types, whichever of them it has. */
const typeHeld = (c: Surroundings, node: Syntax, type: Type): Type =>
	type !== "bool" && fitsBoth(range(c, node)) ? "either" : type;

/** Nobody but the table sees the value of `table[i] += x;`, and it keeps the low bits. */
function contextOf(place: Place, used: boolean): Context {
	return elementOf(place) !== undefined && !used ? "coerced" : "exact";
}

function refuseResult(c: Surroundings, node: AssignmentExpression, { operator }: Operation, type: Type): never {
	const name = text(c, node.left as Syntax);
	const value = `(${name} ${operator} ${text(c, node.right)})`;
	const instead =
		type === "uint" ? `${value} >>> 0 if that is never negative` : `${value} | 0 if that is always below 2147483648`;
	refuse(
		c,
		node,
		`'${name}' is ${type}, and '${operator}' gives ${type === "uint" ? "int" : "uint"}: write ${name} = ${instead}`,
	);
}

/** `x++` and the like. */
export function step(c: Surroundings, node: UpdateExpression, used: boolean, wanted?: Wanted): Expression {
	const { place, type } = assignable(c, node.argument);
	if (type === "bool")
		refuse(c, node, `'${text(c, node.argument)}' is a boolean: ${conversion(c, node.argument, "int")}`);
	const position = at(c, node);
	const target = node.argument as Syntax;
	const old: Operand = {
		node,
		guess: type,
		range: range(c, target),
		check: () => ({ op: "old", type: typeHeld(c, target, type), at: position }),
	};
	const one: Operand = {
		node,
		guess: "either",
		range: { low: 1, high: 1 },
		check: () => ({ op: "constant", value: 1, type: "either", at: position }),
	};
	const operation: Operation = {
		operator: node.operator[0]!,
		left: old,
		right: one,
		node,
		range: range(c, node),
		at: position,
	};
	const value = arithmetic(
		c,
		operation,
		contextOf(place, used),
		elementOf(place) !== undefined ? wanted : signIn(type),
	);
	const yields = used && !node.prefix ? "old" : "new";
	return { op: "modify", place, value, yields, type: yields === "old" ? type : value.type, at: position };
}
