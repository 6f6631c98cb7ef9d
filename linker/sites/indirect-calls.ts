// Calls of which nothing says where they go: through function pointers, and of virtual functions. No relocation names what
// they call, so lists cannot have them; how many there are is found by decoding, and said.

import { type ElfObject, originOf } from "../elf/object.ts";
import { ENTRY_WORDS, relocationPieces } from "../elf/relocation-entries.ts";
import { isCode } from "../elf/symbols.ts";
import { wideWord } from "../elf/words.ts";
import type { RealArchitecture } from "./arch/index.ts";
import { visitBranchTargets } from "./jumped-into.ts";

/** How many indirect branches there are. Those through words that relocations name, of the global offset table, are no part of
 * it, for lists have them; nor are the stubs of the procedure linkage table. */
export interface IndirectCalls {
	/** The address is in a register, */
	readonly throughRegisters: number;
	/** or in memory. */
	readonly throughMemory: number;
	/** They do not come back: tail calls, and jumps by tables. */
	readonly jumps: number;
	/** Places where bytes are no instruction, behind which some may be missing. */
	readonly undecoded: number;
}

/** Decodes all code of an object. */
export function countIndirectCalls(object: ElfObject, architecture: RealArchitecture): IndirectCalls {
	const counts = { throughRegisters: 0, throughMemory: 0, jumps: 0, undecoded: 0 };
	for (const [index, section] of object.sections.entries()) {
		if (!isCode(section) || section.data.length === 0 || /^\.i?plt/.test(section.name)) continue;
		const listed = listedFields(object, index, architecture);
		const visitTargets: RealArchitecture["visitTargets"] = (bytes, start, end) =>
			architecture.visitIndirect(bytes, start, end, (field, isCall, isMemory) => {
				if (listed.has(field)) return;
				if (!isCall) counts.jumps++;
				else if (isMemory) counts.throughMemory++;
				else counts.throughRegisters++;
			});
		// Linkers fill gaps with zeros, of which an odd number ends in half an instruction.
		const stop = (_: number, stopped: number) => {
			if (section.data[stopped] !== 0) counts.undecoded++;
		};
		visitBranchTargets(object, index, { visitTargets }, () => {}, stop);
	}
	return counts;
}

/** Fields of the indirect branches that lists have, for relocations name what they call. */
function listedFields(object: ElfObject, index: number, { branches, find }: RealArchitecture): ReadonlySet<number> {
	const fields = new Set<number>();
	const section = object.sections[index]!;
	if (section.relocations === undefined || branches.every(({ form }) => form !== undefined)) return fields;
	const origin = originOf(object, section);
	for (const words of relocationPieces(section.relocations))
		for (let i = 0; i < words.length; i += ENTRY_WORDS) {
			const at = wideWord(words[i]!, words[i + 1]!) - origin;
			const branch = branches[find(words[i + 2]!, section.data, at)];
			if (branch !== undefined && branch.form === undefined) fields.add(at);
		}
	return fields;
}
