// Copies of an object with more in them: symbols, sections, relocations. Nothing that was there changes its meaning, and
// the object given stays as it is.

import { type ElfObject, nullSection, type Relocations, type Section, STB_LOCAL, type Symbols } from "./object.ts";
import { addString, newStringTable, stringTableBytes } from "./strings.ts";
import { sectionsWithMovedSymbols } from "./symbol-indices.ts";
import { allocateRelocations, allocateSymbols } from "./tables.ts";
import { joined } from "./words.ts";

/** A symbol to be added to an object. */
export interface NewSymbol {
	readonly name: string;
	/** STB_* */
	readonly binding: number;
	/** STT_* */
	readonly type: number;
	/** Index of a section, or SHN_UNDEF. */
	readonly section: number;
	readonly value: number;
	readonly size: number;
}

/** A relocation to be added to a section. */
export interface NewRelocation {
	readonly offset: number;
	readonly type: number;
	readonly symbol: number;
	readonly addend: number;
}

/** How many symbols come before the first that is not local. */
export function firstGlobal(symbols: Symbols): number {
	let i = 0;
	while (i < symbols.count && symbols.info[i]! >> 4 === STB_LOCAL) i++;
	return i;
}

/** Adds symbols, local ones behind the other local ones. `added[i]` is what `additions[i]` became; `moved` says what an
 * index from before is now, as all that holds indices in the object given out already follows.
 * @throws LinkError where something may hold some and is not known */
export function addSymbols(
	object: ElfObject,
	additions: readonly NewSymbol[],
): { object: ElfObject; added: number[]; moved: (symbol: number) => number } {
	if (additions.length === 0) return { object, added: [], moved: (symbol) => symbol };
	const old = object.symbols;
	const border = firstGlobal(old);
	const locals = additions.filter(({ binding }) => binding === STB_LOCAL).length;
	const names = newStringTable();
	const offsets = additions.map(({ name }) => (name === "" ? 0 : old.strings.length + addString(names, name) - 1));
	const symbols = allocateSymbols(
		old.count + additions.length,
		joined([old.strings, stringTableBytes(names).subarray(1)]),
	);
	for (const key of ["name", "value", "size", "info", "other", "section"] as const) {
		symbols[key].set(old[key].subarray(0, border));
		symbols[key].set(old[key].subarray(border, old.count), border + locals);
	}
	let nextLocal = border;
	let nextGlobal = old.count + locals;
	const added = additions.map((symbol, i) => {
		const at = symbol.binding === STB_LOCAL ? nextLocal++ : nextGlobal++;
		putSymbol(symbols, at, offsets[i]!, symbol);
		return at;
	});
	const moved = (symbol: number) => (symbol < border ? symbol : symbol + locals);
	const sections = locals === 0 ? object.sections : sectionsWithMovedSymbols(object, moved);
	return { object: { ...object, symbols, sections }, added, moved };
}

function putSymbol(symbols: Symbols, at: number, name: number, symbol: NewSymbol): void {
	symbols.name[at] = name;
	symbols.info[at] = (symbol.binding << 4) | symbol.type;
	symbols.section[at] = symbol.section;
	symbols.value[at] = symbol.value;
	symbols.size[at] = symbol.size;
}

/** A section of the given bytes, to be appended to an object's. */
export function newSection(
	name: string,
	fields: Pick<Section, "type" | "flags" | "align" | "data"> & Partial<Pick<Section, "entsize" | "relocations">>,
): Section {
	return { ...nullSection(), name, size: fields.data.length, ...fields };
}

/** Relocations as columns: those of `old` that `keep` accepts, and `more` behind them. */
export function relocationsOf(
	more: readonly NewRelocation[],
	old?: Relocations,
	keep: (offset: number) => boolean = () => true,
): Relocations {
	const kept: number[] = [];
	for (let i = 0; i < (old?.count ?? 0); i++) if (keep(old!.offset[i]!)) kept.push(i);
	const columns = allocateRelocations(kept.length + more.length);
	for (const key of ["offset", "type", "symbol", "addend"] as const) {
		columns[key].set(kept.map((i) => old![key][i]!));
		columns[key].set(
			more.map((relocation) => relocation[key]),
			kept.length,
		);
	}
	return columns;
}
