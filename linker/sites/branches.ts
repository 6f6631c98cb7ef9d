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
import { type FunctionIndex, functionAt, indexFunctions, symbolName } from "../elf/symbols.ts";
import { LinkError } from "../errors.ts";
import { type Architecture, architectureOf, architectures, type FoundBranch } from "./arch/index.ts";

/** One row per branch, in the order of sections and of their relocations. Columns may be longer than `count`. */
export interface BranchTable {
	count: number;
	section: Uint32Array;
	/** Index in the section's relocations. */
	relocation: Uint32Array;
	/** Index in `branchKinds`. */
	kind: Uint8Array;
	/** Index in the architecture's forms, or 255 for an indirect branch. */
	form: Uint8Array;
	/** Bytes from the start of the instruction to the relocated field. */
	fieldAt: Uint8Array;
	/** The symbol of what is called; a section's where no function is known there. */
	callee: Uint32Array;
	/** Bytes behind that symbol's value. */
	beyond: Float64Array;
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

/** @param callee, beyond as the columns of `BranchTable` */
export type VisitBranch = (
	section: number,
	relocation: number,
	found: FoundBranch,
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
	for (const [index, section] of object.sections.entries()) {
		if (isCode(section) && section.relocations !== undefined && section.data.length > 0)
			visitSection(object, index, architecture, wanted, resolve, visit);
	}
}

type Resolve = (symbol: number, value: number) => { readonly callee: number; readonly beyond: number };

function visitSection(
	object: ElfObject,
	index: number,
	{ branchRelocations, find, forms }: Architecture,
	wanted: Uint8Array | undefined,
	resolve: Resolve,
	visit: VisitBranch,
): void {
	const { symbols } = object;
	const { data, address, relocations } = object.sections[index]!;
	const { count, type, symbol, offset, addend } = relocations!;
	for (let i = 0; i < count; i++) {
		if (branchRelocations[type[i]!] === undefined) continue;
		const named = symbol[i]!;
		const isSection = (symbols.info[named]! & 15) === STT_SECTION;
		if (wanted !== undefined && wanted[named] !== 1 && !isSection) continue;
		const found = find(type[i]!, data, offset[i]! - address);
		if (found === undefined) continue;
		const beyond = addend[i]! - (found.form < 0 ? -4 : forms[found.form]!.addend);
		if (!isSection) {
			visit(index, i, found, named, beyond);
			continue;
		}
		const resolved = resolve(named, symbols.value[named]! + beyond);
		if (wanted === undefined || wanted[resolved.callee] === 1) visit(index, i, found, resolved.callee, resolved.beyond);
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
export function branchTable(object: ElfObject, architecture: Architecture, wanted?: Uint8Array): BranchTable {
	const table = allocate(1024);
	visitBranches(object, architecture, wanted, (section, relocation, found, callee, beyond) => {
		if (table.count === table.section.length) grow(table);
		const i = table.count++;
		table.section[i] = section;
		table.relocation[i] = relocation;
		table.kind[i] = found.kind;
		table.form[i] = found.form;
		table.fieldAt[i] = found.fieldAt;
		table.callee[i] = callee;
		table.beyond[i] = beyond;
	});
	return table;
}

/** How many branches go to each symbol, without a table. */
export function countBranches(object: ElfObject, architecture: Architecture, wanted?: Uint8Array): Uint32Array {
	const counts = new Uint32Array(object.symbols.count);
	visitBranches(object, architecture, wanted, (_section, _relocation, _found, callee) => {
		counts[callee]!++;
	});
	return counts;
}

function allocate(count: number): BranchTable {
	return {
		count: 0,
		section: new Uint32Array(count),
		relocation: new Uint32Array(count),
		kind: new Uint8Array(count),
		form: new Uint8Array(count),
		fieldAt: new Uint8Array(count),
		callee: new Uint32Array(count),
		beyond: new Float64Array(count),
	};
}

function grow(table: BranchTable): void {
	const larger = allocate(table.section.length * 2);
	for (const key of ["section", "relocation", "kind", "form", "fieldAt", "callee", "beyond"] as const) {
		larger[key].set(table[key]);
		(table as unknown as Record<string, unknown>)[key] = larger[key];
	}
}

/** Offset in its section's bytes of the instruction of row `i`. */
export function branchOffset(object: ElfObject, table: BranchTable, i: number): number {
	const { relocations, address } = object.sections[table.section[i]!]!;
	return relocations!.offset[table.relocation[i]!]! - table.fieldAt[i]! - address;
}

export function branchLength(architecture: Architecture, table: BranchTable, i: number): number {
	const form = table.form[i]!;
	return form === 255 ? 6 : architecture.forms[form]!.length;
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
	return (symbol) => bytes.every((byte, i) => strings[name[symbol]! + i] === byte);
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
