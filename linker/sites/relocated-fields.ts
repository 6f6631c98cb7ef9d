// Fields of code that a relocation will fill: what is there before says nothing about where a branch goes.

import type { Section } from "../elf/object.ts";
import { ENTRY_WORDS, relocationPieces } from "../elf/relocation-entries.ts";
import { wideWord } from "../elf/words.ts";

/** 1 for each byte of a section where such a field begins. */
export function relocatedFields({ data, address, relocations }: Section): Uint8Array {
	const fields = new Uint8Array(data.length);
	if (relocations === undefined) return fields;
	for (const words of relocationPieces(relocations))
		for (let i = 0; i < words.length; i += ENTRY_WORDS) fields[wideWord(words[i]!, words[i + 1]!) - address] = 1;
	return fields;
}
