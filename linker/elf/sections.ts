// Which sections a written file has: those of the object, at their indices, then the symbol, string and relocation
// sections it lacks. Contents of the latter kinds always come from the object's columns.

import { LinkError } from "../errors.ts";
import {
	type ElfObject,
	hasFileBytes,
	nullSection,
	relocationTarget,
	type Section,
	SHF_ALLOC,
	SHF_GROUP,
	SHF_INFO_LINK,
	SHN_LORESERVE,
	SHT_CREL,
	SHT_REL,
	SHT_RELA,
	SHT_STRTAB,
	SHT_SYMTAB,
	SHT_SYMTAB_SHNDX,
	type Symbols,
} from "./object.ts";
import { entriesOf, type PutEntries } from "./relocation-entries.ts";
import { addString, newStringTable, type StringTable, stringTableBytes } from "./strings.ts";
import {
	allocateRelocations,
	FILE_LORESERVE,
	localCount,
	putExtendedSections,
	putSymbols,
	REL_SIZE,
	RELA_SIZE,
	SYMBOL_SIZE,
} from "./tables.ts";

/** A section header without its place in the file, and its bytes. */
export interface PlannedSection extends Omit<Section, "data" | "relocations" | "fileOffset"> {
	/** Empty for those without bytes in the file; a function for a table that is put together when it is written. */
	readonly contents: Uint8Array | PutEntries;
}

/** The sections of a file to be written, in their order, those included that the writer makes itself. */
export interface SectionPlan {
	readonly sections: PlannedSection[];
	readonly names: StringTable;
	/** The index of the section that holds `names`. */
	readonly namesIndex: number;
}

/** The sections that a file of an object will have.
 * @throws LinkError where symbols or relocations cannot be written */
export function planSections(object: ElfObject): SectionPlan {
	const old = object.sections.findIndex(({ type }) => type === SHT_SYMTAB);
	const sections = object.sections.map((section) => plainSection(object, section, old));
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

/** @param symtab index of the symbol table, whose contents and those of its relocations come later */
function plainSection(object: ElfObject, section: Section, symtab: number): PlannedSection {
	const { name, type, flags, address, align, entsize, size, link, info } = section;
	const isTable = type === SHT_SYMTAB || (symtab > 0 && relocationTarget(section, symtab) !== 0);
	const contents = isTable ? new Uint8Array(0) : section.data;
	if (!isTable && hasFileBytes(section) && contents.length !== size)
		throw new LinkError(`${object.name}:(${name}): has ${contents.length} bytes of ${size}`);
	return { name, type, flags, address, align, entsize, size, link, info, contents };
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
		const name = `${implicit ? ".rel" : ".rela"}${section.name}`;
		// A compact table becomes one that every linker reads.
		const isCompact = sections[holder]?.type === SHT_CREL;
		put(sections, holder, name, {
			name: isCompact ? name : (sections[holder]?.name ?? name),
			type: implicit ? SHT_REL : SHT_RELA,
			size: columns.count * entsize,
			flags: SHF_INFO_LINK | (section.flags & SHF_GROUP),
			link: symtab,
			info: target,
			align: 8,
			entsize,
			contents: entriesOf(columns),
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
