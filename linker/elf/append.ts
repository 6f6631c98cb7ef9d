// More in a file without moving anything of it: new sections and symbols behind its last byte. Only the file header
// changes in place; cutting the file off and putting the old header back undoes it.

import { LinkError } from "../errors.ts";
import { inFile, inSection } from "./fields.ts";
import { type FileHeader, type RawSection, readFileHeader, readSectionHeaders } from "./headers.ts";
import { SHN_UNDEF, SHT_SYMTAB, SHT_SYMTAB_SHNDX, STB_GLOBAL } from "./object.ts";
import { FILE_LORESERVE, SECTION_HEADER_SIZE, SYMBOL_SIZE } from "./tables.ts";
import { alignUp, joined, putWord64, viewOf } from "./words.ts";

/** Where a section is loaded and where its bytes lie in the file. */
export interface SectionExtent {
	readonly address: number;
	/** In the file. */
	readonly offset: number;
	readonly size: number;
}

/** A section to be added to a file. */
export interface AppendedSection {
	readonly name: string;
	/** SHT_* */
	readonly type: number;
	/** SHF_* bits */
	readonly flags: number;
	readonly align?: number;
	/** Bytes to be put behind the end of the file, or the place of bytes that are in it. */
	readonly data: Uint8Array | SectionExtent;
}

/** A symbol to be added to a file, behind all that there are: one that is not local. */
export interface AppendedSymbol {
	readonly name: string;
	/** Binding and type. */
	readonly info: number;
	/** Visibility. */
	readonly other: number;
	/** SHN_UNDEF, or the index that an added section gets: those behind the file's last, in their order. */
	readonly section: number;
	readonly value: number;
	readonly size: number;
}

/** What a file gets. */
export interface Addition {
	readonly sections: readonly AppendedSection[];
	readonly symbols: readonly AppendedSymbol[];
	/** Sections of the file that are elsewhere now, by index. */
	readonly moved?: ReadonlyMap<number, SectionExtent>;
}

/** A symbol that the file names and does not define. */
export function undefinedSymbol(name: string): AppendedSymbol {
	return { name, info: STB_GLOBAL << 4, other: 0, section: SHN_UNDEF, value: 0, size: 0 };
}

/** The file with more in it. Requires: a file that `readElf` takes, with a table of symbols if it is to get some.
 * @throws LinkError for a file whose sections have no names, or that has no room for more */
export function appendToFile(bytes: Uint8Array, name: string, addition: Addition): Uint8Array {
	const header = readFileHeader(bytes, name);
	const raw = readSectionHeaders(bytes, name, header);
	if (header.namesIndex === 0) throw new LinkError(`${name}: its sections have no names; another cannot be added`);
	if (addition.symbols.some(({ section }) => section >= FILE_LORESERVE))
		throw new LinkError(`${name}: has ${raw.length} sections; symbols of one behind them cannot be added`);
	return assemble(bytes, header, grownSections(bytes, raw, header, addition), addition);
}

/** New contents of sections that get longer, by index. */
function grownSections(
	bytes: Uint8Array,
	raw: readonly RawSection[],
	{ namesIndex }: FileHeader,
	{ sections, symbols }: Addition,
): Map<number, Uint8Array> {
	const grown = new Map<number, Uint8Array>();
	const grow = (index: number, more: readonly Uint8Array[]): void => {
		const { offset, size } = raw[index]!;
		grown.set(index, joined([grown.get(index) ?? bytes.subarray(offset, offset + size), ...more]));
	};
	if (symbols.length > 0) {
		const symtab = raw.findIndex(({ type }) => type === SHT_SYMTAB);
		let nameAt = raw[raw[symtab]!.link]!.size;
		const names = symbols.map((symbol) => encoder.encode(`${symbol.name}\0`));
		grow(
			symtab,
			symbols.map((symbol, i) => {
				const entry = symbolEntry(symbol, nameAt);
				nameAt += names[i]!.length;
				return entry;
			}),
		);
		grow(raw[symtab]!.link, names);
		const extended = raw.findIndex(({ type }) => type === SHT_SYMTAB_SHNDX);
		if (extended >= 0) grow(extended, [new Uint8Array(4 * symbols.length)]);
	}
	grow(
		namesIndex,
		sections.map((section) => encoder.encode(`${section.name}\0`)),
	);
	return grown;
}

const encoder = new TextEncoder();

function symbolEntry({ info, other, section, value, size }: AppendedSymbol, nameOffset: number): Uint8Array {
	const entry = new Uint8Array(SYMBOL_SIZE);
	const view = viewOf(entry);
	view.setUint32(0, nameOffset, true);
	view.setUint8(4, info);
	view.setUint8(5, other);
	view.setUint16(6, section, true);
	putWord64(view, 8, value);
	putWord64(view, 16, size);
	return entry;
}

function assemble(
	bytes: Uint8Array,
	{ sectionsAt, sectionCount, namesIndex }: FileHeader,
	grown: ReadonlyMap<number, Uint8Array>,
	{ sections, moved = new Map() }: Addition,
): Uint8Array {
	/** By index of the section. */
	const extents = new Map<number, SectionExtent>(moved);
	const contents: { at: number; data: Uint8Array }[] = [];
	let end = bytes.length;
	const put = (index: number, data: Uint8Array): void => {
		const at = alignUp(end, 8);
		contents.push({ at, data });
		extents.set(index, { address: 0, offset: at, size: data.length });
		end = at + data.length;
	};
	for (const [index, data] of grown) put(index, data);
	for (const [i, { data }] of sections.entries())
		if (data instanceof Uint8Array) put(sectionCount + i, data);
		else extents.set(sectionCount + i, data);
	const headersAt = alignUp(end, 8);
	const count = sectionCount + sections.length;
	const file = new Uint8Array(headersAt + count * SECTION_HEADER_SIZE);
	file.set(bytes);
	for (const { at, data } of contents) file.set(data, at);
	const view = viewOf(file);
	file.set(bytes.subarray(sectionsAt, sectionsAt + sectionCount * SECTION_HEADER_SIZE), headersAt);
	for (const [index, { address, offset, size }] of extents) {
		const at = headersAt + index * SECTION_HEADER_SIZE;
		if (index >= sectionCount || moved.has(index)) putWord64(view, at + inSection.address, address);
		putWord64(view, at + inSection.offset, offset);
		putWord64(view, at + inSection.size, size);
	}
	const names = sections.map((section) => encoder.encode(section.name).length + 1);
	let nameAt = grown.get(namesIndex)!.length - names.reduce((sum, length) => sum + length, 0);
	for (const [i, { type, flags, align = 1 }] of sections.entries()) {
		const at = headersAt + (sectionCount + i) * SECTION_HEADER_SIZE;
		view.setUint32(at + inSection.name, nameAt, true);
		view.setUint32(at + inSection.type, type, true);
		putWord64(view, at + inSection.flags, flags);
		putWord64(view, at + inSection.align, align);
		nameAt += names[i]!;
	}
	putWord64(view, inFile.sectionsAt, headersAt);
	// A count that needs more than sixteen bits is the size of section 0.
	const isMany = count >= FILE_LORESERVE;
	view.setUint16(inFile.sectionCount, isMany ? 0 : count, true);
	if (isMany) putWord64(view, headersAt + inSection.size, count);
	return file;
}
