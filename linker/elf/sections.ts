// Which sections a written file has: those of the object, at their indices, then the symbol, string and relocation
// sections it lacks. Contents of the latter kinds always come from the object's columns.

import { LinkError } from "../errors.ts";
import { nullSection } from "./builder.ts";
import {
	type ElfObject,
	type Section,
	SHF_ALLOC,
	SHF_GROUP,
	SHF_INFO_LINK,
	SHN_LORESERVE,
	SHT_NOBITS,
	SHT_NULL,
	SHT_REL,
	SHT_RELA,
	SHT_STRTAB,
	SHT_SYMTAB,
	SHT_SYMTAB_SHNDX,
	type Symbols,
} from "./object.ts";
import { addString, newStringTable, type StringTable, stringTableBytes } from "./strings.ts";
import {
	allocateRelocations,
	FILE_LORESERVE,
	localCount,
	putExtendedSections,
	putRelocations,
	putSymbols,
	REL_SIZE,
	RELA_SIZE,
	SYMBOL_SIZE,
} from "./tables.ts";

/** A table of `entsize` bytes an entry that is put together when it is written. */
export type PutEntries = (view: DataView, first: number) => void;

/** A section header without its place in the file, and its bytes. */
export interface PlannedSection extends Omit<Section, "data" | "relocations" | "fileOffset"> {
	/** Empty for those without bytes in the file. */
	readonly contents: Uint8Array | PutEntries;
}

export interface SectionPlan {
	readonly sections: PlannedSection[];
	readonly names: StringTable;
	/** The index of the section that holds `names`. */
	readonly namesIndex: number;
}

/** Whether sh_offset and sh_size mean a range of the file. */
export function hasFileBytes(section: { readonly type: number }): boolean {
	return section.type !== SHT_NOBITS && section.type !== SHT_NULL;
}

/** The section whose relocations a section holds as columns of symbols in table `symtab`, or 0. Those of the dynamic
 * linker are loaded, and stay bytes. */
export function relocationTarget(
	{ type, flags, link, info }: Pick<Section, "type" | "flags" | "link" | "info">,
	symtab: number,
): number {
	return (type === SHT_RELA || type === SHT_REL) && (flags & SHF_ALLOC) === 0 && link === symtab ? info : 0;
}

export function planSections(object: ElfObject): SectionPlan {
	const sections = object.sections.map((section) => plainSection(object, section));
	if (!hasSymbols(object)) return planNames(sections, 0);
	const symtab = planSymbols(object, sections);
	planRelocations(object, sections, symtab);
	planExtendedSections(object.symbols, sections, symtab);
	return planNames(sections, sections[symtab]!.link);
}

function hasSymbols({ sections, symbols }: ElfObject): boolean {
	return (
		symbols.count > 1 || sections.some(({ type, relocations }) => type === SHT_SYMTAB || relocations !== undefined)
	);
}

function plainSection(object: ElfObject, section: Section): PlannedSection {
	if (hasFileBytes(section) && section.data.length !== section.size)
		throw new LinkError(`${object.name}:(${section.name}): has ${section.data.length} bytes of ${section.size}`);
	return { ...section, contents: section.data };
}

type Replacement = Pick<PlannedSection, "type" | "size" | "contents"> & Partial<PlannedSection>;

/** Gives section `index` new contents or, for an index that is not in the list, appends it. Returns the index. */
function put(sections: PlannedSection[], index: number, name: string, contents: Replacement): number {
	const old = sections[index];
	if (old !== undefined) sections[index] = { ...old, ...contents };
	else sections.push({ ...nullSection(), name, align: 1, ...contents });
	return old !== undefined ? index : sections.length - 1;
}

function planSymbols(object: ElfObject, sections: PlannedSection[]): number {
	const { symbols } = object;
	const locals = localCount(symbols);
	if (locals === undefined) throw new LinkError(`${object.name}:(.symtab): a local symbol follows a global one`);
	const old = sections.findIndex((section) => section.type === SHT_SYMTAB);
	const symtab = put(sections, old, ".symtab", {
		type: SHT_SYMTAB,
		size: symbols.count * SYMBOL_SIZE,
		info: locals,
		align: 8,
		entsize: SYMBOL_SIZE,
		contents: (view, first) => putSymbols(symbols, view, first),
	});
	const oldStrings = sections[symtab]!.link;
	const link = put(sections, isUnloadedStrings(sections[oldStrings]) ? oldStrings : -1, ".strtab", {
		type: SHT_STRTAB,
		size: symbols.strings.length,
		contents: symbols.strings,
	});
	sections[symtab] = { ...sections[symtab]!, link };
	return symtab;
}

function isUnloadedStrings(section: PlannedSection | undefined): boolean {
	return section !== undefined && section.type === SHT_STRTAB && (section.flags & SHF_ALLOC) === 0;
}

function planRelocations(object: ElfObject, sections: PlannedSection[], symtab: number): void {
	const holders = new Map<number, number>();
	for (const [i, section] of sections.entries()) holders.set(relocationTarget(section, symtab), i);
	for (const [target, section] of object.sections.entries()) {
		const holder = holders.get(target) ?? -1;
		const columns = section.relocations ?? (holder > 0 ? allocateRelocations(0) : undefined);
		if (target === 0 || columns === undefined) continue;
		const implicit = columns.implicitAddends === true;
		const entsize = implicit ? REL_SIZE : RELA_SIZE;
		put(sections, holder, `${implicit ? ".rel" : ".rela"}${section.name}`, {
			type: implicit ? SHT_REL : SHT_RELA,
			size: columns.count * entsize,
			flags: SHF_INFO_LINK | (section.flags & SHF_GROUP),
			link: symtab,
			info: target,
			align: 8,
			entsize,
			contents: (view, first) => putRelocations(columns, view, first),
		});
	}
}

/** SHT_SYMTAB_SHNDX, where a symbol's section does not fit sixteen bits. */
function planExtendedSections(symbols: Symbols, sections: PlannedSection[], symtab: number): void {
	const old = sections.findIndex((section) => section.type === SHT_SYMTAB_SHNDX);
	const isExtended = (section: number) => section >= FILE_LORESERVE && section < SHN_LORESERVE;
	if (old < 0 && !symbols.section.some(isExtended)) return;
	put(sections, old, ".symtab_shndx", {
		type: SHT_SYMTAB_SHNDX,
		size: symbols.count * 4,
		link: symtab,
		align: 4,
		entsize: 4,
		contents: (view, first) => putExtendedSections(symbols, view, first),
	});
}

function planNames(sections: PlannedSection[], symbolStrings: number): SectionPlan {
	const names = newStringTable();
	const old = sections.findIndex(
		(section, i) => section.name === ".shstrtab" && isUnloadedStrings(section) && i !== symbolStrings,
	);
	for (const { name } of sections) addString(names, name);
	addString(names, ".shstrtab");
	const bytes = stringTableBytes(names);
	const namesIndex = put(sections, old, ".shstrtab", {
		type: SHT_STRTAB,
		size: bytes.length,
		contents: bytes,
	});
	return { sections, names, namesIndex };
}
