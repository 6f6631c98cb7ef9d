// The call sites of real objects as text and JSON lines: grouped by what they call, with where each is, its bytes, and
// what stands in the way of replacing them under a running processor. Made for millions of lines.

import {
	type ElfObject,
	ET_REL,
	filePath,
	type LineTable,
	readLineTable,
	rowAt,
	SHN_UNDEF,
	symbolName,
} from "../linker/elf/index.ts";
import { LinkError } from "../linker/errors.ts";
import { type Architecture, branchKinds } from "../linker/sites/arch/index.ts";
import {
	type BranchTable,
	branchLength,
	branchOffset,
	branchTable,
	placeName,
	requireArchitecture,
	requireRelocations,
	type Wanted,
	wantedSymbols,
} from "../linker/sites/branches.ts";
import { isInit } from "../linker/sites/call-sites.ts";
import { crossings, knownCrossings, lineSizes } from "../linker/sites/crossings.ts";
import { holders } from "../linker/sites/holders.ts";
import { type Intruder, jumpedInto, type Span } from "../linker/sites/jumped-into.ts";
import { unrelocatedBranches } from "../linker/sites/unrelocated.ts";
import {
	endCell,
	fixed,
	flush,
	isFull,
	type LineBytes,
	newLineBytes,
	putByteList,
	putBytes,
	putDecimal,
	putHex,
	putName,
	putText,
} from "./line-bytes.ts";
import type { Terminal } from "./terminal.ts";

/** What is known of the branches of one object. */
export interface BranchList {
	readonly object: ElfObject;
	readonly architecture: Architecture;
	readonly table: BranchTable;
	/** Per row the symbol of the function it is in. */
	readonly holder: Uint32Array;
	readonly lines: LineTable | undefined;
	/** Per section with rows: what goes into the middle of some of them. */
	readonly intruders: ReadonlyMap<number, ReadonlyMap<number, Intruder>>;
	/** By section. */
	readonly sections: readonly ListedSection[];
}

interface ListedSection {
	readonly name: Uint8Array;
	/** The name as a JSON string. */
	readonly json: Uint8Array;
	/** Which crossings are certain. */
	readonly known: number;
	readonly isInit: boolean;
}

/** @param wanted undefined for all @param note gets what could not be read */
export function listBranches(object: ElfObject, wanted: Wanted | undefined, note: (text: string) => void): BranchList {
	const architecture = requireArchitecture(object);
	requireRelocations(object);
	const flags = wanted && wantedSymbols(object, wanted);
	const table = branchTable(object, architecture, flags);
	if (wanted !== undefined && "names" in wanted) noteUnrelocated(object, architecture, flags!, table, note);
	return {
		object,
		architecture,
		table,
		holder: holders(object, table),
		lines: table.count === 0 ? undefined : linesOf(object, note),
		intruders: intrudersOf(object, architecture, table),
		sections: object.sections.map(({ name, align }) => ({
			name: fixed(name),
			json: fixed(JSON.stringify(name)),
			known: knownCrossings(object.type === ET_REL ? align : 4096),
			isInit: isInit({ name }),
		})),
	};
}

function noteUnrelocated(
	object: ElfObject,
	architecture: Architecture,
	flags: Uint8Array,
	table: BranchTable,
	note: (text: string) => void,
): void {
	const { length } = unrelocatedBranches(object, architecture, flags, table);
	if (length === 0) return;
	const what = length === 1 ? "a call has no relocation" : `${length} calls have no relocation`;
	note(`${object.name}: ${what}, the assembler resolved it; compile with -ffunction-sections or -Wa,-mshared\n`);
}

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

function intrudersOf(object: ElfObject, architecture: Architecture, table: BranchTable): BranchList["intruders"] {
	const found = new Map<number, ReadonlyMap<number, Intruder>>();
	for (let first = 0; first < table.count; ) {
		const section = table.section[first]!;
		let end = first;
		while (end < table.count && table.section[end] === section) end++;
		const intruders = jumpedInto(object, section, architecture, spans(object, architecture, table, first, end));
		if (intruders.size > 0) found.set(section, intruders);
		first = end;
	}
	return found;
}

function* spans(
	object: ElfObject,
	architecture: Architecture,
	table: BranchTable,
	first: number,
	end: number,
): Generator<Span> {
	for (let i = first; i < end; i++)
		yield { offset: branchOffset(object, table, i), length: branchLength(architecture, table, i) };
}

/** Rows that call the same. */
interface Group {
	readonly name: string;
	count: number;
	/** Their lines. */
	readonly out: LineBytes;
}

/** Finds the group of a row, or makes it. */
function grouping({ object, table }: BranchList): { groups: Group[]; groupOf: (row: number) => Group } {
	const groups: Group[] = [];
	/** By symbol, for calls of its first byte. */
	const plain: Group[] = [];
	const others = new Map<string, Group>();
	const make = (callee: number, beyond: number): Group => {
		const group = { name: placeName(object, callee, beyond), count: 0, out: newLineBytes(256) };
		groups.push(group);
		return group;
	};
	const groupOf = (row: number): Group => {
		const callee = table.callee[row]!;
		const beyond = table.beyond[row]!;
		if (beyond === 0) return (plain[callee] ??= make(callee, 0));
		const key = `${callee} ${beyond}`;
		const group = others.get(key) ?? make(callee, beyond);
		others.set(key, group);
		return group;
	};
	return { groups, groupOf };
}

/** The offset or address of the branch of a row, as the file counts. */
function valueAt({ object, table }: BranchList, i: number): number {
	return branchOffset(object, table, i) + object.sections[table.section[i]!]!.address;
}

/** Bytes that the callee could be further away in its direction; undefined where the distance is not known yet. */
function reachLeft(list: BranchList, i: number): number | undefined {
	const { object, architecture, table } = list;
	const form = architecture.forms[table.form[i]!];
	const target = object.symbols.section[table.callee[i]!]!;
	const isKnown = object.type === ET_REL ? target === table.section[i] : target !== SHN_UNDEF;
	if (form === undefined || !isKnown) return undefined;
	const distance = object.symbols.value[table.callee[i]!]! + table.beyond[i]! - valueAt(list, i) - form.base;
	return distance < 0 ? distance - form.min : form.max - distance;
}

const mebibyte = 2 ** 20;
const kindTexts = branchKinds.map(fixed);
const separator = fixed(", ");

/** The lines of the file, below its title. They are made in the order of the file, each behind those of its group: going
 * through the file once per group would take far longer. */
export async function writeText(list: BranchList, terminal: Terminal): Promise<void> {
	const { groups, groupOf } = grouping(list);
	const widths = columnWidths(list);
	for (let row = 0; row < list.table.count; row++) {
		const group = groupOf(row);
		group.count++;
		putRow(group.out, list, row, widths);
	}
	await terminal.write(headerText(list, widths));
	groups.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
	for (const { name, count, out } of groups) {
		await terminal.write(`${name}: ${count} ${count === 1 ? "call site" : "call sites"}\n`);
		await flush(out, terminal);
	}
}

interface Widths {
	readonly place: number;
	readonly kind: number;
	readonly bytes: number;
}

function columnWidths({ object, table, architecture }: BranchList): Widths {
	const { place, kinds } = used(object, table);
	const longest = Math.max(...branchKinds.map(({ length }, kind) => (kinds[kind] === 1 ? length : 4)));
	const isLong = architecture.align === 1 && kinds.lastIndexOf(1) > 1;
	return { place, kind: longest, bytes: architecture.align === 4 ? 11 : isLong ? 17 : 14 };
}

/** The longest place of a section with rows, and which kinds there are. */
function used(object: ElfObject, table: BranchTable): { place: number; kinds: Uint8Array } {
	const kinds = new Uint8Array(branchKinds.length);
	const sections = new Uint8Array(object.sections.length);
	for (let i = 0; i < table.count; i++) {
		kinds[table.kind[i]!] = 1;
		sections[table.section[i]!] = 1;
	}
	const lengths = object.sections.map(({ name, address, size }, index) => {
		const prefix = object.type === ET_REL ? name.length + 1 : 0;
		return sections[index] === 1 ? prefix + 2 + (address + size).toString(16).length : 0;
	});
	return { place: lengths.reduce((most, length) => Math.max(most, length), 5), kinds };
}

function headerText({ lines }: BranchList, { place, kind, bytes }: Widths): string {
	const cells = ["place".padEnd(place), "kind".padEnd(kind), "bytes".padEnd(bytes), "crosses".padEnd(CROSSES)];
	return `  ${[...cells, "in"].join("  ")}${lines === undefined ? "" : ", source"}\n`;
}

/** `8,16?,64?`: as wide as it gets but for pages. */
const CROSSES = 9;
/** By `bits << 4 | known`. */
const crossesCells = Array.from({ length: 256 }, (_, code) => {
	const sizes = lineSizes.flatMap((size, i) => {
		if ((code >> (4 + i)) % 2 === 0) return [];
		return [`${size === 4096 ? "page" : size}${(code >> i) % 2 === 1 ? "" : "?"}`];
	});
	return fixed(sizes.join(",").padEnd(CROSSES + 2));
});

function putRow(out: LineBytes, list: BranchList, i: number, { place, kind, bytes }: Widths): void {
	const { object, architecture, table } = list;
	const index = table.section[i]!;
	const section = object.sections[index]!;
	const offset = branchOffset(object, table, i);
	const length = branchLength(architecture, table, i);
	putBytes(out, indent);
	let start = out.at;
	if (object.type === ET_REL) {
		putBytes(out, list.sections[index]!.name);
		putBytes(out, plus);
	}
	putHex(out, offset + section.address);
	endCell(out, start, place);
	start = out.at;
	putBytes(out, kindTexts[table.kind[i]!]!);
	endCell(out, start, kind);
	start = out.at;
	putByteList(out, section.data, offset, length);
	endCell(out, start, bytes);
	putBytes(out, crossesCells[(crossings(offset + section.address, length) << 4) | list.sections[index]!.known]!);
	putHolder(out, list, i, offset + section.address);
	putRemarks(out, list, i, offset);
	putBytes(out, newline);
}

const indent = fixed("  ");
const newline = fixed("\n");

function putHolder(out: LineBytes, { object, holder }: BranchList, i: number, value: number): void {
	const { symbols } = object;
	const symbol = holder[i]!;
	if (symbol === 0) return;
	putName(out, symbols.strings, symbols.name[symbol]!);
	const within = value - symbols.value[symbol]!;
	if (within === 0) return;
	putBytes(out, plus);
	putHex(out, within);
}
const plus = fixed("+");

function putRemarks(out: LineBytes, list: BranchList, i: number, offset: number): void {
	const { object, table, lines, intruders } = list;
	const section = table.section[i]!;
	if (lines !== undefined) {
		const row = rowAt(lines, valueAt(list, i), object.type === ET_REL ? section : 0);
		if (row !== undefined && lines.line[row] !== 0) {
			putBytes(out, separator);
			putBytes(out, pathOf(lines, lines.file[row]!));
			putBytes(out, colon);
			putDecimal(out, lines.line[row]!);
		}
	}
	if (list.sections[section]!.isInit) putText(out, ", init text");
	const left = reachLeft(list, i);
	if (left !== undefined && left < 64 * mebibyte) putText(out, `, ${Math.floor(left / mebibyte)} MiB reach left`);
	const intruder = intruders.get(section)?.get(offset);
	if (intruder !== undefined) putText(out, `, jumped into from ${intruderText(intruder)}`);
}
const colon = fixed(":");

export function intruderText(intruder: Intruder): string {
	return typeof intruder === "number" ? `0x${intruder.toString(16)}` : intruder;
}

const paths = new WeakMap<LineTable, Map<number, Uint8Array>>();

function pathOf(lines: LineTable, file: number): Uint8Array {
	const known = paths.get(lines) ?? new Map<number, Uint8Array>();
	paths.set(lines, known);
	const path = known.get(file) ?? fixed(shortened(filePath(lines, file)));
	known.set(file, path);
	return path;
}

/** From here, where it lies below here. */
function shortened(path: string): string {
	const here = `${process.cwd()}/`;
	return path.startsWith(here) ? path.slice(here.length) : path;
}

/** A JSON object per row, in the order of the file. @param between comes before each but the first */
export async function writeJsonRows(
	list: BranchList,
	terminal: Terminal,
	before: (first: boolean) => string,
): Promise<void> {
	const out = newLineBytes();
	const head = fixed(`{"file":${JSON.stringify(list.object.name)},"section":`);
	const callees = new Map<number, Uint8Array>();
	const first = fixed(before(true));
	const next = fixed(before(false));
	for (let i = 0; i < list.table.count; i++) {
		putBytes(out, i === 0 ? first : next);
		putJson(out, list, i, head, callees);
		if (isFull(out)) await flush(out, terminal);
	}
	await flush(out, terminal);
}

const texts = {
	offset: fixed(',"offset":'),
	in: fixed(',"in":"'),
	within: fixed('","within":'),
	kind: fixed(',"kind":"'),
	bytes: fixed('","bytes":"'),
	crosses: fixed('","crosses":'),
	reach: fixed(',"reachLeft":'),
	init: fixed(',"init":'),
	source: fixed(',"source":'),
	inside: fixed(',"jumpedIntoFrom":'),
	null: fixed("null"),
	true: fixed("true"),
	false: fixed("false"),
};
const crossesJson = Array.from({ length: 256 }, (_, code) => {
	const sizes = lineSizes.filter((_, i) => (code >> (4 + i)) % 2 === 1);
	const certain = sizes.filter((size) => (code >> lineSizes.indexOf(size)) % 2 === 1);
	const maybe = sizes.filter((size) => !certain.includes(size));
	return fixed(`${JSON.stringify(certain)},"crossesIfAligned":${JSON.stringify(maybe)}`);
});

function putJson(
	out: LineBytes,
	list: BranchList,
	i: number,
	head: Uint8Array,
	callees: Map<number, Uint8Array>,
): void {
	const { object, architecture, table, holder } = list;
	const { symbols } = object;
	const index = table.section[i]!;
	const section = object.sections[index]!;
	const offset = branchOffset(object, table, i);
	const value = offset + section.address;
	const length = branchLength(architecture, table, i);
	putBytes(out, head);
	putBytes(out, list.sections[index]!.json);
	putBytes(out, texts.offset);
	putDecimal(out, value);
	putBytes(out, texts.in);
	putJsonName(out, object, holder[i]!);
	putBytes(out, texts.within);
	putDecimal(out, holder[i] === 0 ? 0 : value - symbols.value[holder[i]!]!);
	putBytes(out, calleeJson(list, i, callees));
	putBytes(out, texts.kind);
	putBytes(out, kindTexts[table.kind[i]!]!);
	putBytes(out, texts.bytes);
	putByteList(out, section.data, offset, length);
	putBytes(out, texts.crosses);
	putBytes(out, crossesJson[(crossings(value, length) << 4) | list.sections[index]!.known]!);
	putBytes(out, texts.reach);
	const left = reachLeft(list, i);
	if (left === undefined) putBytes(out, texts.null);
	else putDecimal(out, left);
	putBytes(out, texts.init);
	putBytes(out, list.sections[index]!.isInit ? texts.true : texts.false);
	putBytes(out, texts.source);
	putSource(out, list, i);
	putBytes(out, texts.inside);
	const intruder = list.intruders.get(index)?.get(offset);
	if (intruder === undefined) putBytes(out, texts.null);
	else putText(out, JSON.stringify(intruderText(intruder)));
	putBytes(out, closing);
}
const closing = fixed("}");

/** Names of almost all symbols need no escapes. */
function putJsonName(out: LineBytes, { symbols }: ElfObject, symbol: number): void {
	const { strings } = symbols;
	const start = symbols.name[symbol]!;
	for (let i = start; strings[i] !== 0; i++) {
		const byte = strings[i]!;
		if (byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c) continue;
		putText(out, JSON.stringify(symbolName(symbols, symbol)).slice(1, -1));
		return;
	}
	putName(out, strings, start);
}

function calleeJson({ object, table }: BranchList, i: number, known: Map<number, Uint8Array>): Uint8Array {
	const callee = table.callee[i]!;
	const beyond = table.beyond[i]!;
	const cached = beyond === 0 ? known.get(callee) : undefined;
	if (cached !== undefined) return cached;
	const text = fixed(`,"callee":${JSON.stringify(placeName(object, callee, beyond))}`);
	if (beyond === 0) known.set(callee, text);
	return text;
}

function putSource(out: LineBytes, list: BranchList, i: number): void {
	const { object, table, lines } = list;
	const row = lines && rowAt(lines, valueAt(list, i), object.type === ET_REL ? table.section[i]! : 0);
	if (lines === undefined || row === undefined || lines.line[row] === 0) {
		putBytes(out, texts.null);
		return;
	}
	const source = { file: filePath(lines, lines.file[row]!), line: lines.line[row]!, column: lines.column[row]! };
	putText(out, JSON.stringify(source));
}
