// The code of an object or an image as text, in the shape of `objdump -dr`: symbols, addresses, bytes, instructions,
// relocations under the instruction they belong to, and the source lines when they are at hand.

import {
	type ElfObject,
	ET_REL,
	type LineTable,
	lineAt,
	originOf,
	type Relocations,
	readLineTable,
	type Section,
	SHF_ALLOC,
	SHF_EXECINSTR,
	STT_FILE,
	STT_FUNC,
	STT_SECTION,
	symbolName,
	symbolType,
} from "../elf/index.ts";
import { printable } from "../errors.ts";
import { beyond } from "../hex.ts";
import { decode, disassemble, type Instruction, relocationTypes, type Symbolize } from "../isa/index.ts";
import { countBefore } from "../search.ts";
import { alternatives, operationCalls, type Spot } from "./load-tables.ts";
import { nameForMessage } from "./place.ts";

/** A symbol, by its offset in its section. */
interface Name {
	readonly offset: number;
	readonly name: string;
	readonly isFunction: boolean;
}

/** What the lines of one section need to know. */
interface Context {
	readonly object: ElfObject;
	readonly sources: Sources | undefined;
	/** Index of the section in the object. */
	readonly index: number;
	readonly section: Section;
	readonly names: readonly Name[];
	readonly symbolize: Symbolize;
	/** What the load tables say of places in the section, by offset. */
	readonly notes: ReadonlyMap<number, readonly string[]>;
	/** Indices of the section's relocations, by offset. */
	readonly order: readonly number[];
	/** The place in `order` of the next relocation to print. */
	nextRelocation: number;
	/** The source line printed last. */
	sourceLine: string | undefined;
	readonly lines: string[];
}

/** What a listing shows beside the code. */
export interface ListingOptions {
	/** Texts by file name, as the line table names them. */
	readonly sources?: ReadonlyMap<string, string>;
}

/** Which line code comes from, and the lines of each source. */
interface Sources {
	readonly table: LineTable;
	readonly texts: ReadonlyMap<string, readonly string[]>;
}

/** The code of an object or image as text, with a newline at its end.
 * @throws LinkError where its tables or line numbers contradict themselves */
export function listing(object: ElfObject, { sources }: ListingOptions = {}): string {
	const read = sources && { table: readLineTable(object), texts: splitLines(sources) };
	const names = namesBySection(object);
	const notes = notesBySection(object);
	const lines = [`${object.name}:     file format elf64-toy`];
	for (const [index, section] of object.sections.entries()) {
		if ((section.flags & SHF_EXECINSTR) === 0 || section.data.length === 0) continue;
		lines.push("", `Disassembly of section ${printable(section.name)}:`);
		listSection({
			object,
			sources: read,
			index,
			section,
			names: names.get(index) ?? [],
			symbolize: symbolizer(object, names, index),
			notes: notes.get(index) ?? new Map(),
			order: byOffset(section.relocations),
			nextRelocation: 0,
			sourceLine: undefined,
			lines,
		});
	}
	return `${lines.join("\n")}\n`;
}

function splitLines(sources: ReadonlyMap<string, string>): Map<string, string[]> {
	return new Map(Array.from(sources, ([file, text]) => [file, text.split(/\r?\n/)]));
}

/** Sorted by offset; of those at one offset, functions last. */
function namesBySection(object: ElfObject): Map<number, Name[]> {
	const { symbols } = object;
	const names = new Map<number, Name[]>();
	for (let i = 1; i < symbols.count; i++) {
		const section = object.sections[symbols.section[i]!];
		const kind = symbolType(symbols, i);
		const name = symbolName(symbols, i);
		if (section === undefined || name === "" || kind === STT_SECTION || kind === STT_FILE) continue;
		const offset = symbols.value[i]! - originOf(object, section);
		if (offset < 0 || offset > section.size) continue;
		const list = names.get(symbols.section[i]!) ?? [];
		names.set(symbols.section[i]!, list);
		list.push({ offset, name, isFunction: kind === STT_FUNC });
	}
	for (const list of names.values()) {
		list.sort((a, b) => a.offset - b.offset || Number(a.isFunction) - Number(b.isFunction));
	}
	return names;
}

/** Calls of operations and alternatives, in words. */
function notesBySection(object: ElfObject): Map<number, Map<number, string[]>> {
	const notes = new Map<number, Map<number, string[]>>();
	const note = ({ section, offset, done }: Spot & { readonly done: boolean }, text: string): void => {
		const inSection = notes.get(section) ?? new Map<number, string[]>();
		notes.set(section, inSection.set(offset, [...(inSection.get(offset) ?? []), done ? `${text}, settled` : text]));
	};
	for (const call of operationCalls(object))
		note(call, `operation ${call.operation}: ${call.bytes} bytes, clobbers ${call.clobbers}`);
	for (const each of alternatives(object))
		note(each, `alternative for ${each.wanted ? "" : "~"}${each.feature}: ${each.bytes} bytes`);
	return notes;
}

/** In a relocatable file an address means something only within its own section, `home`. */
function symbolizer(object: ElfObject, names: ReadonlyMap<number, readonly Name[]>, home: number): Symbolize {
	const isRelocatable = object.type === ET_REL;
	return (address) => {
		const within = ({ address: start, size, flags }: Section) =>
			(flags & SHF_ALLOC) !== 0 && address >= start && address < start + size;
		const index = isRelocatable ? home : object.sections.findIndex(within);
		const holder = object.sections[index];
		const offset = address - (holder === undefined ? 0 : originOf(object, holder));
		const list = names.get(index) ?? [];
		const found = list[countUpTo(list, offset) - 1];
		if (found === undefined || offset > object.sections[index]!.size) return undefined;
		return beyond(printable(found.name), offset - found.offset);
	};
}

/** How many names lie at `offset` or before. */
function countUpTo(names: readonly Name[], offset: number): number {
	return countBefore(names.length, (i) => names[i]!.offset <= offset);
}

function byOffset(relocations: Relocations | undefined): number[] {
	if (relocations === undefined) return [];
	return [...Array(relocations.count).keys()].sort((a, b) => relocations.offset[a]! - relocations.offset[b]!);
}

function listSection(context: Context): void {
	const { object, names, section, lines } = context;
	const starts = [...new Set([0, ...names.map(({ offset }) => offset)])].filter((start) => start < section.data.length);
	for (const [i, start] of starts.entries()) {
		lines.push("");
		for (let n = countUpTo(names, start - 1); names[n]?.offset === start; n++) {
			lines.push(`${hex(originOf(object, section) + start).padStart(16, "0")} <${printable(names[n]!.name)}>:`);
		}
		context.sourceLine = undefined;
		listRange(context, start, starts[i + 1] ?? section.data.length);
	}
}

/** Nothing is decoded across `end`, where the next symbol starts. */
function listRange(context: Context, start: number, end: number): void {
	const bytes = context.section.data.subarray(0, end);
	for (let at = start; at < end; ) {
		const zeros = zeroRun(bytes, at);
		if (zeros > MAX_ZEROS && !hasRelocation(context, at + zeros)) {
			context.lines.push("\t...");
			at += zeros;
		} else {
			const instruction = decode(bytes, at);
			const length = instruction?.length ?? 1;
			if (instruction !== undefined) listSource(context, at);
			for (const note of context.notes.get(at) ?? []) context.lines.push(`; ${printable(note)}`);
			listInstruction(context, instruction, at, length);
			at += length;
		}
	}
}

/** Longer runs of zeros, which are no instruction, are not worth a line per byte. */
const MAX_ZEROS = 8;

function zeroRun(bytes: Uint8Array, at: number): number {
	let end = at;
	while (bytes[end] === 0) end++;
	return end - at;
}

/** Whether the next relocation to print lies before `end`. */
function hasRelocation({ order, nextRelocation, section, object }: Context, end: number): boolean {
	const index = order[nextRelocation];
	return index !== undefined && relocationOffset(object, section, index) < end;
}

function relocationOffset(object: ElfObject, section: Section, index: number): number {
	return section.relocations!.offset[index]! - originOf(object, section);
}

/** The source line that the instruction comes from, where another starts. */
function listSource(context: Context, at: number): void {
	const { object, sources, section, index, lines } = context;
	if (sources === undefined) return;
	const isRelocatable = object.type === ET_REL;
	const position = lineAt(sources.table, originOf(object, section) + at, isRelocatable ? index : 0);
	const text = position && sources.texts.get(position.file)?.[position.line - 1];
	if (position === undefined || text === undefined) return;
	const line = printable(`; ${position.file}:${position.line}  ${text.trim()}`);
	if (line !== context.sourceLine) lines.push(line);
	context.sourceLine = line;
}

const ADDRESS_WIDTH = 8;
const BYTES_WIDTH = 6 * 3;

function listInstruction(context: Context, instruction: Instruction | undefined, at: number, length: number): void {
	const { object, section, symbolize } = context;
	const address = originOf(object, section) + at;
	const bytes = [...section.data.subarray(at, at + length)].map((byte) => hex(byte).padStart(2, "0")).join(" ");
	const isOpen = object.type === ET_REL && (hasRelocation(context, at + length) || instruction?.row.format === "abs");
	const text = instruction === undefined ? "(bad)" : disassemble(instruction, address, isOpen ? undefined : symbolize);
	context.lines.push(`${hex(address).padStart(ADDRESS_WIDTH)}:  ${bytes.padEnd(BYTES_WIDTH)} ${text}`);
	while (hasRelocation(context, at + length)) listRelocation(context, context.order[context.nextRelocation++]!);
}

function listRelocation({ object, section, lines }: Context, index: number): void {
	const { type, symbol, addend } = section.relocations!;
	const place = `${hex(originOf(object, section) + relocationOffset(object, section, index))}:`;
	const name = relocationTypes[type[index]!]?.name ?? `type ${type[index]}`;
	const target = symbol[index] === 0 ? "*ABS*" : printable(nameForMessage(object, symbol[index]!));
	const indent = " ".repeat(ADDRESS_WIDTH + 3 + BYTES_WIDTH);
	lines.push(`${indent}${place} ${name}  ${beyond(target, addend[index]!)}`);
}

function hex(value: number): string {
	return value.toString(16);
}
