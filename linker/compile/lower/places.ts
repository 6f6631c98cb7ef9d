// Variables and elements of tables: reading, writing, modifying. Variables of functions are registers, those of modules
// and tables lie in memory.

import { conditionCode } from "../../isa/index.ts";
import { type Expression, elementOf, type Place } from "../ir.ts";
import type { Position } from "../origin.ts";
import type { Table } from "../types/bindings.ts";
import { elementSize } from "../types/constant.ts";
import { upperLimit } from "./arithmetic.ts";
import type { Fields, Register } from "./code.ts";
import {
	address,
	begin,
	block,
	compute,
	emit,
	end,
	jump,
	type Lowering,
	move,
	newRegister,
	registerOf,
} from "./lowering.ts";
import { hold } from "./operands.ts";
import { symbolOf } from "./symbols.ts";

type Element = Place & { kind: "element" };
type Viewed = Place & { kind: "viewed" };
type Memory = Exclude<Place, { kind: "local" }>;

export function read(l: Lowering, node: Expression & { op: "read" }, into: Register | undefined): Register {
	const { place, at } = node;
	if (place.kind === "local") {
		const register = registerOf(l, place.local);
		return into === undefined ? register : move(l, into, register, at);
	}
	return load(l, place, registerFor(l, place, []), at, into);
}

/** Computes straight into a variable of the function; into memory by way of a register. */
export function write(l: Lowering, node: Expression & { op: "write" }, into: Register | undefined): Register {
	const { place, value, at } = node;
	const index = place.kind === "local" ? undefined : registerFor(l, place, [value]);
	const result = l.value(value, place.kind === "local" ? registerOf(l, place.local) : undefined);
	if (place.kind !== "local") store(l, place, index, result, at);
	return into === undefined ? result : move(l, into, result, at);
}

export function modify(l: Lowering, node: Expression & { op: "modify" }, into: Register | undefined): Register {
	const { place, value, yields, at } = node;
	const index = place.kind === "local" ? undefined : registerFor(l, place, [value]);
	const old = readOld(l, place, index, node);
	l.old.push(old);
	const result = l.value(value, place.kind === "local" ? registerOf(l, place.local) : undefined);
	l.old.pop();
	if (place.kind !== "local") store(l, place, index, result, at);
	const yielded = yields === "old" ? old : result;
	return into === undefined ? yielded : move(l, into, yielded, at);
}

/** What the place holds, in a register that still has it after the place is written, if that matters. */
function readOld(
	l: Lowering,
	place: Place,
	index: Register | undefined,
	node: Expression & { op: "modify" },
): Register {
	if (place.kind !== "local") return load(l, place, index, node.at, undefined);
	const register = registerOf(l, place.local);
	return node.yields === "old" ? move(l, newRegister(l), register, node.at) : hold(l, register, [node.value]);
}

/** The register that says where the place is: the index in a table, the address of an element that is viewed. Undefined where
 * that is known. */
function registerFor(l: Lowering, place: Memory, later: readonly Expression[]): Register | undefined {
	if (place.kind === "variable") return undefined;
	return place.kind === "element" ? indexOf(l, place, later) : pointerTo(l, place);
}

/** The address of an element whose index was compared with the length. */
function pointerTo(l: Lowering, place: Viewed): Register {
	const { at } = place.index;
	const base = hold(l, l.value(place.address), [place.length, place.index]);
	const length = hold(l, l.value(place.length), [place.index]);
	const index = l.value(place.index);
	const [inside, outside] = [block(l), block(l)];
	emit(l, "cmp", { a: index, b: length }, at);
	end(l, { kind: "branch", condition: conditionCode("ult"), yes: inside, no: outside, at });
	begin(l, outside);
	emit(l, "bound", { a: index, imm: 0 }, at); // no index is below 0, so this traps
	jump(l, inside);
	begin(l, inside);
	const shift = Math.log2(elementSize(place));
	const offset = shift === 0 ? index : compute(l, "shli", { b: index, imm: shift }, at);
	return compute(l, "add", { b: base, c: offset }, at);
}

/** The index in a register, checked against the length unless it cannot be out of range; undefined for a constant. */
function indexOf(l: Lowering, { index, length }: Element, later: readonly Expression[]): Register | undefined {
	if (index.op === "constant") return undefined;
	const register = hold(l, l.value(index), later);
	const isChecked = upperLimit(l, index) < length || (l.checked.get(register) ?? Infinity) <= length;
	if (!isChecked) emit(l, "bound", { a: register, imm: length }, index.at);
	l.checked.set(register, Math.min(length, l.checked.get(register) ?? length));
	return register;
}

function load(
	l: Lowering,
	place: Memory,
	index: Register | undefined,
	at: Position,
	into: Register | undefined,
): Register {
	const size = sizeOf(place);
	if (size === 4) {
		const { isIndexed, ...fields } = access(l, place, index, at);
		return compute(l, isIndexed ? "ldx" : "ld", fields, at, into);
	}
	const isSigned = elementOf(place)?.startsWith("Int");
	const [low, high] = bytesOf(l, place, index, at);
	const byte = (fields: Fields, into?: Register) => compute(l, "ldb", fields, at, into);
	if (high === undefined) return isSigned ? extended(l, byte(low!), 24, at, into) : byte(low!, into);
	const upper = compute(l, "shli", { b: byte(high), imm: 8 }, at);
	const both = { b: byte(low!), c: upper };
	if (!isSigned) return compute(l, "or", both, at, into);
	return extended(l, compute(l, "or", both, at), 16, at, into);
}

/** The low bits as a signed number. */
function extended(l: Lowering, b: Register, by: number, at: Position, into: Register | undefined): Register {
	return compute(l, "sari", { b: compute(l, "shli", { b, imm: by }, at), imm: by }, at, into);
}

function store(l: Lowering, place: Memory, index: Register | undefined, value: Register, at: Position): void {
	if (sizeOf(place) === 4) {
		const { isIndexed, ...fields } = access(l, place, index, at);
		emit(l, isIndexed ? "stx" : "st", { ...fields, a: value }, at);
		return;
	}
	const [low, high] = bytesOf(l, place, index, at);
	emit(l, "stb", { ...low!, a: value }, at);
	if (high !== undefined) emit(l, "stb", { ...high, a: compute(l, "shri", { b: value, imm: 8 }, at) }, at);
}

const sizeOf = (place: Memory) => {
	const element = elementOf(place);
	return element === undefined ? 4 : elementSize({ element });
};

/** Where a word is: a known place is at an offset from an address in a register, another at an index from a known address. */
function access(l: Lowering, place: Memory, index: Register | undefined, at: Position) {
	if (place.kind === "viewed") return { isIndexed: false, b: index!, imm: 0 };
	const symbol = symbolOf(place.kind === "element" ? place.table : place.variable);
	if (index !== undefined) return { isIndexed: true, b: index, reference: { symbol, addend: 0 } };
	return { isIndexed: false, b: address(l, symbol, at), imm: place.kind === "element" ? constantOffset(place) : 0 };
}

/** Where the bytes of an element of one or two are, the low one first. */
function bytesOf(l: Lowering, place: Memory, index: Register | undefined, at: Position): Fields[] {
	if (place.kind === "variable") throw new Error("a variable is a word");
	const offsets = sizeOf(place) === 2 ? [0, 1] : [0];
	if (place.kind === "viewed") return offsets.map((imm) => ({ b: index!, imm }));
	const symbol = symbolOf(place.table);
	if (index === undefined) {
		const b = address(l, symbol, at);
		return offsets.map((offset) => ({ b, imm: constantOffset(place) + offset }));
	}
	const b = offsets.length === 1 ? index : compute(l, "shli", { b: index, imm: 1 }, at);
	return offsets.map((addend) => ({ b, reference: { symbol, addend } }));
}

function constantOffset({ index, table }: { index: Expression; table: Table }): number {
	if (index.op !== "constant") throw new Error("an index in a register has no constant offset");
	return index.value * elementSize(table);
}
