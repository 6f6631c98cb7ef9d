// What is known of the call sites of a real object: what its relocations name, the functions around them, source lines,
// and what stands in the way of replacing them under a running processor.

import { type LineTable, readLineTable, rowAt } from "../linker/elf/line-table.ts";
import { type ElfObject, ET_REL, SHN_UNDEF } from "../linker/elf/object.ts";
import { LinkError } from "../linker/errors.ts";
import type { Architecture } from "../linker/sites/arch/index.ts";
import {
	type BranchTable,
	branchTable,
	isCode,
	requireArchitecture,
	requireRelocations,
	type Wanted,
	wantedSymbols,
} from "../linker/sites/branches.ts";
import { knownCrossings } from "../linker/sites/crossings.ts";
import { holders } from "../linker/sites/holders.ts";
import { type Insides, type Intruder, type Intruders, jumpedInto, markInside } from "../linker/sites/jumped-into.ts";
import { unrelocatedBranches } from "../linker/sites/unrelocated.ts";

/** What is known of the branches of one object. */
export interface BranchList {
	readonly object: ElfObject;
	readonly architecture: Architecture;
	readonly table: BranchTable;
	/** Per row the symbol of the function it is in. */
	readonly holder: Uint32Array;
	readonly lines: LineTable | undefined;
	/** What goes into the middle of some of them. */
	readonly intruders: Intruders;
	/** By section. */
	readonly sections: readonly ListedSection[];
}

interface ListedSection {
	/** Of code. */
	readonly data: Uint8Array;
	readonly address: number;
	/** Which crossings are certain. */
	readonly known: number;
	readonly isInit: boolean;
}

/** @param wanted undefined for all @param note gets what could not be read */
export function listBranches(object: ElfObject, wanted: Wanted | undefined, note: (text: string) => void): BranchList {
	const architecture = requireArchitecture(object);
	requireRelocations(object);
	const flags = wanted && wantedSymbols(object, wanted);
	const table = branchTable(object, architecture, flags);
	if (wanted !== undefined && "names" in wanted) noteUnrelocated(object, architecture, flags!, table, note);
	return {
		object,
		architecture,
		table,
		holder: holders(object, table),
		lines: table.count === 0 ? undefined : linesOf(object, note),
		intruders: jumpedInto(object, architecture, insidesOf(object, architecture, table)),
		sections: object.sections.map((section) => ({
			data: isCode(section) ? section.data : none,
			address: section.address,
			known: knownCrossings(object.type === ET_REL ? section.align : 4096),
			isInit: section.name.startsWith(".init."),
		})),
	};
}

const none = new Uint8Array(0);

function noteUnrelocated(
	object: ElfObject,
	architecture: Architecture,
	flags: Uint8Array,
	table: BranchTable,
	note: (text: string) => void,
): void {
	const { length } = unrelocatedBranches(object, architecture, flags, table);
	if (length === 0) return;
	const what = length === 1 ? "a call has no relocation" : `${length} calls have no relocation`;
	note(`${object.name}: ${what}, the assembler resolved it; compile with -ffunction-sections or -Wa,-mshared\n`);
}

function linesOf(object: ElfObject, note: (text: string) => void): LineTable | undefined {
	try {
		const lines = readLineTable(object);
		return lines.rowCount === 0 ? undefined : lines;
	} catch (error) {
		if (!(error instanceof LinkError)) throw error;
		note(`no source lines: ${error.message}\n`);
		return undefined;
	}
}

function insidesOf(object: ElfObject, { branches }: Architecture, table: BranchTable): Insides {
	const insides: Insides = [];
	const { section, offset, branch } = table;
	for (let i = 0; i < table.count; i++)
		markInside(insides, object, section[i]!, offset[i]!, branches[branch[i]!]!.length);
	return insides;
}

/** The offset or address of the branch of a row, as the file counts. */
export function valueAt({ sections, table }: BranchList, i: number): number {
	return table.offset[i]! + sections[table.section[i]!]!.address;
}

/** Bytes that the callee could be further away in its direction; undefined where the distance is not known yet. */
export function reachLeft(list: BranchList, i: number): number | undefined {
	const { object, architecture, table } = list;
	const { form } = architecture.branches[table.branch[i]!]!;
	const target = object.symbols.section[table.callee[i]!]!;
	const isKnown = object.type === ET_REL ? target === table.section[i] : target !== SHN_UNDEF;
	if (form === undefined || !isKnown) return undefined;
	const distance = object.symbols.value[table.callee[i]!]! + table.beyond[i]! - valueAt(list, i) - form.base;
	return distance < 0 ? distance - form.min : form.max - distance;
}

/** Index of a row in the line table; undefined where there is no line. */
export function lineRowAt(list: BranchList, i: number): number | undefined {
	const { object, table, lines } = list;
	if (lines === undefined) return undefined;
	const row = rowAt(lines, valueAt(list, i), object.type === ET_REL ? table.section[i]! : 0);
	return row === undefined || lines.line[row] === 0 ? undefined : row;
}

export function intruderText(intruder: Intruder): string {
	return typeof intruder === "number" ? `0x${intruder.toString(16)}` : intruder;
}
