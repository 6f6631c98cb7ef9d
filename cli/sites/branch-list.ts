// What is known of the call sites of a real object: what its relocations name, the functions around them, source lines,
// and what stands in the way of replacing them under a running processor.

import { type LineTable, readLineTable, rowAt } from "../../linker/elf/line-table.ts";
import { type ElfObject, ET_REL, originOf, SHN_UNDEF } from "../../linker/elf/object.ts";
import { isCode } from "../../linker/elf/symbols.ts";
import { LinkError } from "../../linker/errors.ts";
import type { RealArchitecture } from "../../linker/sites/arch/index.ts";
import { requireArchitecture } from "../../linker/sites/arch/index.ts";
import { type BranchTable, branchTable, type Callee, sectionRuns } from "../../linker/sites/branches.ts";
import { knownCrossings } from "../../linker/sites/crossings.ts";
import { refuseCallsByAddress, requireVisibleCalls } from "../../linker/sites/hidden-calls.ts";
import { holders } from "../../linker/sites/holders.ts";
import { type Insides, type Intruders, jumpedInto, markInside, newInside } from "../../linker/sites/jumped-into.ts";
import { hasDefined } from "../../linker/sites/wanted.ts";
import { findLocalCalls, type LocalCall, type LocalCalls } from "./local-calls.ts";

/** What is known of the branches of one object. */
export interface BranchList {
	readonly object: ElfObject;
	readonly architecture: RealArchitecture;
	readonly table: BranchTable;
	/** Calls that the assembler resolved, which have no rows. */
	readonly locals: readonly LocalCall[];
	/** Per row the symbol of the function it is in. */
	readonly holder: Uint32Array;
	readonly lines: LineTable | undefined;
	/** What goes into the middle of some of them. */
	readonly intruders: Intruders;
	/** How many rows call each of the table's callees. */
	readonly counts: Uint32Array;
	/** 1 for each of the architecture's branches that there is. */
	readonly used: Uint8Array;
	/** By section. */
	readonly sections: readonly ListedSection[];
}

interface ListedSection {
	/** The section's bytes of code. */
	readonly data: Uint8Array;
	/** What offsets in it count from. */
	readonly origin: number;
	/** Which crossings are certain. */
	readonly known: number;
	readonly isInit: boolean;
}

/** @param wanted 1 for each symbol whose calls are asked for; undefined for all @param note gets what could not be read
 * @param locals counts the calls that the assembler resolved */
export function listBranches(
	object: ElfObject,
	wanted: Uint8Array | undefined,
	note: (text: string) => void,
	locals: LocalCalls = { count: 0, files: 0, places: [] },
): BranchList {
	const architecture = requireArchitecture(object);
	requireVisibleCalls(object);
	const table = branchTable(object, architecture, wanted);
	if (table.count === 0) refuseCallsByAddress(object, architecture);
	const { insides, ...survey } = surveyRows(object, architecture, table);
	return {
		...survey,
		object,
		architecture,
		table,
		locals: hasDefined(object, wanted) ? findLocalCalls(object, architecture, wanted, locals) : [],
		holder: holders(object, table),
		lines: table.count === 0 ? undefined : linesOf(object, note),
		intruders: jumpedInto(object, architecture, insides),
		sections: object.sections.map((section) => ({
			data: isCode(section) ? section.data : none,
			origin: originOf(object, section),
			known: knownCrossings(object.type === ET_REL ? section.align : 4096),
			isInit: section.name.startsWith(".init."),
		})),
	};
}

const none = new Uint8Array(0);

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
function surveyRows(object: ElfObject, { branches }: RealArchitecture, table: BranchTable) {
	const insides: Insides = [];
	const counts = new Uint32Array(table.callees.length);
	const used = new Uint8Array(branches.length);
	const { offset, branch, callee } = table;
	for (const { section, first, end } of sectionRuns(table)) {
		const bits = newInside(object.sections[section]!);
		for (let row = first; row < end; row++) {
			const found = branch[row]!;
			used[found] = 1;
			counts[callee[row]!]!++;
			markInside(bits, offset[row]!, branches[found]!.length);
		}
		insides[section] = bits;
	}
	return { insides, used, counts };
}

/** Bytes that the callee could be further away in its direction; undefined where the distance is not known yet, and where
 * the linker put a veneer between, as the callee is out of reach.
 * @param value offset or address of the branch, as the file counts */
export function reachLeft(
	{ object, architecture }: BranchList,
	section: number,
	value: number,
	branch: number,
	{ symbol, beyond }: Callee,
): number | undefined {
	const { symbols } = object;
	const { form } = architecture.branches[branch]!;
	const target = symbols.section[symbol]!;
	const isKnown = object.type === ET_REL ? target === section : target !== SHN_UNDEF;
	if (form === undefined || !isKnown) return undefined;
	const distance = symbols.value[symbol]! + beyond - value - form.base;
	const left = distance < 0 ? distance - form.min : form.max - distance;
	return left < 0 ? undefined : left;
}

/** Index of what is at `value` in the line table; undefined where there is no line. */
export function lineRowAt({ object, lines }: BranchList, section: number, value: number): number | undefined {
	if (lines === undefined) return undefined;
	const row = rowAt(lines, value, object.type === ET_REL ? section : 0);
	return row === undefined || lines.line[row] === 0 ? undefined : row;
}
