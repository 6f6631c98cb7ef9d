// Calls and jumps to a function that have no relocation: assemblers resolve those to local functions of the same section,
// and GNU's on x86-64 also jumps to global ones. They can be found by decoding, but neither listed nor retargeted safely.

import { type ElfObject, SHN_LORESERVE, SHN_UNDEF } from "../elf/object.ts";
import type { Architecture } from "./arch/index.ts";
import { type BranchTable, isCode } from "./branches.ts";
import { visitBranchTargets } from "./jumped-into.ts";

export interface UnrelocatedBranch {
	readonly section: number;
	/** In the section's bytes. */
	readonly offset: number;
}

/** Direct branches to the start of one of the `wanted` functions from their own sections that `table` does not have. */
export function unrelocatedBranches(
	object: ElfObject,
	architecture: Architecture,
	wanted: Uint8Array,
	table: BranchTable,
): UnrelocatedBranch[] {
	const { symbols } = object;
	const starts = new Map<number, Set<number>>();
	for (let i = 1; i < symbols.count; i++) {
		const section = symbols.section[i]!;
		if (wanted[i] !== 1 || section === SHN_UNDEF || section >= SHN_LORESERVE) continue;
		const { address } = object.sections[section]!;
		starts.set(section, (starts.get(section) ?? new Set()).add(symbols.value[i]! - address));
	}
	const found: UnrelocatedBranch[] = [];
	for (const [section, values] of starts) {
		if (!isCode(object.sections[section]!)) continue;
		const listed = listedOffsets(table, section);
		visitBranchTargets(object, section, architecture, (offset, target) => {
			if (values.has(target) && !listed.has(offset)) found.push({ section, offset });
		});
	}
	return found.filter(({ section, offset }) => !isRelocated(object, section, offset));
}

function listedOffsets(table: BranchTable, section: number): Set<number> {
	const offsets = new Set<number>();
	for (let i = 0; i < table.count; i++) if (table.section[i] === section) offsets.add(table.offset[i]!);
	return offsets;
}

/** A field that a relocation will fill says nothing about where it goes. */
function isRelocated({ sections }: ElfObject, section: number, offset: number): boolean {
	const { relocations, address } = sections[section]!;
	return relocations?.offset.some((at) => at - address >= offset && at - address < offset + 6) ?? false;
}
