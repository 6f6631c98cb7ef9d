// The collector: gives an object its `.static_call_sites`, as objtool does for a kernel object, whatever the architecture.
// Pure; linking an object of the toy machine with or without the table means the same program.

import { addSymbols, type NewSymbol, newSection } from "../elf/edit.ts";
import { addToGroup, type Groups, groupsOf } from "../elf/groups.ts";
import {
	type ElfObject,
	type Relocations,
	type Section,
	SHN_UNDEF,
	SHT_PROGBITS,
	STB_LOCAL,
	STT_NOTYPE,
	STT_OBJECT,
	STT_SECTION,
} from "../elf/object.ts";
import { relocationsFrom } from "../elf/relocation-entries.ts";
import { symbolName } from "../elf/symbols.ts";
import { allocateRelocations, putRela, RELA_SIZE } from "../elf/tables.ts";
import { LinkError, suggestion } from "../errors.ts";
import { siteRow } from "../format/rows.ts";
import { INIT, isInit, KEY_PREFIX, SITES_SECTION, TAIL, TRAMPOLINE_PREFIX } from "../format/static-calls.ts";
import { branchKinds } from "./arch/architecture.ts";
import { type BranchTable, calleeOf } from "./branches.ts";
import type { FoundSites } from "./find-sites.ts";
import { place } from "./place.ts";
import { wantedSymbols } from "./wanted.ts";

/** What becomes of a call whose key the object does not mention: the collector adds an undefined symbol for the key, refuses
 * the object, or names the trampoline in the key's place, as the kernel wants it of modules that cannot name the key. */
export type MissingKey = "add" | "refuse" | "trampoline";

/** The object with a row per site in `.static_call_sites`, or as it is when it has no sites.
 * @throws LinkError for a call whose key cannot be named */
export function addSites(object: ElfObject, found: FoundSites, missingKey: MissingKey): ElfObject {
	if (found.count === 0) return object;
	const { table, rows } = found;
	const keyed = withKeys(object, found, missingKey);
	const anchored = withAnchors(keyed.object, found);
	const keys = keyed.keys.map(anchored.moved);
	const sections = [...anchored.object.sections];
	const groups = groupsOf(sections);
	const makeTable = (rows: Uint32Array) => sitesTable(object, found, rows, anchored.anchors, keys);
	for (const [group, members] of byGroup(table, rows, groups)) {
		if (group === 0) sections.push(makeTable(members));
		else addToGroup(sections, group, makeTable(members));
	}
	return { ...anchored.object, sections };
}

/** The rows of code outside all groups as 0, then those of each group. */
function byGroup({ section }: BranchTable, rows: Uint32Array, groups: Groups): Map<number, Uint32Array> {
	if (groups.size === 0) return new Map([[0, rows]]);
	const found = new Map<number, number[]>();
	for (const row of rows) {
		const group = groups.get(section[row]!) ?? 0;
		const members = found.get(group);
		if (members === undefined) found.set(group, [row]);
		else members.push(row);
	}
	return new Map(Array.from(found, ([group, members]) => [group, Uint32Array.from(members)]));
}

/** What places of code count from: by section a symbol, or by row of the table one at its place. */
interface Anchors {
	readonly symbols: Uint32Array;
	readonly isByRow: boolean;
}

/** @param rows those of the table's branches that get a row @param keys by trampoline the symbol of its key */
function sitesTable(
	{ sections }: ElfObject,
	{ architecture: { relocation, branches, sites }, table }: FoundSites,
	rows: Uint32Array,
	{ symbols, isByRow }: Anchors,
	keys: Uint32Array,
): Section {
	const { callee, callees } = table;
	const type = relocation.relative32;
	const keyAt = siteRow.fields.key.at;
	const tails = branches.map(({ kind }) => (branchKinds[kind] === "call" ? 0 : TAIL));
	const inits = sections.map((section) => (sites.marksInit && isInit(section) ? INIT : 0));
	/** For a row's number in the table, what its two fields count from and what is added. */
	const placeSymbol = (i: number): number => symbols[isByRow ? i : table.section[i]!]!;
	const placeAddend = (i: number): number => (isByRow ? 0 : table.offset[i]!);
	const keySymbol = (i: number): number => keys[callees[callee[i]!]!.symbol]!;
	const flagsOf = (i: number): number => tails[table.branch[i]!]! | inits[table.section[i]!]!;
	const streamed = (): Relocations =>
		relocationsFrom(rows.length * 2, (view, first) => {
			for (let at = 0, entry = first; at < view.byteLength; at += RELA_SIZE, entry++) {
				const i = rows[entry >> 1]!;
				const offset = (entry >> 1) * siteRow.bytes;
				if ((entry & 1) === 1) putRela(view, at, offset + keyAt, type, keySymbol(i), flagsOf(i));
				else putRela(view, at, offset, type, placeSymbol(i), placeAddend(i));
			}
		});
	const inColumns = (): Relocations => {
		const columns = allocateRelocations(rows.length * 2);
		columns.type.fill(type);
		for (const [row, i] of rows.entries()) {
			columns.offset[2 * row] = row * siteRow.bytes;
			columns.symbol[2 * row] = placeSymbol(i);
			columns.addend[2 * row] = placeAddend(i);
			columns.offset[2 * row + 1] = row * siteRow.bytes + keyAt;
			columns.symbol[2 * row + 1] = keySymbol(i);
			columns.addend[2 * row + 1] = flagsOf(i);
		}
		return columns;
	};
	return newSection(SITES_SECTION, {
		type: SHT_PROGBITS,
		flags: sites.flags,
		align: 4,
		entsize: siteRow.bytes,
		data: new Uint8Array(rows.length * siteRow.bytes),
		relocations: sites.isLinkedHere ? inColumns() : streamed(),
	});
}

/** Which sections have rows. @param rows in the order of the table */
export function sectionsOf({ section }: BranchTable, rows: Uint32Array): Set<number> {
	const sections = new Set<number>();
	let last = 0;
	for (let row = 0; row < rows.length; row++) {
		if (section[rows[row]!] === last) continue;
		last = section[rows[row]!]!;
		sections.add(last);
	}
	return sections;
}

/** The object with symbols for all keys of its sites, and per symbol that is called, a trampoline, the symbol of its key. */
function withKeys(
	object: ElfObject,
	{ table, rows, architecture }: FoundSites,
	missingKey: MissingKey,
): { object: ElfObject; keys: Uint32Array } {
	const { symbols } = object;
	const byName = new Map<string, number>();
	const flags = wantedSymbols(object, { prefix: KEY_PREFIX });
	for (let i = 1; i < symbols.count; i++) if (flags[i] === 1) byName.set(symbolName(symbols, i), i);
	const keys = new Uint32Array(symbols.count);
	/** By trampoline. */
	const additions = new Map<number, NewSymbol>();
	for (let row = 0; row < rows.length; row++) {
		const i = rows[row]!;
		const trampoline = calleeOf(table, i).symbol;
		if (keys[trampoline] !== 0 || additions.has(trampoline)) continue;
		const field = missingKey === "add" ? architecture.branches[table.branch[i]!]!.fieldAt : 0;
		const where = (): string => place(object, table.section[i]!, table.offset[i]! + field);
		const keyName = keyNameOf(symbolName(symbols, trampoline), where);
		const known = byName.get(keyName);
		if (known !== undefined) keys[trampoline] = known;
		else if (missingKey === "trampoline") keys[trampoline] = trampoline;
		else if (missingKey === "add") additions.set(trampoline, newKey(object, trampoline, keyName, where));
		else
			throw new LinkError(
				`${where()}: calls '${symbolName(symbols, trampoline)}', but nothing here names its key '${keyName}'${suggestion(keyName, byName.keys())}; call it with static_call(), or say --module if only the trampoline is exported`,
			);
	}
	const extended = addSymbols(object, [...additions.values()]);
	const moved = keys.map(extended.moved);
	for (const [i, trampoline] of [...additions.keys()].entries()) moved[trampoline] = extended.added[i]!;
	return { object: extended.object, keys: moved };
}

/** The symbol for a key that another object defines: a module that only calls a trampoline does not mention the key.
 * @throws LinkError where the trampoline is defined here, and so the key should be */
function newKey({ symbols }: ElfObject, trampoline: number, name: string, where: () => string): NewSymbol {
	if (symbols.section[trampoline] !== SHN_UNDEF) {
		const called = symbolName(symbols, trampoline);
		throw new LinkError(`${where()}: calls '${called}', which this object defines without its key '${name}'`);
	}
	const binding = symbols.info[trampoline]! >> 4;
	return { name, binding, type: STT_OBJECT, section: SHN_UNDEF, value: 0, size: 0 };
}

/** The key of a trampoline. @param where gives the call that is to be named if the trampoline has no proper name */
export function keyNameOf(trampoline: string, where: () => string): string {
	if (trampoline === TRAMPOLINE_PREFIX)
		throw new LinkError(`${where()}: trampoline name '${trampoline}' is malformed: no key name follows`);
	return KEY_PREFIX + trampoline.slice(TRAMPOLINE_PREFIX.length);
}

function withAnchors(object: ElfObject, { architecture, table, rows }: FoundSites) {
	if (!architecture.isRelaxed) {
		const { symbols, ...extended } = withSectionSymbols(object, sectionsOf(table, rows));
		return { ...extended, anchors: { symbols, isByRow: false } };
	}
	const label = { name: ".Lsite", binding: STB_LOCAL, type: STT_NOTYPE, size: 0 };
	const { added, ...extended } = addSymbols(
		object,
		Array.from(rows, (i) => ({ ...label, section: table.section[i]!, value: table.offset[i]! })),
	);
	const symbols = new Uint32Array(table.count);
	for (const [row, i] of rows.entries()) symbols[i] = added[row]!;
	return { ...extended, anchors: { symbols, isByRow: true } };
}

/** Rows count from the start of their section: a function's own symbol might be replaced by another object's.
 * @param needed sections, of which the object may yet lack the last */
export function withSectionSymbols(object: ElfObject, needed: ReadonlySet<number>) {
	/** By section; 0 for those that need none. */
	const symbols = new Uint32Array(Math.max(object.sections.length, Math.max(...needed) + 1));
	const { count, info, section } = object.symbols;
	for (let i = 1; i < count; i++)
		if ((info[i]! & 15) === STT_SECTION && needed.has(section[i]!)) symbols[section[i]!] = i;
	const missing = [...needed].filter((index) => symbols[index] === 0);
	const extended = addSymbols(
		object,
		missing.map((index) => ({ name: "", binding: STB_LOCAL, type: STT_SECTION, section: index, value: 0, size: 0 })),
	);
	for (const [i, index] of missing.entries()) symbols[index] = extended.added[i]!;
	return { object: extended.object, moved: extended.moved, symbols };
}
