// What is known of `for (let i = 0; i < 8; i++)` and the like before it runs: that the first test succeeds, and between
// which values the counter is in the body.

import type { Statement as StatementSyntax, Expression as Syntax } from "acorn";
import { compare, conditionCode, holds } from "../../isa/index.ts";
import type { Expression, Loop, Statement } from "../ir.ts";
import type { Local } from "./bindings.ts";

export type LoopSyntax = StatementSyntax & { type: "WhileStatement" | "DoWhileStatement" | "ForStatement" };

/** @param start what happens before the loop */
export function boundsOf(
	node: LoopSyntax,
	start: readonly Statement[],
	test: Expression | undefined,
): Pick<Loop, "testFirst" | "counter"> {
	if (node.type === "DoWhileStatement" || test === undefined) return { testFirst: false, counter: undefined };
	const known = countedTest(start, test);
	if (known === undefined) return { testFirst: true, counter: undefined };
	const { local, from, condition, to } = known;
	const testFirst = !holds(conditionCode(condition), compare(from, to));
	const below = condition === "lt" || condition === "ult" ? to : condition === "le" || condition === "ule" ? to + 1 : 0;
	const counts = node.type === "ForStatement" && from >= 0 && below > from && onlyGrows(local, node.update);
	return { testFirst, counter: counts ? { local, below } : undefined };
}

/** A variable that begins with a constant, and nothing else does, and is compared with another. */
function countedTest(start: readonly Statement[], test: Expression) {
	if (test.op !== "compare" || test.left.op !== "read" || test.left.place.kind !== "local") return undefined;
	const { local } = test.left.place;
	const only = start.length === 1 ? start[0]! : undefined;
	const from = only && constantStart(only, local);
	if (from === undefined || test.right.op !== "constant") return undefined;
	return { local, from, condition: test.condition, to: test.right.value };
}

function constantStart(statement: Statement, local: Local): number | undefined {
	if (statement.kind !== "effect" || statement.value.op !== "write") return undefined;
	const { place, value } = statement.value;
	return place.kind === "local" && place.local === local && value.op === "constant" ? value.value : undefined;
}

/** Whether all that happens to the variable, after its declaration, is that the loop's update adds to it. */
function onlyGrows(local: Local, update: Syntax | null | undefined): boolean {
	const [, change] = local.sources;
	if (local.sources.length !== 2 || change !== update) return false;
	if (change?.type === "UpdateExpression") return change.operator === "++";
	if (change?.type !== "AssignmentExpression" || change.operator !== "+=") return false;
	return change.right.type === "Literal" && Number(change.right.value) > 0;
}
