// A part of a program that was linked by itself: the executable it began with, or a module that was loaded later. Of a
// part whose init text was freed, nothing that was in it counts any more.

import { type ElfObject, type Section, type Segment, SHF_ALLOC } from "../elf/object.ts";
import { isInit } from "../format/static-calls.ts";
import { type LineTable, readLines } from "./lines.ts";
import { readSignatures } from "./merge-signatures.ts";
import { once } from "./once.ts";

/** One linked file of a running program. */
export interface Part {
	readonly elf: ElfObject;
	readonly initFreed: boolean;
	/** The segments that are still there, ascending. */
	readonly segments: readonly Segment[];
	readonly lines: LineTable;
	/** Address of a function or key -> its number in `.signatures`. */
	readonly signatures: () => ReadonlyMap<number, number>;
}

/** The part that a linked file becomes. Its lines and signatures are read when they are asked for. */
export function newPart(elf: ElfObject): Part {
	const signatures = once(() => readSignatures(elf));
	return { elf, initFreed: false, segments: elf.segments, lines: readLines(elf), signatures };
}

/** The part when its init text and data have been freed. */
export function withoutInit(part: Part): Part {
	const freed = part.elf.sections.filter(isLoadedInit);
	const segments = part.segments.filter(({ address, memorySize }) =>
		freed.every((section) => section.address < address || section.address >= address + memorySize),
	);
	return { ...part, initFreed: true, segments };
}

/** Whether a section is loaded, and was not freed. */
export function isThere({ initFreed }: Part, section: Section | undefined): boolean {
	return section !== undefined && (section.flags & SHF_ALLOC) !== 0 && !(initFreed && isInit(section));
}

/** The part that an address is in. */
export function partAt(parts: readonly Part[], address: number): Part | undefined {
	return parts.find(({ segments }) =>
		segments.some((segment) => address >= segment.address && address < segment.address + segment.memorySize),
	);
}

function isLoadedInit(section: Section): boolean {
	return isInit(section) && (section.flags & SHF_ALLOC) !== 0 && section.size > 0;
}
