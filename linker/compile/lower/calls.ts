// Calls to instructions: of functions and static calls by CALL, through pointers by an indirect call, and of the host.
// Every call of a function names its symbol, so that the linker can find and retarget it.

import { ARGUMENT_REGISTERS, clobberedBy, conditionCode, HostCall, SP, toggles } from "../../isa/index.ts";
import type { Expression, Target } from "../ir.ts";
import type { Position } from "../origin.ts";
import type { Key } from "../types/bindings.ts";
import { type Fields, newOp, type Op, RESULT, RESULT_LENGTH, type Register, SCRATCH } from "./code.ts";
import { address, clobbers, compute, emit, end, type Lowering, move, registerOf } from "./lowering.ts";
import { hold } from "./operands.ts";
import { INDIRECT_THUNK, slotOf, staticKeySlot, symbolOf, targetSymbol, trampolineOf } from "./symbols.ts";
import { placeText, TEXTS } from "./texts.ts";

type Call = Expression & { op: "call" };

export function call(l: Lowering, node: Call): void {
	const reads = passArguments(l, node.parameters);
	l.current.ops.push(transfer(l, node, reads, "call"));
	if (node.length !== undefined) move(l, registerOf(l, node.length), RESULT_LENGTH, node.at);
	l.addresses.clear();
}

/** Whether a call can take the place of a return. What stands at the site of an operation in the end may be no call; and
 * arguments on the stack are in the caller's frame. */
export function canBeTail({ callee, parameters }: Call): boolean {
	return (callee.kind !== "key" || callee.contract === undefined) && stackWords(parameters) === 0;
}

const stackWords = (parameters: readonly Expression[]) => Math.max(0, parameters.length - ARGUMENT_REGISTERS);

/** A call in place of a return: the called function returns to our caller. */
export function tailCall(l: Lowering, node: Call): void {
	const reads = passArguments(l, node.parameters);
	end(l, { kind: "tail", op: transfer(l, node, reads, "jmp") });
}

/** All values first, then each to its place on the stack or its register: until then no call can come in between. */
function passArguments(l: Lowering, parameters: readonly Expression[]): Register[] {
	const values = parameters.map((node, i) =>
		node.op === "constant" ? node : hold(l, l.value(node), parameters.slice(i + 1)),
	);
	l.code.outgoing = Math.max(l.code.outgoing, stackWords(parameters));
	for (const [i, value] of values.slice(ARGUMENT_REGISTERS).entries()) {
		const { at } = parameters[ARGUMENT_REGISTERS + i]!;
		const a = typeof value === "number" ? value : compute(l, "movi", { imm: value.value }, at);
		emit(l, "st", { a, b: SP, imm: 4 * i }, at);
	}
	return values.slice(0, ARGUMENT_REGISTERS).map((value, a) => {
		const { at } = parameters[a]!;
		if (typeof value === "number") emit(l, "mov", { a, b: value }, at);
		else emit(l, "movi", { a, imm: value.value }, at);
		return a;
	});
}

function transfer(l: Lowering, { callee, parameters, at }: Call, reads: readonly Register[], how: "call" | "jmp"): Op {
	const passed = stackWords(parameters);
	const direct = (symbol: string, more: Fields = {}) =>
		newOp(how, { reference: { symbol, addend: -4 }, reads, writes: clobbers, passed, ...more }, at);
	if (callee.kind === "function") return direct(symbolOf(callee));
	if (callee.form === "static") return direct(trampolineOf(callee));
	const reference = { symbol: slotOf(callee), addend: 0 };
	if (callee.contract !== undefined) {
		const { clobbers: kind, bytes } = { ...callee.contract, ...l.options.paravirt };
		const paravirt = { operation: reference.symbol, bytes, clobbers: kind };
		return newOp("callm", { reference, reads, writes: clobberedBy(kind), passed, paravirt }, at);
	}
	if (l.options.indirect === "pointer") return newOp(`${how}m`, { reference, reads, writes: clobbers, passed }, at);
	emit(l, "movi", { a: SCRATCH, reference }, at);
	emit(l, "ld", { a: SCRATCH, b: SCRATCH }, at);
	return direct(INDIRECT_THUNK, { reads: [...reads, SCRATCH] });
}

/** The tail form of a call: `call` to `jmp`, `callm` to `jmpm`. */
export function asTail(op: Op): Op {
	return { ...op, mnemonic: op.mnemonic.replace("call", "jmp") };
}

function host(
	l: Lowering,
	number: number,
	reads: readonly Register[],
	at: Position,
	writes: readonly Register[] = [],
): void {
	emit(l, "ecall", { imm: number, reads, writes }, at);
}

/** As in Node, all values are computed before the first is printed. */
export function print(l: Lowering, node: Expression & { op: "print" }): void {
	const numbers = node.values.filter((value) => typeof value !== "string");
	const values = new Map<Expression, Register>();
	for (const [i, value] of numbers.entries())
		if (value.op !== "constant") values.set(value, hold(l, l.value(value), numbers.slice(i + 1)));
	for (const [i, value] of node.values.entries()) {
		if (typeof value === "string") printText(l, value, node.at);
		else printNumber(l, value, values.get(value));
		if (node.joined.has(i)) host(l, HostCall.printJoin, [], node.at);
	}
	host(l, HostCall.printEnd, [], node.at);
}

function printText(l: Lowering, text: string, at: Position): void {
	const { offset, length } = placeText(l.texts, text);
	// No byte of an empty text is read, wherever it is.
	emit(l, "movi", { a: 0, ...(length > 0 && { reference: { symbol: TEXTS, addend: offset } }) }, at);
	emit(l, "movi", { a: 1, imm: length }, at);
	host(l, HostCall.printText, [0, 1], at);
}

function printNumber(l: Lowering, node: Expression, register: Register | undefined): void {
	if (register !== undefined) emit(l, "mov", { a: 0, b: register }, node.at);
	else l.value(node, 0);
	host(l, node.type === "uint" ? HostCall.printUint : HostCall.printInt, [0], node.at);
}

/** `update` of a static call goes by the host, which patches code; a pointer is just stored to. */
export function retarget(l: Lowering, { key, target, at }: Expression & { op: "retarget" }): void {
	if (key.form === "ffp") {
		const value = compute(l, "movi", targetField(key, target), at);
		emit(l, "st", { a: value, b: address(l, slotOf(key), at) }, at);
		return;
	}
	loadKey(l, key, at);
	emit(l, "movi", { a: 1, ...targetField(key, target) }, at);
	host(l, HostCall.update, [0, 1], at);
}

export function reset(l: Lowering, { key, at }: Expression & { op: "reset" }): void {
	if (key.form === "ffp") {
		const b = address(l, slotOf(key), at);
		emit(l, "st", { a: compute(l, "ld", { b, imm: 4 }, at), b }, at);
		return;
	}
	loadKey(l, key, at);
	host(l, HostCall.reset, [0], at);
}

/** By the host, of either form: it counts the users, and patches branches where there are any. */
export function toggle(l: Lowering, { key, how, at }: Expression & { op: "toggle" }): void {
	emit(l, "movi", { a: 0, reference: { symbol: staticKeySlot(key), addend: 0 } }, at);
	emit(l, "movi", { a: 1, imm: toggles.indexOf(how) }, at);
	host(l, HostCall.toggle, [0, 1], at);
}

/** Compares what the key calls with the target, and returns the condition that then holds. */
export function query(l: Lowering, { key, target, condition, at }: Expression & { op: "query" }): number {
	emit(l, "cmpi", { a: current(l, key, at), ...targetField(key, target) }, at);
	return conditionCode(condition);
}

function current(l: Lowering, key: Key, at: Position): Register {
	if (key.form === "ffp") return compute(l, "ld", { b: address(l, slotOf(key), at) }, at);
	loadKey(l, key, at);
	host(l, HostCall.query, [0], at, [RESULT]);
	return compute(l, "mov", { b: RESULT }, at);
}

function loadKey(l: Lowering, key: Key, at: Position): void {
	emit(l, "movi", { a: 0, reference: { symbol: slotOf(key), addend: 0 } }, at);
}

function targetField(key: Key, target: Target): Fields {
	const symbol = targetSymbol(key, target);
	return symbol === undefined ? { imm: 0 } : { reference: { symbol, addend: 0 } };
}
