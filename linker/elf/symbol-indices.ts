// Everything in an object that names symbols by their index. Local symbols come before all others, so adding one moves those
// behind it, and whatever holds an index has to follow. Sections that are not known to hold any are refused where they link
// to the symbol table: a linker would take their numbers for other symbols.

import { LinkError } from "../errors.ts";
import { newCursor, readUnsigned } from "./cursor.ts";
import { inRela } from "./fields.ts";
import {
	type ElfObject,
	type Relocations,
	relocationTarget,
	type Section,
	SHT_GROUP,
	SHT_LLVM_ADDRSIG,
	SHT_LLVM_CALL_GRAPH_PROFILE,
	SHT_LLVM_CALL_GRAPH_PROFILE_INDICES,
	SHT_REL,
	SHT_RELA,
	SHT_SYMTAB,
	SHT_SYMTAB_SHNDX,
} from "./object.ts";
import { followSymbols } from "./relocation-entries.ts";
import { REL_SIZE, RELA_SIZE } from "./tables.ts";
import { viewOf } from "./words.ts";

/** What an index from before is now. */
export type Moved = (symbol: number) => number;

/** The sections of an object whose symbols have other indices than before.
 * @throws LinkError for a section that may hold indices and is not known */
export function sectionsWithMovedSymbols(object: ElfObject, moved: Moved): Section[] {
	const symtab = object.sections.findIndex(({ type }) => type === SHT_SYMTAB);
	return object.sections.map((section, index) => {
		const followed = withRelocations(section, moved);
		if (symtab < 0 || section.link !== symtab) return followed;
		return withIndices(object, followed, index, symtab, moved);
	});
}

function withRelocations(section: Section, moved: Moved): Section {
	const relocations: Relocations | undefined = section.relocations;
	return relocations === undefined ? section : { ...section, relocations: followSymbols(relocations, moved) };
}

function withIndices(object: ElfObject, section: Section, index: number, symtab: number, moved: Moved): Section {
	switch (section.type) {
		case SHT_GROUP:
			return { ...section, info: moved(section.info) };
		case SHT_RELA:
		case SHT_REL:
			// Relocations that apply to a section as columns have followed; a livepatch's own stay bytes.
			if (relocationTarget(section, symtab) !== 0) return section;
			return withWords(section, section.type === SHT_RELA ? RELA_SIZE : REL_SIZE, [inRela.symbol], moved);
		case SHT_LLVM_CALL_GRAPH_PROFILE_INDICES:
			return withWords(section, 16, [0, 4], moved);
		case SHT_LLVM_ADDRSIG:
			return withAddressesTaken(object, section, moved);
		case SHT_SYMTAB_SHNDX:
		case SHT_LLVM_CALL_GRAPH_PROFILE:
			return section;
		default:
			throw new LinkError(
				`${object.name}:(${section.name} [${index}]): is of type 0x${section.type.toString(16)} and may hold numbers of symbols, which would move; remove it first (objcopy -R ${section.name})`,
			);
	}
}

/** @param fields where in an entry of `size` bytes the words are that hold an index */
function withWords(section: Section, size: number, fields: readonly number[], moved: Moved): Section {
	const data = section.data.slice();
	const view = viewOf(data);
	for (let at = 0; at + size <= data.length; at += size)
		for (const field of fields) view.setUint32(at + field, moved(view.getUint32(at + field, true)), true);
	return { ...section, data };
}

/** The symbols whose addresses are compared, which clang lists as LEB128 numbers: functions that are not among them may be
 * merged with others of the same code. */
function withAddressesTaken(object: ElfObject, section: Section, moved: Moved): Section {
	const cursor = newCursor(section.data, `${object.name}:(${section.name})`);
	const bytes: number[] = [];
	while (cursor.at < cursor.end) {
		let rest = moved(readUnsigned(cursor));
		for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
		bytes.push(rest);
	}
	return { ...section, data: Uint8Array.from(bytes), size: bytes.length };
}
