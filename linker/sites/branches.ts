// The calls and jumps of an object that its relocations name, by columns: what every listing, collector and edit starts
// from, for the toy machine as for real ones. A branch without a relocation (to a local function of the same section) is
// not there: what it calls could only be guessed.

import { type ElfObject, originOf, type Relocations, type Section, STT_SECTION } from "../elf/object.ts";
import { ENTRY_WORDS, pickedEntries, relocationPieces } from "../elf/relocation-entries.ts";
import { type FunctionIndex, functionAt, indexFunctions, isCode } from "../elf/symbols.ts";
import { wideWord } from "../elf/words.ts";
import { LinkError } from "../errors.ts";
import { countBefore } from "../search.ts";
import type { Architecture } from "./arch/architecture.ts";
import { placeName } from "./place.ts";

/** One row per branch, in the order of sections and of places in them. Columns may be longer than `count`. */
export interface BranchTable {
	count: number;
	readonly section: Uint32Array;
	/** Offset of the instruction in its section's bytes. */
	readonly offset: Uint32Array;
	/** Index in the section's relocations; only in a table for edits. */
	readonly relocation: Uint32Array | undefined;
	/** Index in the architecture's `branches`. */
	readonly branch: Uint8Array;
	/** Index in `callees`. */
	readonly callee: Uint32Array;
	/** In the order of their first rows. */
	readonly callees: readonly Callee[];
}

/** What is called. */
export interface Callee {
	/** A section's where no function is known there. */
	readonly symbol: number;
	/** Bytes behind that symbol's value. */
	readonly beyond: number;
}

/** What the branch in a row goes to. */
export function calleeOf({ callee, callees }: BranchTable, row: number): Callee {
	return callees[callee[row]!]!;
}

/** Some relocations of a section of code, from number `first` on. */
interface Piece {
	readonly section: number;
	readonly data: Uint8Array;
	/** What the relocations' offsets count from. */
	readonly origin: number;
	readonly words: Uint32Array;
	readonly first: number;
	/** The numbers of the relocations, where they are not all of those from `first` on. */
	readonly numbers?: Uint32Array;
}

/** @throws LinkError for SHT_REL, which neither architecture has: where an addend lies depends on the instruction */
export function relocationsWithAddends(object: ElfObject, { name, relocations }: Section): Relocations | undefined {
	if (relocations?.implicitAddends)
		throw new LinkError(
			`${object.name}:(${name}): its relocations keep their addends in its bytes, which is not supported`,
		);
	return relocations;
}

/** @param picks 1 for each symbol whose relocations are looked at, where they are in columns anyway; else all are */
function* codePieces(object: ElfObject, picks?: Uint8Array): Generator<Piece> {
	for (const [section, each] of object.sections.entries()) {
		const relocations = isCode(each) ? relocationsWithAddends(object, each) : undefined;
		if (relocations === undefined) continue;
		const { data } = each;
		const origin = originOf(object, each);
		if (picks !== undefined) {
			yield { section, data, origin, first: 0, ...pickedEntries(relocations, picks) };
			continue;
		}
		let first = 0;
		for (const words of relocationPieces(relocations)) {
			yield { section, data, origin, words, first };
			first += words.length / ENTRY_WORDS;
		}
	}
}

/** Which branches to look for: those to the symbols for which `wanted` holds 1, or all. */
interface Search {
	readonly object: ElfObject;
	readonly architecture: Architecture;
	readonly wanted: Uint8Array | undefined;
	readonly resolve: Resolve;
	/** Gets relocation `i` of a section that names a wanted symbol and fills no branch. */
	readonly visitOther?: VisitOther | undefined;
}

type VisitOther = (section: number, i: number) => void;

/** What lies that many bytes behind the symbol of a section. */
type Resolve = (symbol: number, behind: number) => Callee;

/** What is called, numbered when it is first seen. */
interface Callees {
	readonly list: Callee[];
	/** 1 + the number by symbol, for calls of its first byte. */
	readonly plain: Uint32Array;
	/** The number by symbol and distance, for all others. */
	readonly others: Map<string, number>;
}

function numberOf({ list, plain, others }: Callees, symbol: number, beyond: number): number {
	const key = beyond === 0 ? "" : `${symbol} ${beyond}`;
	const known = beyond === 0 ? plain[symbol]! - 1 : (others.get(key) ?? -1);
	if (known >= 0) return known;
	const number = list.push({ symbol, beyond }) - 1;
	if (beyond === 0) plain[symbol] = number + 1;
	else others.set(key, number);
	return number;
}

/** Adds the rows of a piece. @returns how many rows there are then */
function addBranches(table: BranchTable, callees: Callees, search: Search, piece: Piece): number {
	const { wanted, architecture, visitOther } = search;
	const { info } = search.object.symbols;
	const { find, branches } = architecture;
	const { data, origin, words, first, numbers } = piece;
	const { section, offset, relocation, branch, callee } = table;
	const { plain } = callees;
	let { count } = table;
	for (let at = 0, i = first; at < words.length; at += ENTRY_WORDS, i++) {
		let symbol = words[at + 3]!;
		const isSection = (info[symbol]! & 15) === STT_SECTION;
		if (!isSection && wanted !== undefined && wanted[symbol] !== 1) continue;
		const field = wideWord(words[at]!, words[at + 1]!) - origin;
		const found = find(words[at + 2]!, data, field);
		if (found < 0) {
			if (visitOther !== undefined && !isSection) visitOther(piece.section, numbers?.[i] ?? i);
			continue;
		}
		const { addend, fieldAt } = branches[found]!;
		let behind = wideWord(words[at + 4]!, words[at + 5]!) - addend;
		if (isSection) {
			({ symbol, beyond: behind } = search.resolve(symbol, behind));
			if (wanted !== undefined && wanted[symbol] !== 1) continue;
		}
		section[count] = piece.section;
		offset[count] = field - fieldAt;
		if (relocation !== undefined) relocation[count] = numbers?.[i] ?? i;
		branch[count] = found;
		/** What `numberOf` would find, without the call. */
		const known = behind === 0 ? plain[symbol]! : 0;
		callee[count] = known > 0 ? known - 1 : numberOf(callees, symbol, behind);
		count++;
	}
	return count;
}

/** Written out beside `addBranches`, of which it is the half that counting needs: sharing it costs a tenth of the time of
 * `sites --summary` (bench/README.md). Adds the rows of a piece to the counts of their callees, and new callees to `called`. */
function countBranchesIn(counts: Uint32Array, called: number[], search: Search, piece: Piece): void {
	const { wanted, architecture } = search;
	const { info } = search.object.symbols;
	const { find, branches } = architecture;
	const { data, origin, words } = piece;
	for (let at = 0; at < words.length; at += ENTRY_WORDS) {
		let symbol = words[at + 3]!;
		const isSection = (info[symbol]! & 15) === STT_SECTION;
		if (!isSection && wanted !== undefined && wanted[symbol] !== 1) continue;
		const found = find(words[at + 2]!, data, wideWord(words[at]!, words[at + 1]!) - origin);
		if (found < 0) continue;
		if (isSection) {
			const behind = wideWord(words[at + 4]!, words[at + 5]!) - branches[found]!.addend;
			symbol = search.resolve(symbol, behind).symbol;
			if (wanted !== undefined && wanted[symbol] !== 1) continue;
		}
		if (counts[symbol]!++ === 0) called.push(symbol);
	}
}

/** Sorts the functions when it is first asked. */
function sectionResolver(object: ElfObject): Resolve {
	let functions: FunctionIndex | undefined;
	const { symbols } = object;
	return (symbol, behind) => {
		const value = symbols.value[symbol]! + behind;
		functions ??= indexFunctions(object);
		const callee = functionAt(functions, symbols.section[symbol]!, value) ?? symbol;
		return { symbol: callee, beyond: value - symbols.value[callee]! };
	};
}

/** The table of the branches to the symbols for which `wanted` holds 1; of all without it.
 * @param forEdits whether the table has the column `relocation`
 * @param visitOther gets the relocations of code that name a wanted symbol and fill no branch */
export function branchTable(
	object: ElfObject,
	architecture: Architecture,
	wanted?: Uint8Array,
	forEdits = false,
	visitOther?: VisitOther,
): BranchTable {
	const relocated = object.sections.filter(isCode).map(({ relocations }) => relocations?.count ?? 0);
	const room = relocated.reduce((sum, count) => sum + count, 0);
	const callees: Callees = { list: [], plain: new Uint32Array(object.symbols.count), others: new Map() };
	const table = allocate(room, callees.list, forEdits);
	const search = { object, architecture, wanted, resolve: sectionResolver(object), visitOther };
	const picks = architecture.sites.isLinkedHere ? wanted : undefined;
	for (const piece of codePieces(object, picks)) table.count = addBranches(table, callees, search, piece);
	for (const run of sectionRuns(table)) sortRows(table, run);
	return table;
}

/** By offset: a linker leaves relocations in the order of its inputs. */
function sortRows(table: BranchTable, { first, end }: SectionRun): void {
	const { offset } = table;
	let sorted = first + 1;
	while (sorted < end && offset[sorted - 1]! <= offset[sorted]!) sorted++;
	if (sorted >= end) return;
	const order = Uint32Array.from({ length: end - first }, (_, i) => first + i).sort((a, b) => offset[a]! - offset[b]!);
	for (const column of [offset, table.branch, table.callee, table.relocation])
		column?.set(
			Array.from(order, (row) => column[row]!),
			first,
		);
}

/** Whether any branch has a relocation. */
export function hasBranches(object: ElfObject, { find }: Architecture): boolean {
	for (const { data, origin, words } of codePieces(object))
		for (let at = 0; at < words.length; at += ENTRY_WORDS)
			if (find(words[at + 2]!, data, wideWord(words[at]!, words[at + 1]!) - origin) >= 0) return true;
	return false;
}

/** How many branches go to each symbol that any goes to, without a table. */
export function countBranches(object: ElfObject, architecture: Architecture, wanted?: Uint8Array): Map<number, number> {
	const counts = new Uint32Array(object.symbols.count);
	const called: number[] = [];
	const search = { object, architecture, wanted, resolve: sectionResolver(object) };
	for (const piece of codePieces(object)) countBranchesIn(counts, called, search, piece);
	return new Map(called.map((symbol) => [symbol, counts[symbol]!]));
}

/** Room that no row needs costs nothing: memory that was never written to is not there. */
function allocate(room: number, callees: readonly Callee[], forEdits: boolean): BranchTable {
	return {
		count: 0,
		section: new Uint32Array(room),
		offset: new Uint32Array(room),
		relocation: forEdits ? new Uint32Array(room) : undefined,
		branch: new Uint8Array(room),
		callee: new Uint32Array(room),
		callees,
	};
}

/** All rows of a section, from `first` up to `end`. */
export interface SectionRun {
	readonly section: number;
	readonly first: number;
	readonly end: number;
}

export function* sectionRuns(table: BranchTable): Generator<SectionRun> {
	for (let first = 0; first < table.count; ) {
		const end = endOfSection(table, first);
		yield { section: table.section[first]!, first, end };
		first = end;
	}
}

/** The row behind the last that is in the section of row `first`. */
function endOfSection({ section, count }: BranchTable, first: number): number {
	return first + countBefore(count - first, (i) => section[first + i]! <= section[first]!);
}

/** `main+0x12`: what is called, as messages and lists name it. */
export function calleeName(object: ElfObject, { symbol, beyond }: Callee): string {
	return placeName(object, symbol, beyond);
}
