// Expressions to instructions. The value is computed straight into the register where it is wanted; the variable that
// it goes to is written last, so that the expression can still read what the variable held.

import { conditionCode } from "../../isa/index.ts";
import type { Expression } from "../ir.ts";
import { binary } from "./arithmetic.ts";
import { call, print, query, reset, retarget, toggle } from "./calls.ts";
import { type Block, RESULT, type Register } from "./code.ts";
import { branch, flags, inverseCode } from "./conditions.ts";
import { address, begin, block, compute, emit, end, jump, type Lowering, move, newRegister } from "./lowering.ts";
import { modify, read, write } from "./places.ts";
import { staticKeySlot, symbolOf } from "./symbols.ts";

/** @param l lacks only the ways to lower expressions */
export function withExpressions(l: Omit<Lowering, "value" | "effect" | "branch">): Lowering {
	const whole: Lowering = Object.assign(l, {
		value: (node: Expression, into?: Register) => value(whole, node, into),
		effect: (node: Expression) => effect(whole, node),
		branch: (node: Expression, yes: Block, no: Block) => branch(whole, node, yes, no),
	});
	return whole;
}

function value(l: Lowering, node: Expression, into?: Register): Register {
	switch (node.op) {
		case "constant":
			return compute(l, "movi", { imm: node.value }, node.at, into);
		case "read":
			return read(l, node, into);
		case "address": {
			const register = address(l, symbolOf(node.table), node.at);
			return into === undefined ? register : move(l, into, register, node.at);
		}
		case "old":
			return into === undefined ? l.old.at(-1)! : move(l, into, l.old.at(-1)!, node.at);
		case "binary":
			return binary(l, node, into);
		case "compare":
			return compute(l, "set", { condition: flags(l, node) }, node.at, into);
		case "query":
			return compute(l, "set", { condition: query(l, node) }, node.at, into);
		case "users":
			return compute(l, "ld", { b: address(l, staticKeySlot(node.key), node.at) }, node.at, into);
		case "not":
			return negated(l, node, into);
		case "both":
		case "either":
			return node.type === "bool" ? decided(l, node, into) : firstOrSecond(l, node, into);
		case "choose":
			return chosen(l, node, into);
		case "write":
			return write(l, node, into);
		case "modify":
			return modify(l, node, into);
		case "sequence":
			l.effect(node.first);
			return l.value(node.then, into);
		case "call":
			call(l, node);
			return move(l, into ?? newRegister(l), RESULT, node.at);
		case "print":
		case "retarget":
		case "reset":
		case "toggle":
		case "staticBranch":
			throw new Error(`'${node.op}' has no value`);
	}
}

function effect(l: Lowering, node: Expression): void {
	switch (node.op) {
		case "both":
		case "either":
			alternatives(
				l,
				(yes, no) => l.branch(node.left, ...swapIf(node.op === "either", yes, no)),
				() => l.effect(node.right),
			);
			break;
		case "choose":
			alternatives(
				l,
				(yes, no) => l.branch(node.test, yes, no),
				() => l.effect(node.yes),
				() => l.effect(node.no),
			);
			break;
		case "sequence":
			l.effect(node.first);
			l.effect(node.then);
			break;
		case "call":
			call(l, node);
			break;
		case "print":
			print(l, node);
			break;
		case "retarget":
			retarget(l, node);
			break;
		case "reset":
			reset(l, node);
			break;
		case "toggle":
			toggle(l, node);
			break;
		case "modify":
			modify(l, { ...node, yields: "new" }, undefined);
			return;
		default:
			l.value(node);
	}
}

const swapIf = (swap: boolean, a: Block, b: Block): [Block, Block] => (swap ? [b, a] : [a, b]);

/** Lowers one of two things, as `decide` branches. */
function alternatives(l: Lowering, decide: (yes: Block, no: Block) => void, yes: () => void, no?: () => void): void {
	const [onYes, onNo, after] = [block(l), block(l), block(l)];
	decide(onYes, no === undefined ? after : onNo);
	begin(l, onYes);
	yes();
	jump(l, after);
	if (no !== undefined) {
		begin(l, onNo);
		no();
		jump(l, after);
	}
	begin(l, after);
}

function negated(l: Lowering, node: Expression & { op: "not" }, into: Register | undefined): Register {
	const { value } = node;
	if (value.op === "compare") return compute(l, "set", { condition: inverseCode(flags(l, value)) }, node.at, into);
	if (value.op !== "read" && value.op !== "call") return decided(l, node, into);
	return compute(l, "xori", { b: l.value(value), imm: 1 }, node.at, into);
}

/** 1 or 0, as the branches of a condition decide. */
function decided(l: Lowering, node: Expression, into: Register | undefined): Register {
	const result = into ?? newRegister(l);
	const set = (imm: number) => () => emit(l, "movi", { a: result, imm }, node.at);
	alternatives(l, (yes, no) => l.branch(node, yes, no), set(1), set(0));
	return result;
}

/** `a && b`, `a || b` of numbers. */
function firstOrSecond(
	l: Lowering,
	node: Expression & { op: "both" | "either" },
	into: Register | undefined,
): Register {
	const result = newRegister(l);
	l.value(node.left, result);
	emit(l, "cmpi", { a: result, imm: 0 }, node.at);
	const condition = conditionCode(node.op === "both" ? "ne" : "eq");
	const decide = (yes: Block, no: Block) => end(l, { kind: "branch", condition, yes, no, at: node.at });
	alternatives(l, decide, () => l.value(node.right, result));
	return into === undefined ? result : move(l, into, result, node.at);
}

function chosen(l: Lowering, node: Expression & { op: "choose" }, into: Register | undefined): Register {
	const result = into ?? newRegister(l);
	const decide = (yes: Block, no: Block) => l.branch(node.test, yes, no);
	alternatives(
		l,
		decide,
		() => l.value(node.yes, result),
		() => l.value(node.no, result),
	);
	return result;
}
