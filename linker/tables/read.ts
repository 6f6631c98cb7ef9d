// Reads the tables that `formats.ts` knows: in a relocatable file by section and relocations, in a linked one between the
// symbols that its linker script put around a table, from the bytes alone.

import {
	type ElfObject,
	EM_AARCH64,
	EM_RISCV,
	EM_X86_64,
	ET_DYN,
	ET_REL,
	originOf,
	R_NONE,
	type Section,
	SHF_ALLOC,
	SHN_LORESERVE,
	SHN_UNDEF,
	SHT_NOBITS,
	SHT_RELA,
	STT_SECTION,
} from "../elf/object.ts";
import {
	functionAt,
	functionBehind,
	hasPrefix,
	indexFunctions,
	indexNames,
	isCode,
	symbolName,
} from "../elf/symbols.ts";
import { RELA_SIZE } from "../elf/tables.ts";
import { exactWord64, viewOf } from "../elf/words.ts";
import { LinkError } from "../errors.ts";
import { place } from "../sites/place.ts";
import { type FieldName, type TableField, type TableFormat, type TableShape, tableFormats } from "./formats.ts";

/** What a field holds: a symbol and an offset behind it, or a bare address or number; bits of flags removed. */
export interface Address {
	readonly name: FieldName;
	/** A symbol of the object; 0 where there is only a number. */
	readonly symbol: number;
	/** In a relocatable file relative to the symbol, else the address. */
	readonly value: number;
	readonly flags: number;
}

export interface PatchTable {
	readonly format: TableFormat;
	readonly shape: TableShape;
	/** The section that it is in, or is. */
	readonly section: string;
	readonly index: number;
	/** Offset of its first byte in the section's bytes. */
	readonly offset: number;
	/** Bytes, with filler. */
	readonly size: number;
	/** The numbers of the entries in the table, where filler between them was left out. */
	readonly numbers?: readonly number[];
	/** The fields of each entry, in the order of the shape. */
	readonly entries: readonly (readonly Address[])[];
}

/** The tables of a file, in the order of `formats` and, of a kind that it has several of, of its sections.
 * @param bySections whether symbols around tables count for nothing
 * @throws LinkError when a table does not consist of whole entries, or could be of more than one form */
export function readTables(
	object: ElfObject,
	formats: readonly TableFormat[] = tableFormats,
	bySections = false,
): PatchTable[] {
	const known = formats.filter(({ machines }) => machines === undefined || machines.includes(object.machine));
	const bounds = object.type === ET_REL || bySections ? new Map<string, number>() : boundsOf(object, known);
	return known.flatMap((format) =>
		(rangeBetween(object, format, bounds) ?? rangesNamed(object, format)).map((range) =>
			readTable(object, format, range),
		),
	);
}

/** The tables of calls and entries of functions, by their sections, which `sites` prints behind its lists. */
export function readSiteTables(object: ElfObject): PatchTable[] {
	return readTables(object, siteFormats, true);
}

const siteFormats = tableFormats.filter(({ isLong }) => isLong !== true);

/** Where a table is: bytes of a section. */
interface Range {
	readonly index: number;
	readonly start: number;
	readonly end: number;
}

/** The addresses of all symbols that may be around a table. */
function boundsOf(object: ElfObject, formats: readonly TableFormat[]): Map<string, number> {
	const { symbols } = object;
	const names = new Set(formats.flatMap(({ bounds }) => bounds.flat()));
	const found = new Map<string, number>();
	for (let i = 1; i < symbols.count; i++) {
		if (!hasPrefix(symbols, i, underscores)) continue;
		const name = symbolName(symbols, i);
		if (names.has(name)) found.set(name, symbols.value[i]!);
	}
	return found;
}

const underscores = new TextEncoder().encode("__");

/** Undefined where there are no such symbols. */
function rangeBetween(
	object: ElfObject,
	format: TableFormat,
	bounds: ReadonlyMap<string, number>,
): Range[] | undefined {
	for (const [first, last] of format.bounds) {
		const [start, end] = [bounds.get(first), bounds.get(last)];
		if (start === undefined || end === undefined) continue;
		if (start === end) return [];
		const index = sectionAt(object, start);
		const section = object.sections[index]!;
		if (index === 0 || end < start || end > section.address + section.data.length)
			throw new LinkError(`${object.name}: what lies between ${first} and ${last} is not in one section with bytes`);
		return [{ index, start: start - section.address, end: end - section.address }];
	}
	return undefined;
}

function rangesNamed({ sections }: ElfObject, { sections: names, family }: TableFormat): Range[] {
	return sections.flatMap(({ name, type, data }, index) =>
		(names.includes(name) || (family !== undefined && name.startsWith(family))) && type !== SHT_NOBITS
			? [{ index, start: 0, end: data.length }]
			: [],
	);
}

function readTable(object: ElfObject, format: TableFormat, range: Range): PatchTable {
	const section = object.sections[range.index]!;
	const fields = relocatedFields(object, section, range);
	const shape = shapeOf(object, format, range, fields);
	const all = entriesAs(object, shape, range, fields);
	const { index, start: offset, end } = range;
	const table = { format, shape, section: section.name, index, offset, size: end - offset };
	if (!format.isPadded || object.type === ET_REL) return { ...table, entries: all };
	const numbers = Array.from(all.keys()).filter((i) => isFilled(object, range, shape, i, all[i]![0]!));
	return { ...table, numbers, entries: numbers.map((i) => all[i]!) };
}

/** Whether an entry is none of zeros. Where a loader fills fields in, zeros are what it finds.
 * @param code the first field of entry `i` */
function isFilled(object: ElfObject, { index, start }: Range, shape: TableShape, i: number, code: Address): boolean {
	const [{ size, is }] = shape.fields as readonly [TableField];
	if (is === "absolute" && object.type === ET_DYN) return code.value !== 0;
	const at = start + i * shape.entry;
	return object.sections[index]!.data.subarray(at, at + size).some((byte) => byte !== 0);
}

/** By the offset of a field in the section: the index of its relocation. */
type RelocatedFields = ReadonlyMap<number, number>;

function relocatedFields(object: ElfObject, section: Section, { start, end }: Range): RelocatedFields {
	const { relocations } = section;
	const byOffset = new Map<number, number>();
	const origin = originOf(object, section);
	for (let i = 0; i < (relocations?.count ?? 0); i++) {
		const at = relocations!.offset[i]! - origin;
		// Where two apply to one place, the first adds what the field points at, the second subtracts the place.
		if (at >= start && at < end && relocations!.type[i] !== R_NONE && !byOffset.has(at)) byOffset.set(at, i);
	}
	return byOffset;
}

/** The only shape, or of several the one that makes sense of every entry. */
function shapeOf(object: ElfObject, format: TableFormat, range: Range, fields: RelocatedFields): TableShape {
	const { shapes } = format;
	const where = `${object.name}:(${object.sections[range.index]!.name} [${range.index}])`;
	const size = range.end - range.start;
	const whole = shapes.filter(({ entry }) => size % entry === 0);
	const sizes = shapes.map(({ entry }) => entry).join(" or ");
	if (whole.length === 0) throw new LinkError(`${where}: ${size} bytes are not whole entries of ${sizes}`);
	if (shapes.length === 1 || size === 0) return whole[0]!;
	const fitting = whole.filter((shape) => fits(object, shape, range, fields));
	if (fitting.length === 1) return fitting[0]!;
	throw new LinkError(
		`${where}: entries of ${format.name} have ${sizes} bytes, and ${fitting.length === 0 ? "none of these makes" : "more than one of these makes"} sense of them`,
	);
}

/** Whether the first field of each entry is a place in code, and relocations fill fields of entries alone. */
function fits(object: ElfObject, shape: TableShape, range: Range, fields: RelocatedFields): boolean {
	const isAddress = new Set(shape.fields.filter(({ is }) => is !== "number").map(({ at }) => at));
	for (const at of fields.keys()) if (!isAddress.has((at - range.start) % shape.entry)) return false;
	return entriesAs(object, shape, range, fields).every(([code]) => {
		const { section } = pointedAt(object, code!);
		return section !== 0 && isCode(object.sections[section]!);
	});
}

function entriesAs(object: ElfObject, shape: TableShape, range: Range, fields: RelocatedFields): Address[][] {
	const section = object.sections[range.index]!;
	const count = (range.end - range.start) / shape.entry;
	return Array.from({ length: count }, (_, entry) =>
		shape.fields.map((field) =>
			readField(object, section, range.start + entry * shape.entry + field.at, field, fields),
		),
	);
}

function readField(
	object: ElfObject,
	section: Section,
	at: number,
	field: TableField,
	fields: RelocatedFields,
): Address {
	const { name } = field;
	const mask = field.flags ?? 0;
	const relocation = fields.get(at);
	const of = (value: number): Address => ({ name, symbol: 0, value: value - (value & mask), flags: value & mask });
	if (object.type === ET_REL && relocation !== undefined) {
		const addend = section.relocations!.addend[relocation]!;
		const symbol = section.relocations!.symbol[relocation]!;
		return { name, symbol, value: addend - (addend & mask), flags: addend & mask };
	}
	const stored = storedAt(object, section, at, field);
	if (field.is === "number") return { name, symbol: 0, value: stored, flags: 0 };
	if (field.is === "relative") return of(stored + originOf(object, section) + at);
	if (stored !== 0 || object.type === ET_REL) return of(stored);
	return of(loadedAddress(object, section, at, relocation));
}

function storedAt(object: ElfObject, section: Section, at: number, { size, is }: TableField): number {
	const view = viewOf(section.data);
	if (size === 1) return view.getUint8(at);
	if (size === 2) return view.getUint16(at, true);
	if (size === 4) return is === "number" ? view.getUint32(at, true) : view.getInt32(at, true);
	const stored = exactWord64(view, at);
	if (stored === undefined)
		throw new LinkError(`${place(object, object.sections.indexOf(section), at)}: address is not within ±2^53`);
	return stored;
}

/** What a field of zeros holds once the file is loaded: a relocation for the linker or the loader says it. */
function loadedAddress(object: ElfObject, section: Section, at: number, relocation: number | undefined): number {
	if (relocation !== undefined) {
		const symbol = section.relocations!.symbol[relocation]!;
		return object.symbols.value[symbol]! + section.relocations!.addend[relocation]!;
	}
	return object.type === ET_DYN ? (loaderFields(object).get(section.address + at) ?? 0) : 0;
}

const loaderFieldsOf = new WeakMap<ElfObject, Map<number, number>>();
/** R_X86_64_RELATIVE, R_AARCH64_RELATIVE, R_RISCV_RELATIVE. */
const relativeTypes: ReadonlyMap<number, number> = new Map([
	[EM_X86_64, 8],
	[EM_AARCH64, 1027],
	[EM_RISCV, 3],
]);

/** By address what the dynamic loader puts there, relative to where it loads the file. */
function loaderFields(object: ElfObject): ReadonlyMap<number, number> {
	const known = loaderFieldsOf.get(object);
	if (known !== undefined) return known;
	const fields = new Map<number, number>();
	const relative = relativeTypes.get(object.machine);
	for (const { type, flags, data } of object.sections) {
		if (type !== SHT_RELA || (flags & SHF_ALLOC) === 0) continue;
		const view = viewOf(data);
		for (let at = 0; at + RELA_SIZE <= data.length; at += RELA_SIZE)
			if (view.getUint32(at + 8, true) === relative)
				fields.set(exactWord64(view, at) ?? 0, exactWord64(view, at + 16) ?? 0);
	}
	loaderFieldsOf.set(object, fields);
	return fields;
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

export function pointedAt(
	object: ElfObject,
	{ symbol, value: distance }: Pick<Address, "symbol" | "value">,
): PointedAt {
	const { symbols } = object;
	const value = (symbol === 0 ? 0 : symbols.value[symbol]!) + distance;
	const home = symbol === 0 ? sectionAt(object, value) : symbols.section[symbol]!;
	if (home === SHN_UNDEF || home >= SHN_LORESERVE) return { section: 0, symbol, value };
	const isOwn = symbol !== 0 && (symbols.info[symbol]! & 15) !== STT_SECTION && distance === 0;
	return isOwn ? { section: home, symbol, value } : coveredAt(object, home, value);
}

/** A place of a section, with what has a name there. @param value as symbols count */
export function coveredAt(object: ElfObject, section: number, value: number): PointedAt {
	const functions = indexFunctions(object);
	const found = functionAt(functions, section, value) ?? functionAt(indexNames(object), section, value);
	const covering = unlessBound(object, found);
	const behind = isCode(object.sections[section]!) ? functionBehind(functions, section, value) : undefined;
	return { section, symbol: covering ?? behind ?? 0, value };
}

const betterNames = new WeakMap<ElfObject, Map<number, number>>();

/** What a symbol names unless it only says where something starts or ends, as linker scripts' do: then another one of the same
 * place, if there is one. */
function unlessBound(object: ElfObject, symbol: number | undefined): number | undefined {
	const { symbols } = object;
	if (symbol === undefined || !isBound(symbolName(symbols, symbol))) return symbol;
	const known = betterNames.get(object) ?? new Map<number, number>();
	betterNames.set(object, known);
	const better = known.get(symbol) ?? anotherName(object, symbol);
	known.set(symbol, better);
	return better;
}

const isBound = (name: string): boolean => /^_*(start|stop)_|_(start|end|begin)$/.test(name);

function anotherName({ symbols }: ElfObject, bound: number): number {
	for (let i = 1; i < symbols.count; i++) {
		const isThere = symbols.value[i] === symbols.value[bound] && symbols.section[i] === symbols.section[bound];
		if (isThere && (symbols.info[i]! & 15) !== STT_SECTION && !isBound(symbolName(symbols, i))) return i;
	}
	return bound;
}

/** The loaded section at an address; 0 in a relocatable file, where a bare number is no place. */
function sectionAt({ type, sections }: ElfObject, value: number): number {
	if (type === ET_REL) return 0;
	const at = sections.findIndex(
		({ address, size, flags }) => (flags & SHF_ALLOC) !== 0 && value >= address && value < address + size,
	);
	return Math.max(0, at);
}
