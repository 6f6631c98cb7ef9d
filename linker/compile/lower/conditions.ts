// Conditions to branches: a comparison sets the flags and the block ends on them, with no boolean in between.

import { type Condition, conditionCode, conditions, inverse } from "../../isa/index.ts";
import type { Expression } from "../ir.ts";
import { query } from "./calls.ts";
import type { Block } from "./code.ts";
import { begin, block, emit, end, jump, type Lowering } from "./lowering.ts";
import { hold } from "./operands.ts";
import { staticKeySlot } from "./symbols.ts";

export function branch(l: Lowering, node: Expression, yes: Block, no: Block): void {
	switch (node.op) {
		case "constant":
			jump(l, node.value !== 0 ? yes : no);
			break;
		case "compare":
			onFlags(l, node, flags(l, node), yes, no);
			break;
		case "query":
			onFlags(l, node, query(l, node), yes, no);
			break;
		case "staticBranch":
			patchedBranch(l, node, yes, no);
			break;
		case "not":
			l.branch(node.value, no, yes);
			break;
		case "both":
			inTurn(l, node.left, node.right, (next) => [next, no], yes, no);
			break;
		case "either":
			inTurn(l, node.left, node.right, (next) => [yes, next], yes, no);
			break;
		case "choose": {
			const [onYes, onNo] = [block(l), block(l)];
			l.branch(node.test, onYes, onNo);
			begin(l, onYes);
			l.branch(node.yes, yes, no);
			begin(l, onNo);
			l.branch(node.no, yes, no);
			break;
		}
		case "sequence":
			l.effect(node.first);
			l.branch(node.then, yes, no);
			break;
		default:
			emit(l, "cmpi", { a: l.value(node), imm: 0 }, node.at);
			onFlags(l, node, conditionCode("ne"), yes, no);
			break;
	}
}

/** The expected way follows, the other is jumped to. */
function patchedBranch(l: Lowering, node: Expression & { op: "staticBranch" }, yes: Block, no: Block): void {
	const { key, expected, enabled, at } = node;
	const [next, target] = expected ? [yes, no] : [no, yes];
	const label = { key: staticKeySlot(key), expected, jumps: enabled !== expected };
	end(l, { kind: "patched", label, next, target, at });
}

function onFlags(l: Lowering, node: Expression, condition: number, yes: Block, no: Block): void {
	end(l, { kind: "branch", condition, yes, no, at: node.at });
}

/** `&&`, `||`: the right side in a block of its own. */
function inTurn(
	l: Lowering,
	left: Expression,
	right: Expression,
	targets: (next: Block) => [Block, Block],
	yes: Block,
	no: Block,
): void {
	const next = block(l);
	l.branch(left, ...targets(next));
	begin(l, next);
	l.branch(right, yes, no);
}

/** Compares, and returns the condition that then holds. */
export function flags(l: Lowering, node: Expression & { op: "compare" }): number {
	const { left, right, condition } = node;
	const code = conditionCode(condition);
	if (right.op === "constant") {
		emit(l, "cmpi", { a: l.value(left), imm: right.value }, node.at);
		return code;
	}
	if (left.op === "constant") {
		emit(l, "cmpi", { a: l.value(right), imm: left.value }, node.at);
		return conditionCode(mirrored[condition] ?? condition);
	}
	const a = hold(l, l.value(left), [right]);
	emit(l, "cmp", { a, b: l.value(right) }, node.at);
	return code;
}

/** The condition with its sides exchanged. */
const mirrored: Partial<Record<Condition, Condition>> = {
	lt: "gt",
	gt: "lt",
	le: "ge",
	ge: "le",
	ult: "ugt",
	ugt: "ult",
	ule: "uge",
	uge: "ule",
};

export function inverseCode(condition: number): number {
	return conditionCode(inverse(conditions[condition]!));
}
