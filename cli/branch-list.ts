// What is known of the call sites of a real object: what its relocations name, the functions around them, source lines,
// and what stands in the way of replacing them under a running processor.

import { type LineTable, readLineTable, rowAt } from "../linker/elf/line-table.ts";
import { type ElfObject, ET_REL, SHN_UNDEF } from "../linker/elf/object.ts";
import { LinkError } from "../linker/errors.ts";
import { type Architecture, branchKinds } from "../linker/sites/arch/index.ts";
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
	/** Rows that call the same, in the order of their first rows. */
	readonly groups: readonly Group[];
	readonly groupOf: (row: number) => Group;
	/** 1 for each of `branchKinds` that there is. */
	readonly kinds: Uint8Array;
	/** By section. */
	readonly sections: readonly ListedSection[];
}

export interface Group {
	readonly number: number;
	readonly callee: number;
	readonly beyond: number;
	/** Rows. */
	count: number;
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
	const { insides, ...survey } = surveyRows(object, architecture, table);
	return {
		...survey,
		object,
		architecture,
		table,
		holder: holders(object, table),
		lines: table.count === 0 ? undefined : linesOf(object, note),
		intruders: jumpedInto(object, architecture, insides),
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

/** One pass over the rows for all that needs no more than one. */
function surveyRows(object: ElfObject, { branches }: Architecture, table: BranchTable) {
	const insides: Insides = [];
	const kinds = new Uint8Array(branchKinds.length);
	const { groups, groupOf } = grouping(object, table);
	const { count, section, offset, branch } = table;
	for (let row = 0; row < count; row++) {
		const { kind, length } = branches[branch[row]!]!;
		kinds[kind] = 1;
		groupOf(row).count++;
		markInside(insides, object, section[row]!, offset[row]!, length);
	}
	return { insides, kinds, groups, groupOf };
}

/** Finds the group of a row, or makes it. */
function grouping(object: ElfObject, table: BranchTable): { groups: Group[]; groupOf: (row: number) => Group } {
	const groups: Group[] = [];
	/** By symbol, for calls of its first byte: 1 + the number. */
	const plain = new Uint32Array(object.symbols.count);
	const others = new Map<string, Group>();
	const make = (callee: number, beyond: number): Group => {
		const group = { number: groups.length, callee, beyond, count: 0 };
		groups.push(group);
		return group;
	};
	const groupOf = (row: number): Group => {
		const callee = table.callee[row]!;
		const beyond = table.beyond[row]!;
		if (beyond === 0) {
			if (plain[callee] !== 0) return groups[plain[callee]! - 1]!;
			plain[callee] = groups.length + 1;
			return make(callee, 0);
		}
		const key = `${callee} ${beyond}`;
		const group = others.get(key) ?? make(callee, beyond);
		others.set(key, group);
		return group;
	};
	return { groups, groupOf };
}

/** Bytes that the callee could be further away in its direction; undefined where the distance is not known yet.
 * @param value offset or address of the branch, as the file counts */
export function reachLeft(
	{ object, architecture }: BranchList,
	section: number,
	value: number,
	branch: number,
	callee: number,
	beyond: number,
): number | undefined {
	const { symbols } = object;
	const { form } = architecture.branches[branch]!;
	const target = symbols.section[callee]!;
	const isKnown = object.type === ET_REL ? target === section : target !== SHN_UNDEF;
	if (form === undefined || !isKnown) return undefined;
	const distance = symbols.value[callee]! + beyond - value - form.base;
	return distance < 0 ? distance - form.min : form.max - distance;
}

/** Index of what is at `value` in the line table; undefined where there is no line. */
export function lineRowAt({ object, lines }: BranchList, section: number, value: number): number | undefined {
	if (lines === undefined) return undefined;
	const row = rowAt(lines, value, object.type === ET_REL ? section : 0);
	return row === undefined || lines.line[row] === 0 ? undefined : row;
}

export function intruderText(intruder: Intruder): string {
	return typeof intruder === "number" ? `0x${intruder.toString(16)}` : intruder;
}
