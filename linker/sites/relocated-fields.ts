// Fields of code that a relocation will fill: what is there before says nothing about where a branch goes.

import { type ElfObject, originOf, R_NONE } from "../elf/object.ts";
import { ENTRY_WORDS, relocationPieces } from "../elf/relocation-entries.ts";
import { wideWord } from "../elf/words.ts";

/** Whether a relocation fills the displacement at `field`. The relocation of a jump that a linker made direct may have stayed a
 * byte behind it. */
export function isRelocated(fields: Uint8Array, field: number): boolean {
	return fields[field] === 1 || fields[field + 1] === 1;
}

/** 1 for each byte of a section where such a field begins. What a linker made R_NONE is no field: the bytes are final. */
export function relocatedFields(object: ElfObject, index: number): Uint8Array {
	const { data, relocations } = object.sections[index]!;
	const origin = originOf(object, object.sections[index]!);
	const fields = new Uint8Array(data.length);
	if (relocations === undefined) return fields;
	for (const words of relocationPieces(relocations))
		for (let i = 0; i < words.length; i += ENTRY_WORDS)
			if (words[i + 2] !== R_NONE) fields[wideWord(words[i]!, words[i + 1]!) - origin] = 1;
	return fields;
}
