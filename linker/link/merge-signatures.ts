// Reads `.signatures` of an executable, and leaves one entry for each function and key when it is linked: objects that import
// one had an entry for it too.

import type { ElfObject } from "../elf/object.ts";
import { sectionByName } from "../elf/symbols.ts";
import { allocateRelocations } from "../elf/tables.ts";
import { viewOf } from "../elf/words.ts";
import { readField, readSignature, rowStarts, signatureRow } from "../format/rows.ts";
import { SIGNATURES_SECTION } from "../format/signatures.ts";
import type { Output } from "./layout.ts";

/** Requires: relocated sections, signatures that agree. After: no symbol has two entries. */
export function mergeSignatures(outputs: readonly Output[]): void {
	const section = outputs.find(({ name }) => name === SIGNATURES_SECTION);
	if (section?.relocations === undefined) return;
	const view = viewOf(section.data);
	const firstOf = new Map<number, number>();
	for (const at of rowStarts(signatureRow, section.size)) {
		const symbol = readField(view, 0, at, signatureRow.fields.symbol);
		if (!firstOf.has(symbol)) firstOf.set(symbol, at);
	}
	keepEntries(section, [...firstOf.values()]);
}

/** @param entries offsets, ascending */
function keepEntries(section: Output, entries: readonly number[]): void {
	const old = section.relocations!;
	const moved = new Map(entries.map((at, i) => [at, i * signatureRow.bytes]));
	const kept = [...old.offset.keys()].filter((i) => moved.has(old.offset[i]!));
	const data = new Uint8Array(entries.length * signatureRow.bytes);
	for (const [at, to] of moved) data.set(section.data.subarray(at, at + signatureRow.bytes), to);
	const relocations = allocateRelocations(kept.length);
	for (const column of ["type", "symbol", "addend"] as const) relocations[column].set(kept.map((i) => old[column][i]!));
	relocations.offset.set(kept.map((i) => moved.get(old.offset[i]!)!));
	section.data = data;
	section.size = data.length;
	section.relocations = relocations;
}

/** Address of a function or key -> its signature, from an executable. */
export function readSignatures(elf: ElfObject): Map<number, number> {
	const data = sectionByName(elf, SIGNATURES_SECTION)?.data ?? new Uint8Array(0);
	const view = viewOf(data);
	const { symbol } = signatureRow.fields;
	return new Map(
		rowStarts(signatureRow, data.length).map((at) => [readField(view, 0, at, symbol), readSignature(view, at)]),
	);
}
