// How the parts of an ELF file must fit together: no two share bytes, links lead to what they should and never in a
// circle, groups name sections that exist.

import { LinkError } from "../errors.ts";
import { hex } from "../hex.ts";
import {
	hasFileBytes,
	SHF_INFO_LINK,
	SHT_CREL,
	SHT_DYNSYM,
	SHT_GROUP,
	SHT_NULL,
	SHT_REL,
	SHT_RELA,
	SHT_STRTAB,
	SHT_SYMTAB,
	SHT_SYMTAB_SHNDX,
} from "./object.ts";
import { type ElfFile, sectionBytes, sectionPlace } from "./raw-file.ts";
import {
	FILE_HEADER_SIZE,
	PROGRAM_HEADER_SIZE,
	REL_SIZE,
	RELA_SIZE,
	SECTION_HEADER_SIZE,
	SYMBOL_SIZE,
} from "./tables.ts";
import { viewOf } from "./words.ts";

interface FileRange {
	readonly start: number;
	readonly end: number;
	/** A section's index, or what else lies there. */
	readonly what: number | string;
}

/** After: every byte of the file belongs to at most one section or table of headers. */
export function checkFileRanges(file: ElfFile): void {
	const { sectionsAt, sectionCount, segmentsAt, segmentCount } = file.header;
	const ranges: FileRange[] = [
		{ start: 0, end: FILE_HEADER_SIZE, what: "the ELF header" },
		{ start: segmentsAt, end: segmentsAt + segmentCount * PROGRAM_HEADER_SIZE, what: "the program headers" },
		{ start: sectionsAt, end: sectionsAt + sectionCount * SECTION_HEADER_SIZE, what: "the section headers" },
	];
	for (const [what, section] of file.raw.entries())
		if (hasFileBytes(section)) ranges.push({ start: section.offset, end: section.offset + section.size, what });
	const sorted = ranges.filter(({ start, end }) => end > start).sort((a, b) => a.start - b.start);
	for (const [i, range] of sorted.entries())
		if (i > 0 && range.start < sorted[i - 1]!.end) failOverlap(file, sorted[i - 1]!, range);
}

function failOverlap(file: ElfFile, before: FileRange, after: FileRange): never {
	const [section, other] = typeof before.what === "number" ? [before, after] : [after, before];
	const place = typeof section.what === "number" ? sectionPlace(file, section.what) : `${file.name}: ${section.what}`;
	const name = typeof other.what === "number" ? `section ${other.what} (${file.sectionNames[other.what]})` : other.what;
	throw new LinkError(
		`${place}: bytes [${hex(section.start)}, ${hex(section.end)}) of the file overlap ${name} at [${hex(other.start)}, ${hex(other.end)})`,
	);
}

/** What a section of a type must link to, and the size of its entries. */
const shapes = new Map<number, { links: readonly number[]; entry: number }>([
	[SHT_SYMTAB, { links: [SHT_STRTAB], entry: SYMBOL_SIZE }],
	[SHT_DYNSYM, { links: [SHT_STRTAB], entry: SYMBOL_SIZE }],
	[SHT_RELA, { links: [SHT_NULL, SHT_SYMTAB, SHT_DYNSYM], entry: RELA_SIZE }],
	[SHT_REL, { links: [SHT_NULL, SHT_SYMTAB, SHT_DYNSYM], entry: REL_SIZE }],
	[SHT_CREL, { links: [SHT_NULL, SHT_SYMTAB, SHT_DYNSYM], entry: 1 }],
	[SHT_SYMTAB_SHNDX, { links: [SHT_SYMTAB], entry: 4 }],
	[SHT_GROUP, { links: [SHT_SYMTAB], entry: 4 }],
]);

/** After: every sh_link and every sh_info that is an index is one, tables are whole entries, and following links ends. */
export function checkLinks(file: ElfFile): void {
	for (const [index, section] of file.raw.entries()) {
		if (section.type === SHT_NULL) continue;
		checkIndex(file, index, "sh_link", section.link);
		if (isInfoIndex(section)) checkIndex(file, index, "sh_info", section.info);
		const shape = shapes.get(section.type);
		if (shape !== undefined) checkShape(file, index, shape);
	}
	checkCycles(file);
}

function isInfoIndex({ type, flags }: { readonly type: number; readonly flags: number }): boolean {
	return (flags & SHF_INFO_LINK) !== 0 || type === SHT_RELA || type === SHT_REL || type === SHT_CREL;
}

function checkIndex(file: ElfFile, index: number, field: string, value: number): void {
	if (value >= file.raw.length)
		throw new LinkError(`${sectionPlace(file, index)}: ${field} ${value} is not below ${file.raw.length}`);
}

function checkShape(file: ElfFile, index: number, shape: { links: readonly number[]; entry: number }): void {
	const section = file.raw[index]!;
	const linked = file.raw[section.link]!;
	if (!shape.links.includes(linked.type))
		throw new LinkError(
			`${sectionPlace(file, index)}: sh_link ${section.link} is a section of type ${linked.type}, not ${shape.links.join(" or ")}`,
		);
	if (section.entsize !== shape.entry)
		throw new LinkError(`${sectionPlace(file, index)}: sh_entsize ${section.entsize} is not ${shape.entry}`);
	if (section.size % shape.entry !== 0)
		throw new LinkError(`${sectionPlace(file, index)}: sh_size ${section.size} is not a multiple of ${shape.entry}`);
}

/** Depth-first over sh_link and sh_info. */
function checkCycles(file: ElfFile): void {
	const unseen = 0;
	const open = 1;
	const closed = 2;
	const state = new Uint8Array(file.raw.length);
	for (let start = 1; start < file.raw.length; start++) {
		const path = state[start] === unseen ? [start] : [];
		while (path.length > 0) {
			const index = path.at(-1)!;
			if (state[index] === unseen) {
				state[index] = open;
				for (const next of linksOf(file, index)) {
					if (state[next] === open)
						throw new LinkError(`${sectionPlace(file, index)}: its links lead back to it through section ${next}`);
					if (state[next] === unseen) path.push(next);
				}
			} else {
				state[index] = closed;
				path.pop();
			}
		}
	}
}

function linksOf(file: ElfFile, index: number): number[] {
	const section = file.raw[index]!;
	const links = section.type === SHT_NULL ? [] : isInfoIndex(section) ? [section.link, section.info] : [section.link];
	return links.filter((link) => link !== 0);
}

/** After: members of a group are sections, its signature is a symbol. */
export function checkGroups(file: ElfFile, symbolCount: number): void {
	for (const [index, section] of file.raw.entries()) {
		if (section.type !== SHT_GROUP) continue;
		const place = sectionPlace(file, index);
		if (section.info >= symbolCount)
			throw new LinkError(`${place}: signature symbol ${section.info} is not below ${symbolCount}`);
		const view = viewOf(sectionBytes(file, index));
		for (let at = 4; at < view.byteLength; at += 4) {
			const member = view.getUint32(at, true);
			if (member === 0 || member >= file.raw.length)
				throw new LinkError(`${place}+${hex(at)}: member ${member} is not in [1, ${file.raw.length})`);
		}
	}
}
