// The calls that may be retargeted, one record for each: where it is, in words and in numbers, and what its relocation names.

import { type ElfObject, originOf } from "../elf/object.ts";
import { symbolName } from "../elf/symbols.ts";
import type { RealArchitecture, RelocatedBranch } from "../sites/arch/index.ts";
import { branchTable, type Callee, calleeOf } from "../sites/branches.ts";
import { holders } from "../sites/holders.ts";
import { codePlace, functionPlace } from "../sites/place.ts";

/** Where a call is. Two sections, or two functions, may have the same name: `sectionIndex` and `offset` tell them apart. */
export interface CallPlace {
	/** `.text+0x12` or `0x401136` */
	readonly place: string;
	/** `main+0x12` */
	readonly in: string;
	readonly section: string;
	readonly sectionIndex: number;
	/** In the section, or in a linked file the address. */
	readonly offset: number;
	/** The function around it, empty where none is, */
	readonly symbol: string;
	/** and how many bytes behind its start. */
	readonly within: number;
}

/** @param offset in the section's bytes @param holder symbol of the function around it, or 0 */
export function callPlace(object: ElfObject, index: number, offset: number, holder: number): CallPlace {
	const section = object.sections[index]!;
	const value = originOf(object, section) + offset;
	return {
		place: codePlace(object, index, offset),
		in: functionPlace(object, holder, value),
		section: section.name,
		sectionIndex: index,
		offset: value,
		symbol: holder === 0 ? "" : symbolName(object.symbols, holder),
		within: holder === 0 ? 0 : value - object.symbols.value[holder]!,
	};
}

/** A call that a relocation shows. */
export interface FoundCall {
	/** Index. */
	readonly section: number;
	/** Offset of the instruction in the section's bytes. */
	readonly offset: number;
	/** Index in the section's relocations. */
	readonly relocation: number;
	readonly branch: RelocatedBranch;
	readonly callee: Callee;
	/** Symbol of the function around it, or 0. */
	readonly holder: number;
	readonly where: CallPlace;
}

/** @param wanted 1 for each symbol whose calls are asked for */
export function callsTo(object: ElfObject, architecture: RealArchitecture, wanted: Uint8Array): FoundCall[] {
	const table = branchTable(object, architecture, wanted, true);
	const around = holders(object, table);
	return Array.from({ length: table.count }, (_, i) => {
		const [section, offset, holder] = [table.section[i]!, table.offset[i]!, around[i]!];
		return {
			section,
			offset,
			relocation: table.relocation![i]!,
			branch: architecture.branches[table.branch[i]!]!,
			callee: calleeOf(table, i),
			holder,
			where: callPlace(object, section, offset, holder),
		};
	});
}
