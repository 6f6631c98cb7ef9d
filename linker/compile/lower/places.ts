// Variables and elements of tables: reading, writing, modifying. Variables of functions are registers, those of modules
// and tables lie in memory.

import type { Expression, Place } from "../ir.ts";
import type { Position } from "../origin.ts";
import type { Table } from "../types/bindings.ts";
import { upperLimit } from "./arithmetic.ts";
import type { Register } from "./code.ts";
import { address, compute, emit, type Lowering, move, newRegister, registerOf } from "./lowering.ts";
import { hold } from "./operands.ts";
import { symbolOf } from "./symbols.ts";

type Element = Place & { kind: "element" };

export function read(l: Lowering, node: Expression & { op: "read" }, into: Register | undefined): Register {
	const { place, at } = node;
	if (place.kind === "local") {
		const register = registerOf(l, place.local);
		return into === undefined ? register : move(l, into, register, at);
	}
	return place.kind === "variable"
		? load(l, place, undefined, at, into)
		: load(l, place, indexOf(l, place, []), at, into);
}

/** Computes straight into a variable of the function; into memory by way of a register. */
export function write(l: Lowering, node: Expression & { op: "write" }, into: Register | undefined): Register {
	const { place, value, at } = node;
	const index = place.kind === "element" ? indexOf(l, place, [value]) : undefined;
	const result = l.value(value, place.kind === "local" ? registerOf(l, place.local) : undefined);
	if (place.kind !== "local") store(l, place, index, result, at);
	return into === undefined ? result : move(l, into, result, at);
}

export function modify(l: Lowering, node: Expression & { op: "modify" }, into: Register | undefined): Register {
	const { place, value, yields, at } = node;
	const index = place.kind === "element" ? indexOf(l, place, [value]) : undefined;
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

/** The index in a register, checked against the length unless it cannot be out of range; undefined for a constant. */
function indexOf(l: Lowering, { index, length }: Element, later: readonly Expression[]): Register | undefined {
	if (index.op === "constant") return undefined;
	const register = hold(l, l.value(index), later);
	const isChecked = upperLimit(l, index) < length || (l.checked.get(register) ?? Infinity) <= length;
	if (!isChecked) emit(l, "bound", { a: register, imm: length }, index.at);
	l.checked.set(register, Math.min(length, l.checked.get(register) ?? length));
	return register;
}

type Memory = Exclude<Place, { kind: "local" }>;

function load(
	l: Lowering,
	place: Memory,
	index: Register | undefined,
	at: Position,
	into: Register | undefined,
): Register {
	const { mnemonic, ...fields } = access(l, place, index, at);
	return compute(l, loads[mnemonic], fields, at, into);
}

function store(l: Lowering, place: Memory, index: Register | undefined, value: Register, at: Position): void {
	const { mnemonic, ...fields } = access(l, place, index, at);
	emit(l, stores[mnemonic], { ...fields, a: value }, at);
}

const loads = { word: "ld", byte: "ldb", indexed: "ldx" } as const;
const stores = { word: "st", byte: "stb", indexed: "stx" } as const;

/** A known place is at an offset from an address in a register, another at an index from a known address. */
function access(l: Lowering, place: Memory, index: Register | undefined, at: Position) {
	const symbol = symbolOf(place.kind === "element" ? place.table : place.variable);
	const isByte = place.kind === "element" && place.table.element === "Uint8Array";
	if (index !== undefined) {
		const mnemonic: keyof typeof loads = isByte ? "byte" : "indexed";
		return { mnemonic, b: index, reference: { symbol, addend: 0 } };
	}
	const mnemonic: keyof typeof loads = isByte ? "byte" : "word";
	return { mnemonic, b: address(l, symbol, at), imm: place.kind === "element" ? constantOffset(place) : 0 };
}

function constantOffset({ index, table }: { index: Expression; table: Table }): number {
	if (index.op !== "constant") throw new Error("an index in a register has no constant offset");
	return index.value * (table.element === "Uint8Array" ? 1 : 4);
}
