// What a linked program says of itself that a link of more into it needs: its program headers, what its dynamic linker is
// told, and which words of it hold addresses of functions that are known when it runs.

import { inSegment, PT_LOAD, type SegmentHeader } from "../../elf/fields.ts";
import { readFileHeader } from "../../elf/headers.ts";
import {
	type ElfObject,
	ET_DYN,
	ET_REL,
	SHF_ALLOC,
	SHN_UNDEF,
	SHT_DYNSYM,
	SHT_RELA,
	type Symbols,
} from "../../elf/object.ts";
import { readElf } from "../../elf/reader.ts";
import { symbolName } from "../../elf/symbols.ts";
import { PROGRAM_HEADER_SIZE, readRelocations, readSymbols, SYMBOL_SIZE } from "../../elf/tables.ts";
import { exactWord64, viewOf } from "../../elf/words.ts";
import { LinkError } from "../../errors.ts";
import { hex } from "../../hex.ts";
import { baseName } from "../../sites/wanted.ts";
import type { LinkRules } from "./rules.ts";

export const PT_DYNAMIC = 2;
export const PT_PHDR = 6;
export const PT_GNU_EH_FRAME = 0x6474e550;

/** A program header and where in the file it is. */
export interface ProgramHeader extends SegmentHeader {
	readonly at: number;
}

/** An entry of the dynamic section. */
export interface DynamicEntry {
	/** Of its value, in the file. */
	readonly at: number;
	readonly value: number;
}

/** A linked program that is to get more. */
export interface Program {
	readonly object: ElfObject;
	readonly bytes: Uint8Array;
	readonly headers: readonly ProgramHeader[];
	/** What is loaded first, less its offset in the file: the loaders of programs find the table of program headers there. */
	readonly bias: number;
	/** Behind the last byte that is loaded. */
	readonly memoryEnd: number;
	/** Bytes of a page of memory, the largest that the program may meet. */
	readonly pageSize: number;
	/** Whether it may be loaded anywhere, so that addresses are known to the dynamic linker alone. */
	readonly isAnywhere: boolean;
	/** By tag; empty for a program without. */
	readonly dynamic: ReadonlyMap<number, DynamicEntry>;
	/** What it takes from shared objects, by name the index in the table for the dynamic linker. */
	readonly imports: ReadonlyMap<string, number>;
	/** Words that hold the addresses of imports when the program starts, by their names. Those that are filled at the first
	 * call are none: what fills them has to know which entry of the procedure linkage table was called. */
	readonly slots: ReadonlyMap<string, number>;
	/** Words with the address of a function that is chosen when the program starts, by the address of what chooses. */
	readonly chosen: ReadonlyMap<number, number>;
}

/** @throws LinkError for what is no program that a loader of user space maps */
export function readProgram(bytes: Uint8Array, name: string, rules: LinkRules): Program {
	const object = readElf(bytes, name);
	if (object.type === ET_REL)
		throw new LinkError(`${name}: is an object; link it with the other (ld -r), what is added to is a linked program`);
	const headers = readProgramHeaders(bytes, name);
	const loaded = headers.filter(({ type }) => type === PT_LOAD).sort((a, b) => a.address - b.address);
	const first = loaded[0];
	if (first === undefined) throw new LinkError(`${name}: has no segment that is loaded`);
	if (first.address < 0 || first.address < first.offset)
		throw new LinkError(
			`${name}: is loaded at an address that no loader of programs maps; a kernel cannot get a segment`,
		);
	const dynamicSymbols = readDynamicSymbols(object, bytes);
	const dynamic = readDynamic(bytes, headers);
	return {
		object,
		bytes,
		headers,
		bias: first.address - first.offset,
		memoryEnd: Math.max(...loaded.map(({ address, memorySize }) => address + memorySize)),
		pageSize: Math.max(4096, ...loaded.map(({ align }) => align)),
		isAnywhere: object.type === ET_DYN,
		dynamic,
		imports: importsOf(dynamicSymbols),
		...slotsOf(object, dynamicSymbols, rules, isBoundAtStart(dynamic)),
	};
}

function readProgramHeaders(bytes: Uint8Array, name: string): ProgramHeader[] {
	const { segmentsAt, segmentCount } = readFileHeader(bytes, name);
	const view = viewOf(bytes);
	return Array.from({ length: segmentCount }, (_, i) => {
		const at = segmentsAt + i * PROGRAM_HEADER_SIZE;
		const word = (field: number): number => {
			const value = exactWord64(view, at + field);
			if (value !== undefined) return value;
			throw new LinkError(`${name}: segment ${i}: a number at 0x${(at + field).toString(16)} is not within ±2^53`);
		};
		const [offset, fileSize] = [word(inSegment.offset), word(inSegment.fileSize)];
		if (offset < 0 || fileSize < 0 || (fileSize > 0 && offset + fileSize > bytes.length))
			throw new LinkError(`${name}: segment ${i}: ${fileSize} bytes at ${hex(offset)} are not all in the file`);
		return {
			at,
			type: view.getUint32(at + inSegment.type, true),
			flags: view.getUint32(at + inSegment.flags, true),
			offset,
			address: word(inSegment.address),
			fileSize,
			memorySize: word(inSegment.memorySize),
			align: word(inSegment.align),
		};
	});
}

function readDynamic(bytes: Uint8Array, headers: readonly ProgramHeader[]): Map<number, DynamicEntry> {
	const entries = new Map<number, DynamicEntry>();
	const segment = headers.find(({ type }) => type === PT_DYNAMIC);
	if (segment === undefined) return entries;
	const view = viewOf(bytes);
	const end = Math.min(bytes.length, segment.offset + segment.fileSize);
	for (let at = segment.offset; at + 16 <= end; at += 16) {
		const [tag, value] = [exactWord64(view, at), exactWord64(view, at + 8)];
		if (tag === 0) break;
		if (tag !== undefined && value !== undefined) entries.set(tag, { at: at + 8, value });
	}
	return entries;
}

const noSymbols = new Uint8Array(0);

function readDynamicSymbols(object: ElfObject, bytes: Uint8Array): Symbols | undefined {
	const table = object.sections.find(({ type }) => type === SHT_DYNSYM);
	if (table === undefined || table.data.length % SYMBOL_SIZE !== 0) return undefined;
	return readSymbols({
		place: `${object.name}:(${table.name})`,
		bytes: bytes.subarray(table.fileOffset, table.fileOffset + table.size),
		strings: object.sections[table.link]?.data ?? noSymbols,
		extended: undefined,
		sectionCount: object.sections.length,
	});
}

function importsOf(symbols: Symbols | undefined): Map<string, number> {
	const imports = new Map<string, number>();
	for (let i = 1; i < (symbols?.count ?? 0); i++)
		if (symbols!.section[i] === SHN_UNDEF) imports.set(baseName(symbolName(symbols!, i)), i);
	return imports;
}

/** Whether all words are filled before the program starts (-z now). */
function isBoundAtStart(dynamic: ReadonlyMap<number, DynamicEntry>): boolean {
	const has = (tag: number, bit: number): boolean => ((dynamic.get(tag)?.value ?? 0) & bit) !== 0;
	return dynamic.has(DT_BIND_NOW) || has(DT_FLAGS, DF_BIND_NOW) || has(DT_FLAGS_1, DF_1_NOW);
}
const DT_BIND_NOW = 24;
const DT_FLAGS = 30;
const DF_BIND_NOW = 8;
const DT_FLAGS_1 = 0x6ffffffb;
const DF_1_NOW = 1;

function slotsOf(object: ElfObject, symbols: Symbols | undefined, { dynamic }: LinkRules, boundAtStart: boolean) {
	const slots = new Map<string, number>();
	const chosen = new Map<number, number>();
	for (const { type, flags, data, name } of object.sections) {
		if (type !== SHT_RELA || (flags & SHF_ALLOC) === 0) continue;
		const place = `${object.name}:(${name})`;
		const symbolCount = symbols?.count ?? 1;
		const entries = readRelocations({ ...anyOffset, place, bytes: data, implicitAddends: false, symbolCount });
		for (let i = 0; i < entries.count; i++) {
			const [offset, kind, symbol] = [entries.offset[i]!, entries.type[i]!, entries.symbol[i]!];
			if (kind === dynamic.chosen) chosen.set(entries.addend[i]!, offset);
			if (symbol === 0 || entries.addend[i] !== 0) continue;
			if (kind === dynamic.slot || (boundAtStart && kind === dynamic.jumpSlot))
				slots.set(symbolName(symbols!, symbol), offset);
		}
	}
	return { slots, chosen };
}

const anyOffset = { min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY };
