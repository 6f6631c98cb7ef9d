// Calls and jumps to a function that have no relocation: assemblers resolve those to local functions of the same section,
// and GNU's on x86-64 also jumps to global ones. They can be found by decoding, but neither listed nor retargeted safely.

import { type ElfObject, type Section, SHN_LORESERVE, SHN_UNDEF } from "../elf/object.ts";
import { ENTRY_WORDS, relocationPieces } from "../elf/relocation-entries.ts";
import { wideWord } from "../elf/words.ts";
import type { Architecture } from "./arch/index.ts";
import { isCode } from "./branches.ts";
import { visitBranchTargets } from "./jumped-into.ts";

export interface UnrelocatedBranch {
	readonly section: number;
	/** In the section's bytes. */
	readonly offset: number;
}

/** Direct branches to the start of one of the `wanted` functions from their own sections that have no relocation. */
export function unrelocatedBranches(
	object: ElfObject,
	architecture: Architecture,
	wanted: Uint8Array,
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
		const isField = relocatedBytes(object.sections[section]!);
		visitBranchTargets(object, section, architecture, (offset, target) => {
			if (values.has(target) && !isField.subarray(offset, offset + LONGEST).includes(1))
				found.push({ section, offset });
		});
	}
	return found;
}

/** Of a direct branch, in bytes. */
const LONGEST = 6;

/** 1 for each byte of a section where a field begins that a relocation will fill: what is there says nothing about where
 * a branch goes. */
function relocatedBytes({ data, address, relocations }: Section): Uint8Array {
	const flags = new Uint8Array(data.length);
	if (relocations === undefined) return flags;
	for (const words of relocationPieces(relocations))
		for (let i = 0; i < words.length; i += ENTRY_WORDS) flags[wideWord(words[i]!, words[i + 1]!) - address] = 1;
	return flags;
}
