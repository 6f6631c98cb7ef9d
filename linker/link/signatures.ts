// `.signatures`: which parameters and result the functions and keys have, as the compiler of each object saw them. A
// section that is not loaded: an array of {address of the symbol, word}.

import type { ElfObject } from "../elf/object.ts";
import { sectionByName } from "../elf/symbols.ts";
import { viewOf } from "../elf/words.ts";

/** Bytes of one entry. */
export const SIGNATURE_ENTRY = 8;
export const SIGNATURES_SECTION = ".signatures";
/** In a key's word: it may be null, so its result cannot be used. */
export const NULLABLE = 1 << 24;

/** How many parameters a word says. */
export function parametersOf(word: number): number {
	return word & 255;
}

const results = ["nothing", "int", "uint", "bool"];

/** As people write it: `(int, uint) -> bool`. */
export function signatureText(word: number): string {
	const parameters = Array.from({ length: parametersOf(word) }, (_, i) => ((word >> (8 + i)) & 1 ? "uint" : "int"));
	const result = results[(word >> 16) & 255] ?? "?";
	return `(${parameters.join(", ")}) -> ${result}${(word & NULLABLE) !== 0 ? " or null" : ""}`;
}

/** Address of a function or key -> its word, from an executable. */
export function readSignatures(elf: ElfObject): Map<number, number> {
	const data = sectionByName(elf, SIGNATURES_SECTION)?.data ?? new Uint8Array(0);
	const view = viewOf(data);
	const words = new Map<number, number>();
	for (let at = 0; at + SIGNATURE_ENTRY <= data.length; at += SIGNATURE_ENTRY) {
		words.set(view.getUint32(at, true), view.getUint32(at + 4, true));
	}
	return words;
}
