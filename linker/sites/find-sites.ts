// Which branches of an object are call sites: those that call a trampoline, found by the name in the relocation. The
// section of the symbol says nothing, for the trampolines of other objects have none here.

import { type ElfObject, ET_REL, SHN_UNDEF } from "../elf/object.ts";
import { relocationPieces } from "../elf/relocation-entries.ts";
import { isCode, symbolName } from "../elf/symbols.ts";
import { LinkError } from "../errors.ts";
import { REPLACEMENTS_SECTION, TRAMPOLINE_PREFIX } from "../format/static-calls.ts";
import { hex } from "../hex.ts";
import type { Architecture, RealArchitecture } from "./arch/architecture.ts";
import { requireArchitecture } from "./arch/index.ts";
import { type BranchTable, branchTable, calleeOf, sectionRuns } from "./branches.ts";
import { refuseCallsByAddress, requireVisibleCalls } from "./hidden-calls.ts";
import { place } from "./place.ts";
import { wantedSymbols } from "./wanted.ts";

/** The call sites of an object. */
export interface FoundSites<A extends Architecture = Architecture> {
	readonly architecture: A;
	/** The branches to trampolines, sites or not. */
	readonly table: BranchTable;
	/** The rows of `table` that are sites, ascending. */
	readonly rows: Uint32Array;
	/** How many sites there are. */
	readonly count: number;
}

/** Where an object's own trampolines start, per section. */
export type Trampolines = ReadonlyMap<number, ReadonlySet<number>>;

/** 1 for each symbol of an object that is a trampoline. */
function trampolineFlags(object: Pick<ElfObject, "symbols">): Uint8Array {
	return wantedSymbols(object, { prefix: TRAMPOLINE_PREFIX });
}

/** Where the trampolines that an object defines start. The jump in one is no call site, even if it goes to another. */
export function ownTrampolines(object: Pick<ElfObject, "symbols">, flags = trampolineFlags(object)): Trampolines {
	const { section, value } = object.symbols;
	const own = new Map<number, Set<number>>();
	for (let i = 1; i < flags.length; i++) {
		if (flags[i] !== 1 || section[i] === SHN_UNDEF) continue;
		own.set(section[i]!, (own.get(section[i]!) ?? new Set()).add(value[i]!));
	}
	return own;
}

/** The call sites of an object.
 * @throws LinkError for what names a trampoline and can be no call site */
export function findSites<A extends Architecture>(object: ElfObject, architecture: A): FoundSites<A> {
	const wanted = trampolineFlags(object);
	const isStrict = architecture.sites.refuseOther !== undefined;
	if (isStrict && !wanted.includes(1)) return { architecture, table: noBranches, rows: noRows, count: 0 };
	const { table, isSite } = isStrict
		? strictTable(object, architecture, wanted)
		: { table: branchTable(object, architecture, wanted), isSite: requireSite };
	const rows = new Uint32Array(table.count);
	let count = 0;
	for (let i = 0; i < table.count; i++) if (isSite(object, architecture, table, i)) rows[count++] = i;
	return { architecture, table, rows: rows.subarray(0, count), count };
}

const noRows = new Uint32Array(0);
const noBranches: BranchTable = {
	count: 0,
	section: noRows,
	offset: noRows,
	relocation: undefined,
	branch: new Uint8Array(0),
	callee: noRows,
	callees: [],
};

type IsSite = (object: ElfObject, architecture: Architecture, table: BranchTable, i: number) => boolean;

/** Whether a branch to a trampoline is a site, where compilers may do what they like with trampolines.
 * @throws LinkError where it cannot be patched */
function requireSite(object: ElfObject, architecture: Architecture, table: BranchTable, i: number): boolean {
	if (object.sections[table.section[i]!]!.name === REPLACEMENTS_SECTION) return false;
	const isDirect = architecture.branches[table.branch[i]!]!.form !== undefined;
	const { symbol, beyond } = calleeOf(table, i);
	if (isDirect && beyond === 0) return true;
	const where = place(object, table.section[i]!, table.offset[i]!);
	const name = symbolName(object.symbols, symbol);
	if (isDirect) throw new LinkError(`${where}: goes ${hex(beyond)} bytes into the trampoline '${name}'`);
	throw new LinkError(
		`${where}: calls '${name}' through the global offset table, which cannot be patched; compile without -fno-plt`,
	);
}

/** The same where the architecture's rules refuse whatever else names a trampoline, in code and outside. The jump in a
 * trampoline is no site, even to another. */
function strictTable(
	object: ElfObject,
	architecture: Architecture,
	wanted: Uint8Array,
): { table: BranchTable; isSite: IsSite } {
	const own = ownTrampolines(object, wanted);
	const refuseOther = architecture.sites.refuseOther!;
	const refuse = (section: number, i: number): void => {
		const start = object.sections[section]!.relocations!.offset[i]! - architecture.branches[0]!.fieldAt;
		if (!own.get(section)?.has(start)) refuseOther(object, section, i);
	};
	refuseOutsideCode(object, wanted, refuse);
	const table = branchTable(object, architecture, wanted, true, refuse);
	refuseTwice(object, table);
	const isSite: IsSite = (_object, _architecture, { section, offset, relocation }, i) => {
		if (own.get(section[i]!)?.has(offset[i]!)) return false;
		if (calleeOf(table, i).beyond !== 0) refuseOther(object, section[i]!, relocation![i]!);
		return true;
	};
	return { table, isSite };
}

function refuseOutsideCode(
	{ sections }: ElfObject,
	wanted: Uint8Array,
	refuse: (section: number, i: number) => void,
): void {
	for (const [index, section] of sections.entries()) {
		if (isCode(section) || section.relocations === undefined) continue;
		const { symbol, count } = section.relocations;
		for (let i = 0; i < count; i++) if (wanted[symbol[i]!] === 1) refuse(index, i);
	}
}

function refuseTwice(object: ElfObject, table: BranchTable): void {
	const { offset } = table;
	for (const { section, first, end } of sectionRuns(table))
		for (let row = first + 1; row < end; row++)
			if (offset[row] === offset[row - 1])
				throw new LinkError(
					`${place(object, section, offset[row]!)}: two relocations make a call site of the same instruction`,
				);
}

/** The call sites of an object that other compilers made and that has no table of them yet.
 * @param tableName the section that the table will be
 * @throws LinkError for what cannot be patched, and for files that do not show their calls */
export function findRealSites(object: ElfObject, tableName: string): FoundSites<RealArchitecture> {
	const architecture = requireArchitecture(object);
	if (object.type !== ET_REL) throw new LinkError(`${object.name}: is linked; collect from the objects it is made of`);
	refuseTable(object, tableName);
	requireVisibleCalls(object);
	const found = findSites(object, architecture);
	checkOthers(object);
	if (found.table.count === 0) refuseCallsByAddress(object, architecture);
	return found;
}

/** @throws LinkError when the object has a section of that name already */
export function refuseTable({ name, sections }: ElfObject, tableName: string): void {
	if (!sections.some((section) => section.name === tableName)) return;
	throw new LinkError(`${name}: already has a ${tableName} section; collect from the object as it was compiled`);
}

/** What is wrong with relocations that are only copied is to be said before anything is written. */
function checkOthers({ sections }: ElfObject): void {
	for (const section of sections) {
		if (isCode(section) || section.relocations === undefined) continue;
		for (const _ of relocationPieces(section.relocations));
	}
}
