// The calls and jumps of a real object that its relocations name, by columns: what every listing, collector and edit of
// x86-64 and AArch64 files starts from. A branch without a relocation (to a local function of the same section) is not
// there: what it calls could only be guessed.

import {
	type ElfObject,
	ET_REL,
	type Section,
	SHF_EXECINSTR,
	SHN_LORESERVE,
	SHN_UNDEF,
	STT_SECTION,
} from "../elf/object.ts";
import { ENTRY_WORDS, relocationPieces, wideWord } from "../elf/relocation-entries.ts";
import { type FunctionIndex, functionAt, indexFunctions, symbolName } from "../elf/symbols.ts";
import { LinkError } from "../errors.ts";
import { type Architecture, architectureOf, architectures } from "./arch/index.ts";

/** One row per branch, in the order of sections and of their relocations. Columns may be longer than `count`. */
export interface BranchTable {
	count: number;
	readonly section: Uint32Array;
	/** Of the instruction in its section's bytes. */
	readonly offset: Uint32Array;
	/** Index in the section's relocations; only in a table for edits. */
	readonly relocation: Uint32Array | undefined;
	/** Index in the architecture's `branches`. */
	readonly branch: Uint8Array;
	/** The symbol of what is called; a section's where no function is known there. */
	readonly callee: Uint32Array;
	/** Bytes behind that symbol's value. */
	readonly beyond: Float64Array;
}

/** @throws LinkError for a machine that is none of ours */
export function requireArchitecture(object: ElfObject): Architecture {
	const architecture = architectureOf(object.machine);
	if (architecture !== undefined) return architecture;
	const known = architectures.map(({ name, machine }) => `${machine} (${name})`).join(", ");
	throw new LinkError(`${object.name}: ELF header: e_machine ${object.machine} is not one of ${known}`);
}

/** A linked file must have kept its relocations.
 * @throws LinkError that says how to get a file that has them */
export function requireRelocations(object: ElfObject): void {
	if (object.type === ET_REL) return;
	if (object.sections.some((section) => isCode(section) && section.relocations !== undefined)) return;
	throw new LinkError(
		`${object.name}: is linked without relocations, so what its calls name is lost; link with -Wl,--emit-relocs (ld -q)`,
	);
}

export function isCode({ flags }: Pick<Section, "flags">): boolean {
	return (flags & SHF_EXECINSTR) !== 0;
}

/** @param branch, callee, beyond as the columns of `BranchTable` @param field where the relocation's field is */
export type VisitBranch = (
	section: number,
	relocation: number,
	field: number,
	branch: number,
	callee: number,
	beyond: number,
) => void;

/** Visits the branches to the symbols for which `wanted` holds 1; to all without it. */
export function visitBranches(
	object: ElfObject,
	architecture: Architecture,
	wanted: Uint8Array | undefined,
	visit: VisitBranch,
): void {
	const resolve = sectionResolver(object);
	const interesting = wanted && orSections(object.symbols, wanted);
	for (const [index, section] of object.sections.entries()) {
		if (!isCode(section) || section.relocations === undefined || section.data.length === 0) continue;
		let first = 0;
		for (const words of relocationPieces(section.relocations)) {
			const piece = { object, index, architecture, words, first, interesting, wanted };
			visitPiece(piece, resolve, visit);
			first += words.length / ENTRY_WORDS;
		}
	}
}

/** 1 also for the symbols of sections: what they stand for depends on the addend. */
function orSections({ count, info }: ElfObject["symbols"], wanted: Uint8Array): Uint8Array {
	const flags = wanted.slice();
	for (let i = 0; i < count; i++) if ((info[i]! & 15) === STT_SECTION) flags[i] = 1;
	return flags;
}

type Resolve = (symbol: number, value: number) => { readonly callee: number; readonly beyond: number };

interface Piece {
	readonly object: ElfObject;
	readonly index: number;
	readonly architecture: Architecture;
	/** Of some relocations of section `index`, from number `first` on. */
	readonly words: Uint32Array;
	readonly first: number;
	/** 1 for each symbol whose relocations may be wanted. */
	readonly interesting: Uint8Array | undefined;
	readonly wanted: Uint8Array | undefined;
}

function visitPiece(
	{ object, index, architecture, words, first, interesting, wanted }: Piece,
	resolve: Resolve,
	visit: VisitBranch,
): void {
	const { symbols } = object;
	const { data, address } = object.sections[index]!;
	const { branchRelocations, find, branches } = architecture;
	for (let at = 0, i = first; at < words.length; at += ENTRY_WORDS, i++) {
		const symbol = words[at + 3]!;
		if (interesting !== undefined && interesting[symbol] !== 1) continue;
		const type = words[at + 2]!;
		if (branchRelocations[type] === undefined) continue;
		const field = wideWord(words[at]!, words[at + 1]!) - address;
		const branch = find(type, data, field);
		if (branch < 0) continue;
		const beyond = wideWord(words[at + 4]!, words[at + 5]!) - branches[branch]!.addend;
		if ((symbols.info[symbol]! & 15) !== STT_SECTION) {
			visit(index, i, field, branch, symbol, beyond);
			continue;
		}
		const resolved = resolve(symbol, symbols.value[symbol]! + beyond);
		if (wanted === undefined || wanted[resolved.callee] === 1)
			visit(index, i, field, branch, resolved.callee, resolved.beyond);
	}
}

/** Names what lies at a value in the section of a section symbol. Sorts the functions when it is first asked. */
function sectionResolver(object: ElfObject): Resolve {
	let functions: FunctionIndex | undefined;
	const { symbols } = object;
	return (symbol, value) => {
		functions ??= indexFunctions(object);
		const callee = functionAt(functions, symbols.section[symbol]!, value) ?? symbol;
		return { callee, beyond: value - symbols.value[callee]! };
	};
}

/** The table of the branches to the symbols for which `wanted` holds 1; of all without it. */
export function branchTable(
	object: ElfObject,
	architecture: Architecture,
	wanted?: Uint8Array,
	forEdits = false,
): BranchTable {
	const { branches } = architecture;
	const relocated = object.sections.filter(isCode).map(({ relocations }) => relocations?.count ?? 0);
	const room = relocated.reduce((sum, count) => sum + count, 0);
	const table = allocate(room, forEdits);
	const { section, offset, relocation, branch, callee, beyond } = table;
	let count = 0;
	visitBranches(object, architecture, wanted, (index, i, field, found, symbol, behind) => {
		section[count] = index;
		offset[count] = field - branches[found]!.fieldAt;
		if (relocation !== undefined) relocation[count] = i;
		branch[count] = found;
		callee[count] = symbol;
		if (behind !== 0) beyond[count] = behind;
		count++;
	});
	table.count = count;
	return table;
}

/** How many branches go to each symbol, without a table. */
export function countBranches(object: ElfObject, architecture: Architecture, wanted?: Uint8Array): Uint32Array {
	const counts = new Uint32Array(object.symbols.count);
	visitBranches(object, architecture, wanted, (_section, _relocation, _field, _branch, callee) => {
		counts[callee]!++;
	});
	return counts;
}

/** Room that no row needs costs nothing: memory that was never written to is not there. */
function allocate(room: number, forEdits: boolean): BranchTable {
	return {
		count: 0,
		section: new Uint32Array(room),
		offset: new Uint32Array(room),
		relocation: forEdits ? new Uint32Array(room) : undefined,
		branch: new Uint8Array(room),
		callee: new Uint32Array(room),
		beyond: new Float64Array(room),
	};
}

/** The row behind the last that is in the section of row `first`. */
export function endOfSection({ section, count }: BranchTable, first: number): number {
	let low = first;
	let high = count;
	while (low < high) {
		const middle = (low + high) >>> 1;
		if (section[middle]! <= section[first]!) low = middle + 1;
		else high = middle;
	}
	return low;
}

/** Which symbols to look for. */
export type Wanted =
	| { readonly prefix: string }
	/** Functions, without the version that linked files add to a name. */
	| { readonly names: readonly string[] };

/** 1 for each symbol that is wanted, and for other names of the same function. */
export function wantedSymbols({ symbols }: ElfObject, wanted: Wanted): Uint8Array {
	const flags = new Uint8Array(symbols.count);
	const matches = "prefix" in wanted ? prefixTest(wanted.prefix, symbols) : nameTest(wanted.names, symbols);
	for (let i = 1; i < symbols.count; i++) if (matches(i)) flags[i] = 1;
	if ("names" in wanted) flagAliases(symbols, flags);
	return flags;
}

function prefixTest(prefix: string, { name, strings }: ElfObject["symbols"]): (symbol: number) => boolean {
	const bytes = new TextEncoder().encode(prefix);
	return (symbol) => {
		const start = name[symbol]!;
		for (let i = 0; i < bytes.length; i++) if (strings[start + i] !== bytes[i]) return false;
		return true;
	};
}

function nameTest(names: readonly string[], symbols: ElfObject["symbols"]): (symbol: number) => boolean {
	const wanted = new Set(names);
	return (symbol) => wanted.has(baseName(symbolName(symbols, symbol)));
}

/** `main+0x12`; a section symbol is called after its section. */
export function placeName(object: ElfObject, symbol: number, beyond: number): string {
	const { symbols, sections } = object;
	const name = symbolName(symbols, symbol) || (sections[symbols.section[symbol]!]?.name ?? "");
	return beyond === 0 ? name : `${name}${beyond < 0 ? "-" : "+"}0x${Math.abs(beyond).toString(16)}`;
}

/** Without `@GLIBC_2.34`. */
export function baseName(name: string): string {
	const at = name.indexOf("@", 1);
	return at < 0 ? name : name.slice(0, at);
}

function flagAliases({ count, section, value, info }: ElfObject["symbols"], flags: Uint8Array): void {
	const places = new Set<string>();
	const place = (i: number) => `${section[i]} ${value[i]}`;
	const isPlaced = (i: number) =>
		section[i] !== SHN_UNDEF && section[i]! < SHN_LORESERVE && (info[i]! & 15) !== STT_SECTION;
	for (let i = 1; i < count; i++) if (flags[i] === 1 && isPlaced(i)) places.add(place(i));
	if (places.size === 0) return;
	for (let i = 1; i < count; i++) if (isPlaced(i) && places.has(place(i))) flags[i] = 1;
}
