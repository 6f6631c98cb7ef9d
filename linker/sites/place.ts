// Where in an object something is, as the messages of collector and linker start: `a.o:(.text+0x12)`, and as lists have it.

import { type ElfObject, ET_REL, originOf } from "../elf/object.ts";
import { symbolName } from "../elf/symbols.ts";
import { printable } from "../errors.ts";
import { beyond, hex, hexAddress } from "../hex.ts";

/** `a.o:(.text+0x12)`: how messages about a place in an object begin.
 * @param section index
 * @param offset in its bytes */
export function place(object: ElfObject, section: number, offset: number): string {
	return `${object.name}:(${printable(object.sections[section]!.name)}+${hex(offset)})`;
}

/** A place by its offset in the section's bytes: `.text+0x12`, or its address in what is linked. */
export function codePlace(object: ElfObject, index: number, offset: number): string {
	const section = object.sections[index]!;
	const value = originOf(object, section) + offset;
	return object.type === ET_REL ? `${section.name}+${hex(value)}` : hexAddress(value);
}

/** `main+0x12`; empty for the null symbol. @param value of the place, as symbols count */
export function functionPlace(object: ElfObject, symbol: number, value: number): string {
	return symbol === 0 ? "" : placeName(object, symbol, value - object.symbols.value[symbol]!);
}

/** `main+0x12`; a section symbol is called after its section. */
export function placeName(object: ElfObject, symbol: number, distance: number): string {
	return beyond(nameForMessage(object, symbol), distance);
}

/** The symbol's name for a message; a section symbol is called after its section. */
export function nameForMessage(object: ElfObject, symbol: number): string {
	const name = symbolName(object.symbols, symbol);
	return name !== "" ? name : (object.sections[object.symbols.section[symbol]!]?.name ?? "");
}
