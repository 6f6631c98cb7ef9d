// Whether every variable that is declared without a value has one where it is read: on each way that leads there, something
// assigns to it. In JavaScript it would be `undefined`, which is no number.
//
// Requires: a checked function. After: no variable is read before something is assigned to it.

import type { AnyNode } from "acorn";
import { contains, type Exit, type Expression, operandsOf, type Place, type Statement } from "../ir.ts";
import type { Local, Variable } from "./bindings.ts";
import { refuse, type Surroundings } from "./surroundings.ts";

/** The variables without a value at some place; undefined where control does not come. */
export type Open = ReadonlySet<Local | Variable> | undefined;

/** What is done on the way. */
export interface Meeting {
	/** A variable is read that may have no value there. */
	readonly read: (variable: Local | Variable, line: number) => void;
	/** @returns what is open after the call */
	readonly call: (node: Expression & { op: "call" }, open: Open) => Open;
}

interface Search {
	readonly meet: Meeting;
	/** What is open where a `break` or a `continue` leads. */
	readonly left: Map<Exit, Open>;
	readonly repeated: Map<Exit, Open>;
	/** What is open where a `return` is. */
	returned: Open;
}

export function checkAssigned(c: Surroundings, statements: readonly Statement[]): void {
	const open = new Set<Local>();
	for (const local of localsIn(statements)) if (local.hasValue === false) open.add(local);
	const read = (variable: Local | Variable, line: number) =>
		refuse(c, variable.node as AnyNode, unassigned(variable, `on line ${line}`));
	if (open.size > 0) follow(statements, open, { read, call: (_, after) => after });
}

/** Says that a variable may have no value where it is read. */
export function unassigned(variable: Local | Variable, where: string): string {
	const { name, type, isWordOfTable } = variable;
	if (isWordOfTable) return `'${name}' may be used ${where} before it is a table: give it one where it is declared`;
	return `'${name}' may be read ${where} before it has a value: write let ${name} = ${type === "bool" ? "false" : "0"}`;
}

/** Goes all ways through statements. @returns what is open where they end, the end of the function or a return */
export function follow(statements: readonly Statement[], open: Open, meet: Meeting): Open {
	const s: Search = { meet, left: new Map(), repeated: new Map(), returned: undefined };
	return either(all(s, statements, open), s.returned);
}

function localsIn(statements: readonly Statement[]): Set<Local> {
	const found = new Set<Local>();
	const note = (node: Expression | undefined): void => {
		if (node === undefined) return;
		contains(node, (part) => {
			if ("place" in part && part.place.kind === "local") found.add(part.place.local);
			return false;
		});
	};
	const visit = (statement: Statement): void => {
		if ("value" in statement) note(statement.value);
		if (statement.kind === "return") note(statement.length);
		if ("test" in statement) note(statement.test);
		if (statement.kind === "loop") note(statement.update);
		for (const part of partsOf(statement)) visit(part);
	};
	for (const statement of statements) visit(statement);
	return found;
}

/** The statements directly below. */
function partsOf(statement: Statement): readonly Statement[] {
	switch (statement.kind) {
		case "if":
			return [...statement.yes, ...statement.no];
		case "loop":
		case "block":
			return statement.body;
		case "switch":
			return statement.cases.flatMap(({ body }) => body);
		default:
			return [];
	}
}

/** What is open on either way. */
function either(a: Open, b: Open): Open {
	if (a === undefined || b === undefined) return a ?? b;
	return new Set([...a, ...b]);
}

function all(s: Search, statements: readonly Statement[], open: Open): Open {
	return statements.reduce((before, statement) => one(s, statement, before), open);
}

function one(s: Search, statement: Statement, open: Open): Open {
	switch (statement.kind) {
		case "effect":
			return value(s, statement.value, open);
		case "if": {
			const [yes, no] = test(s, statement.test, open);
			return either(all(s, statement.yes, yes), all(s, statement.no, no));
		}
		case "loop": {
			// Assignments of one round are there in the next, so what is open before the first is the most that can be.
			const [first, never] =
				statement.test === undefined || !statement.testFirst ? [open, undefined] : test(s, statement.test, open);
			const end = either(all(s, statement.body, first), s.repeated.get(statement.exit));
			const again = statement.update === undefined ? end : value(s, statement.update, end);
			const after = statement.test === undefined ? undefined : test(s, statement.test, again)[1];
			return either(either(never, after), s.left.get(statement.exit));
		}
		case "switch": {
			const start = value(s, statement.value, open);
			let at: Open;
			for (const { body } of statement.cases) at = all(s, body, either(start, at));
			const none = statement.otherwise === undefined ? start : undefined;
			return either(either(at, none), s.left.get(statement.exit));
		}
		case "block":
			return either(all(s, statement.body, open), s.left.get(statement.exit));
		case "leave":
			s.left.set(statement.exit, either(s.left.get(statement.exit), open));
			return undefined;
		case "repeat":
			s.repeated.set(statement.exit, either(s.repeated.get(statement.exit), open));
			return undefined;
		case "return":
			s.returned = either(
				s.returned,
				[statement.value, statement.length].reduce<Open>(
					(before, part) => (part === undefined ? before : value(s, part, before)),
					open,
				),
			);
			return undefined;
	}
}

/** What is open when a condition holds, and when it does not. */
function test(s: Search, node: Expression, open: Open): [yes: Open, no: Open] {
	switch (node.op) {
		case "constant":
			return node.value !== 0 ? [open, undefined] : [undefined, open];
		case "not":
			return test(s, node.value, open).reverse() as [Open, Open];
		case "both": {
			const [yes, no] = test(s, node.left, open);
			const [both, second] = test(s, node.right, yes);
			return [both, either(no, second)];
		}
		case "either": {
			const [yes, no] = test(s, node.left, open);
			const [second, neither] = test(s, node.right, no);
			return [either(yes, second), neither];
		}
		default: {
			const after = value(s, node, open);
			return [after, after];
		}
	}
}

function value(s: Search, node: Expression, open: Open): Open {
	switch (node.op) {
		case "read":
			return read(s, node, node.place, operands(s, node, open));
		case "write":
			return without(operands(s, node, open), variableAt(node.place));
		case "modify":
			return without(operands(s, node, read(s, node, node.place, open)), variableAt(node.place));
		case "call":
			return s.meet.call(node, operands(s, node, open));
		case "both":
		case "either": {
			const [yes, no] = test(s, node, open);
			return either(yes, no);
		}
		case "choose": {
			const [yes, no] = test(s, node.test, open);
			return either(value(s, node.yes, yes), value(s, node.no, no));
		}
		default:
			return operands(s, node, open);
	}
}

const operands = (s: Search, node: Expression, open: Open): Open =>
	operandsOf(node).reduce<Open>((before, part) => value(s, part, before), open);

/** The variable that a place is, if it is one. */
const variableAt = (place: Place): Local | Variable | undefined =>
	place.kind === "local" ? place.local : place.kind === "variable" ? place.variable : undefined;

function without(open: Open, variable: Local | Variable | undefined): Open {
	if (variable === undefined || open?.has(variable) !== true) return open;
	const rest = new Set(open);
	rest.delete(variable);
	return rest;
}

function read({ meet }: Search, { at }: Expression, place: Place, open: Open): Open {
	const variable = variableAt(place);
	if (variable !== undefined && open?.has(variable) === true) meet.read(variable, at.line);
	return open;
}
