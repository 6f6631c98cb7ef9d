// The bytes of an ELF64 little-endian file as an object. Nothing in the file is believed: every index, offset and size
// is checked before it is used, and what is wrong is a LinkError that names the place and what was allowed. Bytes are
// views of the file, names are decoded when asked for, so memory stays a small multiple of the file.

import { LinkError } from "../errors.ts";
import { checkFileRanges, checkGroups, checkLinks } from "./checks.ts";
import { readCompactRelocations } from "./crel.ts";
import type { FileParts } from "./file-parts.ts";
import { readFileHeader, readSectionHeaders, readSegments } from "./headers.ts";
import {
	type ElfObject,
	ET_REL,
	nullSection,
	type Relocations,
	relocationTarget,
	type Section,
	type Segment,
	SHF_COMPRESSED,
	SHT_CREL,
	SHT_NOBITS,
	SHT_NULL,
	SHT_REL,
	SHT_SYMTAB,
	SHT_SYMTAB_SHNDX,
	type Symbols,
} from "./object.ts";
import {
	checkNames,
	checkStrings,
	type ElfFile,
	readSectionNames,
	sectionBytes,
	sectionPlace,
	viewOfSection,
} from "./raw-file.ts";
import { checkedRelocations, type PutEntries } from "./relocation-entries.ts";
import {
	allocateSymbols,
	FILE_HEADER_SIZE,
	localCount,
	PROGRAM_HEADER_SIZE,
	RELA_SIZE,
	readRelocations,
	readSymbols,
	SECTION_HEADER_SIZE,
} from "./tables.ts";
import { exactWord64, viewOf } from "./words.ts";

/** Reads ET_REL, ET_EXEC and ET_DYN of any machine. `name` starts the messages and is kept in the object. The object
 * has the symbols of .symtab and the relocations against them; the dynamic linker's stay bytes. The file's bytes must
 * not change while the object is in use. */
export function readElf(bytes: Uint8Array, name: string): ElfObject {
	return readFile(bytes, name);
}

/** The same, but loads the bytes of sections and segments when they are looked at, and reads and checks relocations (SHT_RELA)
 * only then: what is wrong with those that nobody asks for is nobody's concern. */
export function readElfParts(parts: FileParts, name: string): ElfObject {
	return readFile(parts.bytes, name, parts);
}

function readFile(bytes: Uint8Array, name: string, parts?: FileParts): ElfObject {
	parts?.load(0, FILE_HEADER_SIZE);
	if (parts !== undefined && bytes.length >= FILE_HEADER_SIZE) loadFirstSection(parts);
	const header = readFileHeader(bytes, name);
	parts?.load(header.sectionsAt, header.sectionsAt + header.sectionCount * SECTION_HEADER_SIZE);
	parts?.load(header.segmentsAt, header.segmentsAt + header.segmentCount * PROGRAM_HEADER_SIZE);
	const raw = readSectionHeaders(bytes, name, header);
	const { offset = 0, size = 0 } = raw[header.namesIndex] ?? {};
	parts?.load(offset, offset + size);
	const sectionNames = readSectionNames(bytes, name, header, raw);
	const file: ElfFile = { name, bytes, header, raw, sectionNames, parts };
	const segments = readSegments(bytes, name, header);
	if (parts !== undefined) for (const segment of segments) loadLate(segment, parts);
	checkFileRanges(file);
	checkLinks(file);
	const symtab = onlySection(file, SHT_SYMTAB);
	const symbols = symtab === 0 ? allocateSymbols(1, new Uint8Array(1)) : readSymbolTable(file, symtab);
	checkGroups(file, symbols.count);
	const sections = readSections(file, symtab, symbols.count);
	const { type, machine, flags, osAbi, entry } = header;
	return { name, type, machine, flags, osAbi, entry, sections, symbols, segments };
}

/** Section 0 has the counts that the file header has no room for. */
function loadFirstSection({ bytes, load }: FileParts): void {
	const at = exactWord64(viewOf(bytes), 40) ?? 0;
	if (at > 0 && at < bytes.length) load(at, at + SECTION_HEADER_SIZE);
}

/** Makes `data` what loads the bytes when it is first looked at. */
function loadLate(holder: Segment | Section, { load }: FileParts): void {
	const { data, fileOffset } = holder;
	let isLoaded = false;
	Object.defineProperty(holder, "data", {
		enumerable: true,
		get() {
			if (!isLoaded) load(fileOffset, fileOffset + data.length);
			isLoaded = true;
			return data;
		},
	});
}

/** The index of the one section of a type, or 0. */
function onlySection(file: ElfFile, type: number): number {
	const first = file.raw.findIndex((section) => section.type === type);
	const second = file.raw.findIndex((section, i) => section.type === type && i > first);
	if (second >= 0) throw new LinkError(`${sectionPlace(file, second)}: is of the same type as section ${first}`);
	return Math.max(0, first);
}

function readSymbolTable(file: ElfFile, symtab: number): Symbols {
	const place = sectionPlace(file, symtab);
	const { link, info } = file.raw[symtab]!;
	const strings = sectionBytes(file, link);
	checkStrings(sectionPlace(file, link), file.raw[link]!, strings);
	const bytes = sectionBytes(file, symtab);
	if (bytes.length === 0) return allocateSymbols(1, strings);
	const extended = extendedSections(file, symtab);
	const symbols = readSymbols({ place, bytes, strings, extended, sectionCount: file.raw.length });
	checkNames(sectionPlace(file, link), strings, symbols.name, bytes.length);
	if (symbols.name[0] !== 0 || symbols.info[0] !== 0 || symbols.section[0] !== 0 || symbols.value[0] !== 0)
		throw new LinkError(`${place}+0x0: symbol 0 is not null`);
	const locals = localCount(symbols);
	if (locals !== info)
		throw new LinkError(
			`${place}: sh_info ${info} is not the count of local symbols, ${locals ?? "which do not come first"}`,
		);
	return symbols;
}

function extendedSections(file: ElfFile, symtab: number): Uint8Array | undefined {
	const index = onlySection(file, SHT_SYMTAB_SHNDX);
	if (index === 0) return undefined;
	const bytes = sectionBytes(file, index);
	const needed = (file.raw[symtab]!.size / 24) * 4;
	if (bytes.length < needed)
		throw new LinkError(`${sectionPlace(file, index)}: has ${bytes.length} bytes, the symbols need ${needed}`);
	return bytes;
}

function readSections(file: ElfFile, symtab: number, symbolCount: number): Section[] {
	const holders = new Map<number, number>();
	for (const [holder, section] of file.raw.entries()) {
		const target = symtab === 0 ? 0 : relocationTarget(section, symtab);
		if (target === 0) continue;
		if (holders.has(target))
			throw new LinkError(
				`${sectionPlace(file, holder)}: relocates section ${target}, as section ${holders.get(target)} does`,
			);
		if (file.header.type === ET_REL && file.raw[target]?.type === SHT_NOBITS && section.size > 0)
			throw new LinkError(`${sectionPlace(file, holder)}: relocates ${sectionPlace(file, target)}, which has no bytes`);
		holders.set(target, holder);
	}
	return file.raw.map((_, index) => readSection(file, index, holders.get(index), symbolCount));
}

function readSection(file: ElfFile, index: number, holder: number | undefined, symbolCount: number): Section {
	const raw = file.raw[index]!;
	if (raw.type === SHT_NULL) return nullSection();
	const { type, flags, address, align, entsize, size, link, info, offset } = raw;
	const section: Section = {
		name: file.sectionNames[index]!,
		type,
		flags,
		address,
		align,
		entsize,
		size,
		data: type === SHT_NOBITS ? new Uint8Array(0) : viewOfSection(file, index),
		relocations: holder === undefined ? undefined : relocationsOf(file, index, holder, symbolCount),
		link,
		info,
		fileOffset: offset,
	};
	if (file.parts !== undefined && section.data.length > 0) loadLate(section, file.parts);
	return section;
}

function relocationsOf(file: ElfFile, target: number, holder: number, symbolCount: number): Relocations {
	const place = sectionPlace(file, holder);
	const { size, address, flags } = file.raw[target]!;
	const { type: kind, offset, size: length } = file.raw[holder]!;
	const min = file.header.type === ET_REL ? 0 : address;
	/** Offsets in a compressed section count its bytes as they were. */
	const max = (flags & SHF_COMPRESSED) !== 0 ? Number.MAX_SAFE_INTEGER : min + size;
	const source = { place, symbolCount, min, max };
	const bytes = () => sectionBytes(file, holder);
	if (kind === SHT_CREL) return readCompactRelocations({ ...source, bytes: bytes() });
	if (file.parts === undefined || kind === SHT_REL)
		return readRelocations({ ...source, bytes: bytes(), implicitAddends: kind === SHT_REL });
	const { read } = file.parts;
	const put: PutEntries = (view, first) =>
		read(offset + first * RELA_SIZE, new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
	return checkedRelocations(source, length / RELA_SIZE, put, bytes);
}
