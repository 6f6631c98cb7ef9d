// Leaves one entry of `.signatures` for each function and key; objects that import it had one too.

import { allocateRelocations } from "../elf/tables.ts";
import { viewOf } from "../elf/words.ts";
import type { Output } from "./layout.ts";
import { SIGNATURE_ENTRY, SIGNATURES_SECTION } from "./signatures.ts";

/** Requires: relocated sections, signatures that agree. After: no symbol has two entries. */
export function mergeSignatures(outputs: readonly Output[]): void {
	const section = outputs.find(({ name }) => name === SIGNATURES_SECTION);
	if (section?.relocations === undefined) return;
	const view = viewOf(section.data);
	const firstOf = new Map<number, number>();
	for (let at = 0; at + SIGNATURE_ENTRY <= section.size; at += SIGNATURE_ENTRY) {
		const symbol = view.getUint32(at, true);
		if (!firstOf.has(symbol)) firstOf.set(symbol, at);
	}
	keepEntries(section, [...firstOf.values()]);
}

/** @param entries offsets, ascending */
function keepEntries(section: Output, entries: readonly number[]): void {
	const old = section.relocations!;
	const moved = new Map(entries.map((at, i) => [at, i * SIGNATURE_ENTRY]));
	const kept = [...old.offset.keys()].filter((i) => moved.has(old.offset[i]!));
	const data = new Uint8Array(entries.length * SIGNATURE_ENTRY);
	for (const [at, to] of moved) data.set(section.data.subarray(at, at + SIGNATURE_ENTRY), to);
	const relocations = allocateRelocations(kept.length);
	for (const column of ["type", "symbol", "addend"] as const) relocations[column].set(kept.map((i) => old[column][i]!));
	relocations.offset.set(kept.map((i) => moved.get(old.offset[i]!)!));
	section.data = data;
	section.size = data.length;
	section.relocations = relocations;
}
