// In which function each branch of a table lies: one pass that walks branches and functions side by side.

import { type ElfObject, originOf } from "../elf/object.ts";
import { firstFunction, indexFunctions } from "../elf/symbols.ts";
import { type BranchTable, type SectionRun, sectionRuns } from "./branches.ts";

/** Per row of the table the symbol of the innermost function around the branch, or 0. */
export function holders(object: ElfObject, table: BranchTable): Uint32Array {
	const found = new Uint32Array(table.count);
	for (const run of sectionRuns(table)) findHolders(object, table, run, found);
	return found;
}

function findHolders(
	object: ElfObject,
	{ offset }: BranchTable,
	{ section, first, end }: SectionRun,
	found: Uint32Array,
): void {
	const functions = indexFunctions(object);
	const { symbols, order, end: ends } = functions;
	const origin = originOf(object, object.sections[section]!);
	/** Positions in `order` of functions that may be around what follows, each inside or behind the one before. */
	const open: number[] = [];
	let next = firstFunction(functions, section);
	const limit = firstFunction(functions, section + 1);
	let nextStart = next < limit ? symbols.value[order[next]!]! : Number.POSITIVE_INFINITY;
	let holder = 0;
	let innermostEnd = Number.POSITIVE_INFINITY;
	for (let row = first; row < end; row++) {
		const value = offset[row]! + origin;
		if (nextStart <= value || innermostEnd <= value) {
			while (nextStart <= value) {
				open.push(next++);
				nextStart = next < limit ? symbols.value[order[next]!]! : Number.POSITIVE_INFINITY;
			}
			while (open.length > 0 && ends[open.at(-1)!]! <= value) open.pop();
			const innermost = open.at(-1);
			holder = innermost === undefined ? 0 : order[innermost]!;
			innermostEnd = innermost === undefined ? Number.POSITIVE_INFINITY : ends[innermost]!;
		}
		found[row] = holder;
	}
}
