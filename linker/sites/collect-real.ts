// The collector for objects of real machines: `.static_call_sites` as the kernel's objtool writes it for x86-64, and the
// same with AArch64's relocations. Calls of trampolines are found by the names in relocations, never by sections: those
// of other objects have none.

import { addSymbols, newSection } from "../elf/edit.ts";
import { addToGroup, type Groups, groupsOf } from "../elf/groups.ts";
import {
	type ElfObject,
	ET_REL,
	type Section,
	SHF_ALLOC,
	SHF_WRITE,
	SHT_PROGBITS,
	STB_LOCAL,
	STT_NOTYPE,
	STT_SECTION,
} from "../elf/object.ts";
import { relocationPieces, relocationsFrom } from "../elf/relocation-entries.ts";
import { symbolName } from "../elf/symbols.ts";
import { putRela, RELA_SIZE } from "../elf/tables.ts";
import { LinkError, suggestion } from "../errors.ts";
import {
	KEY_PREFIX,
	REPLACEMENTS_SECTION,
	SITE_ROW,
	SITES_SECTION,
	TAIL,
	TRAMPOLINE_PREFIX,
} from "../format/static-calls.ts";
import { hex } from "../hex.ts";
import { type Architecture, branchKinds } from "./arch/index.ts";
import { type BranchTable, branchTable, calleeOf, isCode, requireArchitecture, wantedSymbols } from "./branches.ts";
import { refuseCallsByAddress, requireVisibleCalls } from "./hidden-calls.ts";
import { place } from "./place.ts";

export interface RealCollectOptions {
	/** The object is of a module, which may call trampolines whose keys it cannot name: their rows name the trampoline. */
	readonly module?: boolean;
}

/** The object with `.static_call_sites`, or as it is when it calls no trampoline.
 * @throws LinkError for a call that the kernel could not patch */
export function collectRealSites(
	object: ElfObject,
	{ module = false }: RealCollectOptions = {},
): {
	object: ElfObject;
	sites: number;
} {
	const { architecture, table, rows } = findSites(object, SITES_SECTION);
	if (rows.length === 0) return { object, sites: 0 };
	const keys = keysOf(object, table, rows, module);
	const anchored = withAnchors(object, architecture, table, rows);
	const keySymbols = keys.map(anchored.moved);
	const sections = [...anchored.object.sections];
	const groups = groupsOf(sections);
	const makeTable = (rows: Uint32Array) => sitesTable(architecture, table, rows, anchored.anchors, keySymbols);
	for (const [group, members] of byGroup(table, rows, groups)) {
		if (group === 0) sections.push(makeTable(members));
		else addToGroup(sections, group, makeTable(members));
	}
	return { object: { ...anchored.object, sections }, sites: rows.length };
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

/** @param keys by trampoline the symbol of its key */
function sitesTable(
	{ relocation, branches }: Architecture,
	table: BranchTable,
	rows: Uint32Array,
	{ symbols, isByRow }: Anchors,
	keys: Uint32Array,
): Section {
	const isCall = branches.map(({ kind }) => branchKinds[kind] === "call");
	return newSection(SITES_SECTION, {
		type: SHT_PROGBITS,
		flags: SHF_ALLOC | SHF_WRITE,
		align: 4,
		entsize: SITE_ROW,
		data: new Uint8Array(rows.length * SITE_ROW),
		relocations: relocationsFrom(rows.length * 2, (view, first) => {
			for (let at = 0, entry = first; at < view.byteLength; at += RELA_SIZE, entry++) {
				const i = rows[entry >> 1]!;
				const offset = (entry >> 1) * SITE_ROW;
				if ((entry & 1) === 1) {
					const flags = isCall[table.branch[i]!]! ? 0 : TAIL;
					putRela(view, at, offset + 4, relocation.relative32, keys[calleeOf(table, i).symbol]!, flags);
				} else if (isByRow) putRela(view, at, offset, relocation.relative32, symbols[i]!, 0);
				else putRela(view, at, offset, relocation.relative32, symbols[table.section[i]!]!, table.offset[i]!);
			}
		}),
	});
}

/** The calls of trampolines in an object that has no table of them yet.
 * @param tableName the section that the table will be */
export function findSites(
	object: ElfObject,
	tableName: string,
): { architecture: Architecture; table: BranchTable; rows: Uint32Array } {
	const architecture = requireArchitecture(object);
	if (object.type !== ET_REL) throw new LinkError(`${object.name}: is linked; collect from the objects it is made of`);
	if (object.sections.some(({ name }) => name === tableName))
		throw new LinkError(
			`${object.name}: already has a ${tableName} section; collect from the object as it was compiled`,
		);
	requireVisibleCalls(object);
	const table = branchTable(object, architecture, wantedSymbols(object, { prefix: TRAMPOLINE_PREFIX }));
	const rows = sitesOf(object, architecture, table);
	checkOthers(object);
	if (table.count === 0) refuseCallsByAddress(object, architecture);
	return { architecture, table, rows };
}

/** What is wrong with relocations that are only copied is to be said before anything is written. */
function checkOthers({ sections }: ElfObject): void {
	for (const section of sections) {
		if (isCode(section) || section.relocations === undefined) continue;
		for (const _ of relocationPieces(section.relocations));
	}
}

/** The rows that are sites, checked. */
function sitesOf(object: ElfObject, architecture: Architecture, table: BranchTable): Uint32Array {
	const rows = new Uint32Array(table.count);
	let count = 0;
	for (let i = 0; i < table.count; i++) if (isSite(object, architecture, table, i)) rows[count++] = i;
	return rows.subarray(0, count);
}

function isSite(object: ElfObject, architecture: Architecture, table: BranchTable, i: number): boolean {
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

/** Per symbol that is called, a trampoline, the symbol of its key. */
function keysOf(object: ElfObject, table: BranchTable, rows: Uint32Array, module: boolean): Uint32Array {
	const { symbols } = object;
	const byName = new Map<string, number>();
	const flags = wantedSymbols(object, { prefix: KEY_PREFIX });
	for (let i = 1; i < symbols.count; i++) if (flags[i] === 1) byName.set(symbolName(symbols, i), i);
	const keys = new Uint32Array(symbols.count);
	for (let row = 0; row < rows.length; row++) {
		const i = rows[row]!;
		const trampoline = calleeOf(table, i).symbol;
		if (keys[trampoline] !== 0) continue;
		const where = place(object, table.section[i]!, table.offset[i]!);
		const name = symbolName(symbols, trampoline);
		const keyName = keyNameOf(name, where);
		const key = byName.get(keyName) ?? (module ? trampoline : undefined);
		if (key === undefined)
			throw new LinkError(
				`${where}: calls '${name}', but nothing here names its key '${keyName}'${suggestion(keyName, byName.keys())}; call it with static_call(), or say --module if only the trampoline is exported`,
			);
		keys[trampoline] = key;
	}
	return keys;
}

/** The key of a trampoline. @param where the call that is to be named if the trampoline has no proper name */
export function keyNameOf(trampoline: string, where: string): string {
	if (trampoline === TRAMPOLINE_PREFIX)
		throw new LinkError(`${where}: trampoline name '${trampoline}' is malformed: no key name follows`);
	return KEY_PREFIX + trampoline.slice(TRAMPOLINE_PREFIX.length);
}

function withAnchors(object: ElfObject, { isRelaxed }: Architecture, table: BranchTable, rows: Uint32Array) {
	if (!isRelaxed) {
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
