// Tables of code addresses that compilers and the kernel's tools put into objects: which functions can be patched at
// their entry, and which instructions a key switches. Read by relocation where there is one, else from the bytes.

import {
	type ElfObject,
	ET_REL,
	originOf,
	type Section,
	SHF_ALLOC,
	SHN_LORESERVE,
	SHN_UNDEF,
	STT_SECTION,
} from "../elf/object.ts";
import { functionAt, functionBehind, indexFunctions, indexNames, isCode } from "../elf/symbols.ts";
import { exactWord64, viewOf } from "../elf/words.ts";
import { LinkError } from "../errors.ts";
import {
	ENTRIES_SECTION,
	FLAGS,
	LABELS_SECTION,
	SITES_SECTION,
	USER_FLAGS,
	USER_SITES_SECTION,
} from "../format/static-calls.ts";
import type { RealArchitecture } from "./arch/index.ts";

/** A field of an entry that is an address. */
interface AddressField {
	readonly name: "code" | "target" | "key" | "function";
	readonly at: number;
	readonly size: 4 | 8;
	/** Counts from the field itself. */
	readonly relative: boolean;
	/** Low bits that are no part of the address. */
	readonly flags?: number;
}

interface TableShape {
	readonly section: string;
	readonly entry: number;
	readonly fields: readonly AddressField[];
}

const absolute: AddressField = { name: "code", at: 0, size: 8, relative: false };

export const tableShapes: readonly TableShape[] = [
	{
		section: SITES_SECTION,
		entry: 8,
		fields: [
			{ name: "code", at: 0, size: 4, relative: true },
			{ name: "key", at: 4, size: 4, relative: true, flags: FLAGS },
		],
	},
	{
		section: USER_SITES_SECTION,
		entry: 8,
		fields: [
			{ name: "code", at: 0, size: 4, relative: true },
			{ name: "key", at: 4, size: 4, relative: true, flags: USER_FLAGS },
		],
	},
	{
		section: LABELS_SECTION,
		entry: 16,
		fields: [
			{ name: "code", at: 0, size: 4, relative: true },
			{ name: "target", at: 4, size: 4, relative: true },
			{ name: "key", at: 8, size: 8, relative: true, flags: FLAGS },
		],
	},
	{ section: "__mcount_loc", entry: 8, fields: [absolute] },
	{ section: ENTRIES_SECTION, entry: 8, fields: [absolute] },
	{
		section: "xray_instr_map",
		entry: 32,
		fields: [
			{ name: "code", at: 0, size: 8, relative: true },
			{ name: "function", at: 8, size: 8, relative: true },
		],
	},
];

/** Where a field points: a symbol and an offset behind it, or a bare address; 0 bits of flags removed. */
export interface Address {
	readonly name: AddressField["name"];
	/** A symbol of the object; 0 where there is only an address. */
	readonly symbol: number;
	/** In a relocatable file relative to the symbol, else the address. */
	readonly value: number;
	readonly flags: number;
}

export interface KnownTable {
	readonly section: string;
	readonly index: number;
	readonly entries: readonly (readonly Address[])[];
}

/** The tables of an object, in the order of its sections.
 * @throws LinkError when one does not consist of whole entries */
export function knownTables(object: ElfObject, architecture: RealArchitecture): KnownTable[] {
	return object.sections.flatMap((section, index) => {
		const shape = tableShapes.find(({ section: name }) => name === section.name);
		return shape === undefined ? [] : [readTable(object, section, index, shape, architecture)];
	});
}

function readTable(
	object: ElfObject,
	section: Section,
	index: number,
	shape: TableShape,
	architecture: RealArchitecture,
): KnownTable {
	const { data, relocations } = section;
	if (data.length % shape.entry !== 0)
		throw new LinkError(
			`${object.name}:(${section.name} [${index}]): ${data.length} bytes are not whole entries of ${shape.entry}`,
		);
	const byOffset = new Map<number, number>();
	for (let i = 0; i < (relocations?.count ?? 0); i++) {
		const at = relocations!.offset[i]! - originOf(object, section);
		// Of two at one place, the first adds what the field points at, the second subtracts the place.
		if (relocations!.type[i] !== architecture.relocation.none && !byOffset.has(at)) byOffset.set(at, i);
	}
	const entries = Array.from({ length: data.length / shape.entry }, (_, entry) =>
		shape.fields.map((field) => readField(object, section, entry * shape.entry + field.at, field, byOffset)),
	);
	return { section: section.name, index, entries };
}

function readField(
	object: ElfObject,
	section: Section,
	at: number,
	field: AddressField,
	byOffset: ReadonlyMap<number, number>,
): Address {
	const { symbols, type } = object;
	const { name } = field;
	const mask = field.flags ?? 0;
	const relocation = byOffset.get(at);
	if (relocation !== undefined) {
		const symbol = section.relocations!.symbol[relocation]!;
		const addend = section.relocations!.addend[relocation]!;
		const isPlaced = symbols.section[symbol] !== SHN_UNDEF && symbols.section[symbol]! < SHN_LORESERVE;
		if (type === ET_REL || !isPlaced) return { name, symbol, value: addend - (addend & mask), flags: addend & mask };
		const value = symbols.value[symbol]! + addend;
		return { name, symbol: 0, value: value - (value & mask), flags: value & mask };
	}
	const view = viewOf(section.data);
	const stored = field.size === 4 ? view.getInt32(at, true) : (exactWord64(view, at) ?? 0);
	const value = stored + (field.relative ? originOf(object, section) + at : 0);
	return { name, symbol: 0, value: value - (value & mask), flags: value & mask };
}

/** What an address of a table points at. */
export interface PointedAt {
	/** Index; 0 where no section is. */
	readonly section: number;
	/** What covers the place, or for code in front of all that covers it what begins behind: `-fpatchable-function-entry=5,2`
	 * puts NOPs before a function. 0 where nothing has a name. */
	readonly symbol: number;
	/** As symbols count. */
	readonly value: number;
}

export function pointedAt(object: ElfObject, { symbol, value: distance }: Address): PointedAt {
	const { symbols } = object;
	const value = (symbol === 0 ? 0 : symbols.value[symbol]!) + distance;
	const home = symbol === 0 ? sectionAt(object, value) : symbols.section[symbol]!;
	if (home === SHN_UNDEF || home >= SHN_LORESERVE) return { section: 0, symbol, value };
	const functions = indexFunctions(object);
	const covering = functionAt(functions, home, value) ?? functionAt(indexNames(object), home, value);
	const isOwn = symbol !== 0 && (symbols.info[symbol]! & 15) !== STT_SECTION && distance === 0;
	const behind = isCode(object.sections[home]!) ? functionBehind(functions, home, value) : undefined;
	return { section: home, symbol: isOwn ? symbol : (covering ?? behind ?? 0), value };
}

/** The loaded section at an address; 0 in a relocatable file, where a bare number is no place. */
function sectionAt({ type, sections }: ElfObject, value: number): number {
	if (type === ET_REL) return 0;
	const at = sections.findIndex(
		({ address, size, flags }) => (flags & SHF_ALLOC) !== 0 && value >= address && value < address + size,
	);
	return Math.max(0, at);
}
