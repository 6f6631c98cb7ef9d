// Where in an object something is, as the messages of collector and linker start: `a.o:(.text+0x12)`.

import type { ElfObject } from "../elf/object.ts";
import { symbolName } from "../elf/symbols.ts";

export function place(object: ElfObject, section: number, offset: number): string {
	return `${object.name}:(${object.sections[section]!.name}+0x${offset.toString(16)})`;
}

/** The symbol's name for a message; a section symbol is called after its section. */
export function nameForMessage(object: ElfObject, symbol: number): string {
	const name = symbolName(object.symbols, symbol);
	return name !== "" ? name : (object.sections[object.symbols.section[symbol]!]?.name ?? "");
}
