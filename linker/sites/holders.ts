// In which function each branch of a table lies: one pass that walks branches and functions side by side.

import type { ElfObject } from "../elf/object.ts";
import { type FunctionIndex, functionAt, indexFunctions } from "../elf/symbols.ts";
import { type BranchTable, branchOffset } from "./branches.ts";

/** Per row of the table the symbol of the innermost function around the branch, or 0. */
export function holders(object: ElfObject, table: BranchTable, functions = indexFunctions(object)): Uint32Array {
	const found = new Uint32Array(table.count);
	const borders = borderValues(functions);
	let section = -1;
	let from = 0;
	let to = 0;
	let current = 0;
	for (let i = 0; i < table.count; i++) {
		const value = branchOffset(object, table, i) + object.sections[table.section[i]!]!.address;
		if (table.section[i] !== section || value < from || value >= to) {
			section = table.section[i]!;
			current = functionAt(functions, section, value) ?? 0;
			[from, to] = around(borders.get(section) ?? new Float64Array(0), value);
		}
		found[i] = current;
	}
	return found;
}

/** Per section where functions start and end, sorted: between two of them nothing changes. */
function borderValues({ symbols, order }: FunctionIndex): Map<number, Float64Array> {
	const counts = new Map<number, number>();
	for (const symbol of order) counts.set(symbols.section[symbol]!, (counts.get(symbols.section[symbol]!) ?? 0) + 2);
	const borders = new Map<number, Float64Array>();
	for (const [section, count] of counts) borders.set(section, new Float64Array(count));
	const next = new Map<number, number>();
	for (const symbol of order) {
		const section = symbols.section[symbol]!;
		const at = next.get(section) ?? 0;
		const values = borders.get(section)!;
		values[at] = symbols.value[symbol]!;
		values[at + 1] = symbols.value[symbol]! + symbols.size[symbol]!;
		next.set(section, at + 2);
	}
	for (const values of borders.values()) values.sort();
	return borders;
}

/** The last border at or before a value, and the first behind it. */
function around(borders: Float64Array, value: number): [number, number] {
	let low = 0;
	let high = borders.length;
	while (low < high) {
		const middle = (low + high) >>> 1;
		if (borders[middle]! <= value) low = middle + 1;
		else high = middle;
	}
	return [borders[low - 1] ?? Number.NEGATIVE_INFINITY, borders[low] ?? Number.POSITIVE_INFINITY];
}
