// The collector for programs of user space, whose calls the runtime in native/patchbay.h patches. The rows are those of
// the kernel's table, but a linker that drops or merges functions must do the same to their rows: each section of code has
// a section of rows of its own, linked to it and in its group. A key with a name that others see may be another shared
// object's, too far for a row: the row then names a word here, and the dynamic linker puts the key's address there.

import { addSymbols, type NewRelocation, newSection, relocationsOf } from "../elf/edit.ts";
import { addToGroup, type Groups, groupsOf } from "../elf/groups.ts";
import {
	type ElfObject,
	type Section,
	SHF_ALLOC,
	SHF_LINK_ORDER,
	SHF_WRITE,
	SHN_LORESERVE,
	SHN_UNDEF,
	SHT_PROGBITS,
	STB_GLOBAL,
	STB_LOCAL,
	STT_NOTYPE,
} from "../elf/object.ts";
import { symbolByName, symbolName } from "../elf/symbols.ts";
import { LinkError } from "../errors.ts";
import { siteRow } from "../format/rows.ts";
import { IMPORT, TAIL, USER_SITES_SECTION } from "../format/static-calls.ts";
import { branchKinds } from "./arch/index.ts";
import { type BranchTable, calleeOf } from "./branches.ts";
import { keyNameOf, sectionsOf, withSectionSymbols } from "./collect.ts";
import { findRealSites } from "./find-sites.ts";
import { place } from "./place.ts";

/** The words with the addresses of keys: the dynamic linker writes them, and nobody after it. */
const IMPORTS_SECTION = ".data.rel.ro";
const WORD = 8;

/** Visibility of a name that other shared objects see. */
const STV_DEFAULT = 0;

/** Where a row finds its key: that many bytes behind the start of a section; flags included. */
interface KeyPlace {
	readonly section: number;
	readonly offset: number;
}

/** The object with `static_call_sites`, or as it is when it calls no trampoline.
 * @throws LinkError for a call that cannot be patched */
export function collectUserSites(object: ElfObject): { object: ElfObject; sites: number } {
	const { architecture, table, rows } = findRealSites(object, USER_SITES_SECTION);
	if (rows.length === 0) return { object, sites: 0 };
	if (architecture.isRelaxed)
		throw new LinkError(
			`${object.name}: is for ${architecture.name}, whose programs the runtime of user space cannot patch`,
		);
	const keys = new Map<number, KeyPlace>();
	const imports: string[] = [];
	for (const row of rows) placeKey(object, table, row, keys, imports);
	const named = withKeySymbols(object, imports);
	const needed = new Set([...sectionsOf(table, rows), ...Array.from(keys.values(), ({ section }) => section)]);
	const based = withSectionSymbols(named.object, needed);
	const { relative32, absolute64 } = architecture.relocation;
	const isCall = architecture.branches.map(({ kind }) => branchKinds[kind] === "call");
	const sections = [...based.object.sections];
	const groups = groupsOf(sections);
	if (imports.length > 0) sections.push(importsSection(named.symbols.map(based.moved), absolute64));
	for (const [section, run] of bySection(table, rows)) {
		const relocations = run.flatMap((i, row): NewRelocation[] => {
			const key = keys.get(calleeOf(table, i).symbol)!;
			const tail = isCall[table.branch[i]!]! ? 0 : TAIL;
			const at = { type: relative32, offset: row * siteRow.bytes };
			return [
				{ ...at, symbol: based.symbols[section]!, addend: table.offset[i]! },
				{
					...at,
					offset: at.offset + siteRow.fields.key.at,
					symbol: based.symbols[key.section]!,
					addend: key.offset + tail,
				},
			];
		});
		addRows(sections, groups, section, relocations);
	}
	return { object: { ...based.object, sections }, sites: rows.length };
}

/** Finds out where the key of a call lies: here, or wherever the word says that is added to `imports`. */
function placeKey(
	object: ElfObject,
	table: BranchTable,
	row: number,
	keys: Map<number, KeyPlace>,
	imports: string[],
): void {
	const { symbols } = object;
	const trampoline = calleeOf(table, row).symbol;
	if (keys.has(trampoline)) return;
	const name = keyNameOf(symbolName(symbols, trampoline), () => place(object, table.section[row]!, table.offset[row]!));
	const key = symbolByName(object, name) ?? 0;
	const section = symbols.section[key]!;
	const isOurs = symbols.info[key]! >> 4 === STB_LOCAL || (symbols.other[key]! & 3) !== STV_DEFAULT;
	const isHere = isOurs && section !== SHN_UNDEF && section < SHN_LORESERVE;
	if (isHere) keys.set(trampoline, { section, offset: symbols.value[key]! });
	else keys.set(trampoline, { section: object.sections.length, offset: (imports.push(name) - 1) * WORD + IMPORT });
}

/** The object with symbols for these keys. */
function withKeySymbols(object: ElfObject, names: readonly string[]): { object: ElfObject; symbols: number[] } {
	const known = names.map((name) => symbolByName(object, name));
	const missing = names.filter((_, i) => known[i] === undefined);
	const undefinedKey = { binding: STB_GLOBAL, type: STT_NOTYPE, section: SHN_UNDEF, value: 0, size: 0 };
	const { object: extended, added } = addSymbols(
		object,
		missing.map((name) => ({ ...undefinedKey, name })),
	);
	return { object: extended, symbols: known.map((symbol, i) => symbol ?? added[missing.indexOf(names[i]!)]!) };
}

function importsSection(symbols: readonly number[], type: number): Section {
	return newSection(IMPORTS_SECTION, {
		type: SHT_PROGBITS,
		flags: SHF_ALLOC | SHF_WRITE,
		align: WORD,
		data: new Uint8Array(symbols.length * WORD),
		relocations: relocationsOf(symbols.map((symbol, i) => ({ offset: i * WORD, type, symbol, addend: 0 }))),
	});
}

function bySection({ section }: BranchTable, rows: Uint32Array): Map<number, number[]> {
	const runs = new Map<number, number[]>();
	for (const row of rows) {
		const run = runs.get(section[row]!);
		if (run === undefined) runs.set(section[row]!, [row]);
		else run.push(row);
	}
	return runs;
}

/** Adds the rows of one section of code, which a linker drops with it. */
function addRows(sections: Section[], groups: Groups, code: number, relocations: readonly NewRelocation[]): void {
	const table = newSection(USER_SITES_SECTION, {
		type: SHT_PROGBITS,
		flags: SHF_ALLOC | SHF_LINK_ORDER,
		align: 4,
		entsize: siteRow.bytes,
		data: new Uint8Array((relocations.length / 2) * siteRow.bytes),
		relocations: relocationsOf(relocations),
	});
	addToGroup(sections, groups.get(code), { ...table, link: code });
}
