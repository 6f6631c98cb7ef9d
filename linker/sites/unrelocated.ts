// Calls and jumps to a function that have no relocation: assemblers resolve those to local functions of the same section,
// and GNU's on x86-64 also jumps to global ones. They can be found by decoding, but neither listed nor retargeted safely.

import { type ElfObject, originOf, SHN_LORESERVE, SHN_UNDEF } from "../elf/object.ts";
import { isCode } from "../elf/symbols.ts";
import type { RealArchitecture } from "./arch/index.ts";
import { visitBranchTargets } from "./jumped-into.ts";
import { isRelocated, relocatedFields } from "./relocated-fields.ts";

/** A call or jump that only decoding finds. */
export interface UnrelocatedBranch {
	readonly section: number;
	/** In the section's bytes, as is `target`. */
	readonly offset: number;
	readonly target: number;
}

/** Direct branches to the start of one of the `wanted` functions from their own sections that have no relocation. */
export function unrelocatedBranches(
	object: ElfObject,
	architecture: RealArchitecture,
	wanted: Uint8Array,
): UnrelocatedBranch[] {
	const { symbols } = object;
	const starts = new Map<number, Set<number>>();
	for (let i = 1; i < symbols.count; i++) {
		const section = symbols.section[i]!;
		if (wanted[i] !== 1 || section === SHN_UNDEF || section >= SHN_LORESERVE) continue;
		const origin = originOf(object, object.sections[section]!);
		starts.set(section, (starts.get(section) ?? new Set()).add(symbols.value[i]! - origin));
	}
	const found: UnrelocatedBranch[] = [];
	for (const [section, values] of starts) {
		if (!isCode(object.sections[section]!)) continue;
		const fields = relocatedFields(object, section);
		visitBranchTargets(object, section, architecture, (offset, target, field) => {
			if (values.has(target) && !isRelocated(fields, field)) found.push({ section, offset, target });
		});
	}
	return found;
}
