// Symbol and relocation tables between their bytes in a file and columns. Loops over millions of entries: no objects.

import { LinkError, requireCount } from "../errors.ts";
import { hex } from "../hex.ts";
import { inRela } from "./fields.ts";
import { R_NONE, type Relocations, SHN_LORESERVE, STB_LOCAL, type Symbols } from "./object.ts";
import { fitsNumber, getWord64, putWord64, viewOf, wordsOf } from "./words.ts";

export const FILE_HEADER_SIZE = 64;
export const PROGRAM_HEADER_SIZE = 56;
export const SECTION_HEADER_SIZE = 64;
export const SYMBOL_SIZE = 24;
export const RELA_SIZE = 24;
export const REL_SIZE = 16;
/** In a file, the section index that says "see SHT_SYMTAB_SHNDX", and the first of the reserved ones. */
export const FILE_XINDEX = 0xffff;
export const FILE_LORESERVE = 0xff00;
const RESERVED_SHIFT = SHN_LORESERVE - FILE_LORESERVE;

/** How many rows one table has at most: a machine can hold this many. */
const MOST_ROWS = 2 ** 27;

/**
 * Makes room for a symbol table: one column per field, all zero, each `count` entries long. All columns are views of one
 * buffer: a link has thousands of tables, and a buffer costs more than a view.
 * @param strings the string table that the names are offsets in
 * @throws ArgumentError for a count below 0 or above 2^27
 */
export function allocateSymbols(count: number, strings: Uint8Array): Symbols {
	requireCount("symbols", count, 0, MOST_ROWS);
	const buffer = new ArrayBuffer(count * 26);
	return {
		count,
		name: new Uint32Array(buffer, count * 16, count),
		value: new Float64Array(buffer, 0, count),
		size: new Float64Array(buffer, count * 8, count),
		info: new Uint8Array(buffer, count * 24, count),
		other: new Uint8Array(buffer, count * 25, count),
		section: new Uint32Array(buffer, count * 20, count),
		strings,
	};
}

/** Columns for so many relocations, all zero, in one buffer. */
export function allocateRelocations(count: number): Relocations {
	requireCount("relocations", count, 0, MOST_ROWS);
	const buffer = new ArrayBuffer(count * 24);
	return {
		count,
		offset: new Float64Array(buffer, 0, count),
		type: new Uint32Array(buffer, count * 16, count),
		symbol: new Uint32Array(buffer, count * 20, count),
		addend: new Float64Array(buffer, count * 8, count),
	};
}

/** The bytes of a symbol table, and what is needed to check it. */
export interface SymbolTableSource {
	/** Starts the messages. */
	readonly place: string;
	readonly bytes: Uint8Array;
	readonly strings: Uint8Array;
	/** The SHT_SYMTAB_SHNDX table, if there is one. */
	readonly extended: Uint8Array | undefined;
	readonly sectionCount: number;
}

/** Checks every field that is an index or might not fit a number. */
export function readSymbols(source: SymbolTableSource): Symbols {
	const words = wordsOf(viewOf(source.bytes));
	const symbols = allocateSymbols(source.bytes.length / SYMBOL_SIZE, source.strings);
	const { count, name, info, other, section, value, size } = symbols;
	const nameLimit = Math.max(1, source.strings.length);
	for (let i = 0, at = 0; i < count; i++, at += SYMBOL_SIZE / 4) {
		const bits = words[at + 1]!;
		const index = bits >>> 16;
		const highValue = words[at + 3]!;
		const highSize = words[at + 5]!;
		if (words[at]! >= nameLimit) fail(source, i, `name at ${hex(words[at]!)} of ${hex(nameLimit)} bytes of names`);
		if (highValue !== 0 && !fitsNumber(highValue | 0)) fail(source, i, "value is not within ±2^53");
		if (highSize >= 2 ** 21) fail(source, i, "size is not below 2^53");
		if (index < FILE_LORESERVE && index >= source.sectionCount) failSection(source, i, index);
		name[i] = words[at]!;
		info[i] = bits;
		other[i] = bits >>> 8;
		section[i] = index < FILE_LORESERVE ? index : reservedSection(source, i, index);
		value[i] = (highValue | 0) * 2 ** 32 + words[at + 2]!;
		size[i] = highSize * 2 ** 32 + words[at + 4]!;
	}
	return symbols;
}

function reservedSection(source: SymbolTableSource, i: number, section: number): number {
	if (section !== FILE_XINDEX) return section + RESERVED_SHIFT;
	if (source.extended === undefined) fail(source, i, "section index is extended, but no SHT_SYMTAB_SHNDX is there");
	const index = viewOf(source.extended).getUint32(i * 4, true);
	if (index >= source.sectionCount) failSection(source, i, index);
	return index;
}

function failSection(source: SymbolTableSource, i: number, section: number): never {
	fail(source, i, `is in section ${section}, but there are ${source.sectionCount} sections`);
}

function fail(source: SymbolTableSource, i: number, message: string): never {
	throw new LinkError(`${source.place}+${hex(i * SYMBOL_SIZE)}: symbol ${i}: ${message}`);
}

/** The bytes of a table of relocations, and what is needed to check it. */
export interface RelocationTableSource {
	readonly place: string;
	readonly bytes: Uint8Array;
	readonly implicitAddends: boolean;
	readonly symbolCount: number;
	/** Inclusive range of the offsets. */
	readonly min: number;
	readonly max: number;
}

/** Checks every symbol index and offset. */
export function readRelocations(source: RelocationTableSource): Relocations {
	const { bytes, implicitAddends, symbolCount, min, max } = source;
	const entry = implicitAddends ? REL_SIZE : RELA_SIZE;
	const view = viewOf(bytes);
	const columns = allocateRelocations(bytes.length / entry);
	for (let i = 0, at = 0; i < columns.count; i++, at += entry) {
		const offset = getWord64(view, at + inRela.offset);
		const symbol = view.getUint32(at + inRela.symbol, true);
		const highAddend = implicitAddends ? 0 : view.getInt32(at + inRela.addend + 4, true);
		const type = view.getUint32(at + inRela.type, true);
		columns.offset[i] = offset;
		columns.type[i] = type;
		columns.symbol[i] = symbol;
		if (!implicitAddends) columns.addend[i] = highAddend * 2 ** 32 + view.getUint32(at + inRela.addend, true);
		if (offset < min || offset > max || symbol >= symbolCount || !fitsNumber(highAddend))
			checkRelocation(source, columns, i, at);
	}
	return implicitAddends ? { ...columns, implicitAddends } : columns;
}

/** @param at where in the table's bytes the entry is */
export function checkRelocation(
	{ place, symbolCount, min, max }: Omit<RelocationTableSource, "implicitAddends">,
	{ offset, symbol, type, addend }: Relocations,
	i: number,
	at: number,
): void {
	const isInside = offset[i]! >= min && offset[i]! <= max;
	const isAnywhere = type[i] === R_NONE && isExact(offset[i]!);
	const what =
		!isInside && !isAnywhere
			? `offset ${hex(offset[i]!)} is not in [${hex(min)}, ${hex(max)}]`
			: symbol[i]! >= symbolCount
				? `symbol ${symbol[i]} is not below ${symbolCount}`
				: !isExact(addend[i]!)
					? "addend is not within ±2^53"
					: undefined;
	if (what !== undefined) throw new LinkError(`${place}+${hex(at)}: relocation ${i}: ${what}`);
}

function isExact(value: number): boolean {
	return value >= -(2 ** 53) && value < 2 ** 53;
}

/** Fills the view with the entries from `first` on; so do the other two. */
export function putSymbols(symbols: Symbols, view: DataView, first: number): void {
	for (let i = first, at = 0; at < view.byteLength; i++, at += SYMBOL_SIZE) {
		view.setUint32(at, symbols.name[i]!, true);
		view.setUint8(at + 4, symbols.info[i]!);
		view.setUint8(at + 5, symbols.other[i]!);
		view.setUint16(at + 6, fileSection(symbols.section[i]!), true);
		putWord64(view, at + 8, symbols.value[i]!);
		putWord64(view, at + 16, symbols.size[i]!);
	}
}

function fileSection(section: number): number {
	if (section < FILE_LORESERVE) return section;
	return section >= SHN_LORESERVE ? section - RESERVED_SHIFT : FILE_XINDEX;
}

/** Writes rows of a SHT_SYMTAB_SHNDX table: sections of symbols whose numbers do not fit their own rows. */
export function putExtendedSections(symbols: Symbols, view: DataView, first: number): void {
	for (let i = first, at = 0; at < view.byteLength; i++, at += 4) {
		const section = symbols.section[i]!;
		view.setUint32(at, fileSection(section) === FILE_XINDEX ? section : 0, true);
	}
}

/** Fills the view with the entries from `first` on, with or without addends as the columns say. */
export function putRelocations(columns: Relocations, view: DataView, first: number): void {
	const implicit = columns.implicitAddends === true;
	const entry = implicit ? REL_SIZE : RELA_SIZE;
	for (let i = first, at = 0; at < view.byteLength; i++, at += entry) {
		if (implicit) putRel(view, at, columns.offset[i]!, columns.type[i]!, columns.symbol[i]!);
		else putRela(view, at, columns.offset[i]!, columns.type[i]!, columns.symbol[i]!, columns.addend[i]!);
	}
}

/** An entry of an SHT_RELA table. */
export interface Rela {
	readonly offset: number;
	readonly type: number;
	readonly symbol: number;
	readonly addend: number;
}

/** Puts such an entry at a place of the view. */
export function putRela(
	view: DataView,
	at: number,
	offset: number,
	type: number,
	symbol: number,
	addend: number,
): void {
	putRel(view, at, offset, type, symbol);
	putWord64(view, at + inRela.addend, addend);
}

/** The fields that entries of SHT_REL and SHT_RELA share: where they lie is written here alone. */
function putRel(view: DataView, at: number, offset: number, type: number, symbol: number): void {
	putWord64(view, at + inRela.offset, offset);
	view.setUint32(at + inRela.type, type, true);
	view.setUint32(at + inRela.symbol, symbol, true);
}

/** The bytes of an SHT_RELA entry. */
export function relaBytes({ offset, type, symbol, addend }: Rela): Uint8Array {
	const bytes = new Uint8Array(RELA_SIZE);
	putRela(viewOf(bytes), 0, offset, type, symbol, addend);
	return bytes;
}

/** How many symbols at the start are local: sh_info of the table. Undefined when a local one follows a global one. */
export function localCount(symbols: Symbols): number | undefined {
	let count = 0;
	while (count < symbols.count && symbols.info[count]! >> 4 === STB_LOCAL) count++;
	for (let i = count; i < symbols.count; i++) if (symbols.info[i]! >> 4 === STB_LOCAL) return undefined;
	return count;
}
