// Files that have calls which no relocation shows. A list of them would be empty and look complete, so each is refused with
// what it is and what to do instead.

import { type ElfObject, ET_REL, originOf, SHN_UNDEF, SHT_NOBITS, STT_OBJECT, STT_TLS } from "../elf/object.ts";
import { ENTRY_WORDS, relocationPieces } from "../elf/relocation-entries.ts";
import { isCode, symbolName } from "../elf/symbols.ts";
import { wideWord } from "../elf/words.ts";
import { LinkError } from "../errors.ts";
import type { RealArchitecture } from "./arch/index.ts";
import { hasBranches } from "./branches.ts";
import { nameForMessage, place } from "./place.ts";

/** Requires: nothing. After: the file has machine code, and what its calls name is in it.
 * @throws LinkError that says how to get a file that is so */
export function requireVisibleCalls(object: ElfObject): void {
	const { name, sections } = object;
	const code = sections.filter((section) => isCode(section) && section.size > 0);
	if (code.length === 0 && sections.some((section) => section.name.startsWith(".gnu.lto_")))
		throw new LinkError(
			`${name}: holds gcc's intermediate code for link-time optimisation and no machine code; compile with -ffat-lto-objects or -fno-lto, or take what the link made`,
		);
	if (code.length > 0 && code.every(({ type }) => type === SHT_NOBITS))
		throw new LinkError(
			`${name}: has debug information only, its code has no bytes; take the file that it was split from`,
		);
	if (object.type === ET_REL) requireKeptRelocations(object, code.length > 0);
	else if (!code.some(({ relocations }) => relocations !== undefined))
		throw new LinkError(
			`${name}: is linked without relocations, so what its calls name is lost; link with -Wl,--emit-relocs (ld -q)`,
		);
}

/** An object names other objects' functions by relocations alone: one that has such symbols and no relocation was stripped. */
function requireKeptRelocations({ name, sections, symbols }: ElfObject, hasCode: boolean): void {
	if (!hasCode || sections.some(({ relocations }) => relocations !== undefined)) return;
	for (let i = 1; i < symbols.count; i++) {
		const type = symbols.info[i]! & 15;
		if (symbols.section[i] !== SHN_UNDEF || type === STT_OBJECT || type === STT_TLS) continue;
		throw new LinkError(
			`${name}: has no relocations, though '${symbolName(symbols, i)}' must be one's symbol: they were stripped, and with them what its calls name; take the object as it was compiled`,
		);
	}
}

/** For a file in which `wanted` found nothing: refuses it where calls are all made through addresses that code loads.
 * @throws LinkError that names the first such place */
export function refuseCallsByAddress(object: ElfObject, architecture: RealArchitecture): void {
	const { callsLoaded } = architecture;
	if (callsLoaded === undefined || hasBranches(object, architecture)) return;
	for (const [index, section] of object.sections.entries()) {
		if (!isCode(section) || section.relocations === undefined) continue;
		const origin = originOf(object, section);
		for (const words of relocationPieces(section.relocations))
			for (let i = 0; i < words.length; i += ENTRY_WORDS) {
				const at = wideWord(words[i]!, words[i + 1]!) - origin;
				if (!callsLoaded(words[i + 2]!, section.data, at)) continue;
				const callee = nameForMessage(object, words[i + 3]!);
				throw new LinkError(
					`${place(object, index, at)}: calls '${callee}' by an address of 64 bits that it loads, as compiled with -mcmodel=large, and all calls are like that; compile with -mcmodel=small or kernel`,
				);
			}
	}
}
