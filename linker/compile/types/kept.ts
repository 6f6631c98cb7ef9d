// Values that are computed once and read several times: variables without a name.

import type { Expression as Syntax } from "acorn";
import type { Expression, Place } from "../ir.ts";
import type { Local, Type } from "./bindings.ts";

/** A value in a variable without a name: `write` evaluates it, and `read` gives it as often as needed. */
export function kept(node: Syntax, value: Expression): { write: Expression; read: Expression } {
	const type = value.type as Type;
	const local: Local = { kind: "local", name: "", node, writable: false, type, sources: [] };
	const place: Place = { kind: "local", local };
	return { write: { op: "write", place, value, type, at: value.at }, read: { op: "read", place, type, at: value.at } };
}

/** Evaluates expressions for what they do, in their order, and then the last one, whose value it has. */
export function inSequence(steps: readonly Expression[], last: Expression, at = last.at): Expression {
	return steps.reduceRight<Expression>((then, first) => ({ op: "sequence", first, then, type: last.type, at }), last);
}
