// More in a file without moving anything of it: new sections, and undefined symbols, behind its last byte. Only the
// file header changes in place; cutting the file off and putting the old header back undoes it.

import { LinkError } from "../errors.ts";
import { inFile, inSection } from "./fields.ts";
import { type FileHeader, type RawSection, readFileHeader, readSectionHeaders } from "./headers.ts";
import { SHT_SYMTAB, SHT_SYMTAB_SHNDX, STB_GLOBAL } from "./object.ts";
import { FILE_LORESERVE, SECTION_HEADER_SIZE, SYMBOL_SIZE } from "./tables.ts";
import { alignUp, joined, putWord64, viewOf } from "./words.ts";

/** A section to be put behind the end of a file. */
export interface AppendedSection {
	readonly name: string;
	/** SHT_* */
	readonly type: number;
	/** SHF_* bits */
	readonly flags: number;
	readonly data: Uint8Array;
}

/** The file with a section and the undefined global symbols of these names, which follow those there are.
 * Requires: a file that `readElf` takes. */
export function appendToFile(
	bytes: Uint8Array,
	name: string,
	section: AppendedSection,
	symbols: readonly string[],
): Uint8Array {
	const header = readFileHeader(bytes, name);
	const raw = readSectionHeaders(bytes, name, header);
	if (header.namesIndex === 0) throw new LinkError(`${name}: its sections have no names; another cannot be added`);
	const grown = grownSections(bytes, raw, header, section.name, symbols);
	return assemble(bytes, header, grown, section);
}

/** New contents of sections that get longer, by index. */
function grownSections(
	bytes: Uint8Array,
	raw: readonly RawSection[],
	{ namesIndex }: FileHeader,
	sectionName: string,
	symbols: readonly string[],
): Map<number, Uint8Array> {
	const grown = new Map<number, Uint8Array>();
	const contents = (index: number) =>
		grown.get(index) ?? bytes.subarray(raw[index]!.offset, raw[index]!.offset + raw[index]!.size);
	if (symbols.length > 0) {
		const symtab = raw.findIndex(({ type }) => type === SHT_SYMTAB);
		const strtab = raw[symtab]!.link;
		const entries = symbols.map((symbol) => {
			const strings = contents(strtab);
			grown.set(strtab, joined([strings, encoder.encode(`${symbol}\0`)]));
			return undefinedSymbol(strings.length);
		});
		grown.set(symtab, joined([contents(symtab), ...entries]));
		const extended = raw.findIndex(({ type }) => type === SHT_SYMTAB_SHNDX);
		if (extended >= 0) grown.set(extended, joined([contents(extended), new Uint8Array(4 * symbols.length)]));
	}
	grown.set(namesIndex, joined([contents(namesIndex), encoder.encode(`${sectionName}\0`)]));
	return grown;
}

const encoder = new TextEncoder();

function undefinedSymbol(nameOffset: number): Uint8Array {
	const entry = new Uint8Array(SYMBOL_SIZE);
	viewOf(entry).setUint32(0, nameOffset, true);
	entry[4] = STB_GLOBAL << 4;
	return entry;
}

function assemble(
	bytes: Uint8Array,
	{ sectionsAt, sectionCount, namesIndex }: FileHeader,
	grown: ReadonlyMap<number, Uint8Array>,
	section: AppendedSection,
): Uint8Array {
	const contents = [...grown.entries(), [sectionCount, section.data] as const];
	const offsets = new Map<number, number>();
	let end = bytes.length;
	for (const [index, { length }] of contents) {
		offsets.set(index, alignUp(end, 8));
		end = alignUp(end, 8) + length;
	}
	const headersAt = alignUp(end, 8);
	const file = new Uint8Array(headersAt + (sectionCount + 1) * SECTION_HEADER_SIZE);
	file.set(bytes);
	const view = viewOf(file);
	file.set(bytes.subarray(sectionsAt, sectionsAt + sectionCount * SECTION_HEADER_SIZE), headersAt);
	for (const [index, data] of contents) {
		const at = headersAt + index * SECTION_HEADER_SIZE;
		file.set(data, offsets.get(index)!);
		putWord64(view, at + inSection.offset, offsets.get(index)!);
		putWord64(view, at + inSection.size, data.length);
	}
	const at = headersAt + sectionCount * SECTION_HEADER_SIZE;
	view.setUint32(at + inSection.name, grown.get(namesIndex)!.length - encoder.encode(section.name).length - 1, true);
	view.setUint32(at + inSection.type, section.type, true);
	putWord64(view, at + inSection.flags, section.flags);
	putWord64(view, at + inSection.align, 1);
	putWord64(view, inFile.sectionsAt, headersAt);
	// A count that needs more than sixteen bits is the size of section 0.
	const isMany = sectionCount + 1 >= FILE_LORESERVE;
	view.setUint16(inFile.sectionCount, isMany ? 0 : sectionCount + 1, true);
	if (isMany) putWord64(view, headersAt + inSection.size, sectionCount + 1);
	return file;
}
