// Source positions of an image's code.
import type { ElfObject } from "../elf/object.ts";

export interface SourcePosition {
	readonly file: string;
	readonly line: number;
	readonly column: number;
}

export interface LineTable {
	/** Where in a source the instruction at an address comes from. */
	at(address: number): SourcePosition | undefined;
}

export function readLines(_elf: ElfObject): LineTable {
	return { at: () => undefined };
}
