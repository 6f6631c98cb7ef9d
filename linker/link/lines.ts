// Source positions of an image's code, from its DWARF line table; read when first asked for.

import { type ElfObject, lineAt, readLineTable, type SourcePosition } from "../elf/index.ts";
import { hex } from "../hex.ts";
import type { Image } from "./image.ts";
import { once } from "./once.ts";

export type { SourcePosition };

export interface LineTable {
	/** Where in a source the instruction at an address comes from. */
	at(address: number): SourcePosition | undefined;
}

export function readLines(elf: ElfObject): LineTable {
	const table = once(() => readLineTable(elf));
	return { at: (address) => lineAt(table(), address) };
}

/** `pick.js:4:9` where the source is known, else the address and its function. */
export function sourcePlace({ lines, symbolize, name }: Image, address: number): string {
	const at = lines.at(address);
	if (at !== undefined) return `${at.file}:${at.line}:${at.column}`;
	return `${name}: ${hex(address)} <${symbolize(address) ?? "?"}>`;
}
