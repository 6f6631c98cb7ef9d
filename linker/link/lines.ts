// Source positions of an image's code, from its DWARF line table; read when first asked for.

import { type ElfObject, lineAt, readLineTable, type SourcePosition } from "../elf/index.ts";
import { once } from "./once.ts";

export type { SourcePosition };

/** What knows the source lines of linked code. */
export interface LineTable {
	/** Where in a source the instruction at an address comes from. */
	at(address: number): SourcePosition | undefined;
}

/** The source lines of a linked file. Its DWARF is parsed when the first line is asked for.
 * @throws LinkError then, where it contradicts itself */
export function readLines(elf: ElfObject): LineTable {
	const table = once(() => readLineTable(elf));
	return { at: (address) => lineAt(table(), address) };
}
