// How a changed file remembers what it was: a section at its end that no linker keeps, with the file's old header and
// the bytes that were where something was changed. Undoing gives the old file, byte for byte. Retargeting leaves such a
// record, and what adds objects to a program (with/) another.

import { type Addition, type AppendedSection, appendToFile, undefinedSymbol } from "../elf/append.ts";
import { readFileHeader, readSectionHeaders } from "../elf/headers.ts";
import { SHT_PROGBITS } from "../elf/object.ts";
import { type ElfFile, readSectionNames } from "../elf/raw-file.ts";
import { FILE_HEADER_SIZE } from "../elf/tables.ts";
import { exactWord64, putWord64, viewOf } from "../elf/words.ts";
import { LinkError } from "../errors.ts";

/** The section that a retargeted file remembers by. */
export const RECORD_SECTION = ".patchbay.retarget";
/** Linkers leave such a section out. */
const SHF_EXCLUDE = 0x80000000;
/** "PBR1" */
const MAGIC = 0x31524250;
const FIXED_SIZE = 16 + FILE_HEADER_SIZE;

/** A replacement of bytes at an offset of the file. */
export interface Edit {
	readonly offset: number;
	readonly before: Uint8Array;
	readonly after: Uint8Array;
}

/** All that differs between a file and what it was. */
export interface RetargetRecord {
	readonly edits: readonly Edit[];
	/** Undefined symbols that were added. */
	readonly symbols: readonly string[];
}

/** The edited file with its record. @param original a file without one */
export function applyRecord(original: Uint8Array, name: string, record: RetargetRecord): Uint8Array {
	if (record.edits.length === 0) return original;
	const edited = original.slice();
	for (const { offset, after } of record.edits) edited.set(after, offset);
	const addition: Addition = {
		sections: [recordSection(original, RECORD_SECTION, record)],
		symbols: record.symbols.map(undefinedSymbol),
	};
	return appendToFile(edited, name, addition);
}

/** The section that remembers what a file was.
 * @param section its name @param original the file without what `record` says and without what was put behind its end */
export function recordSection(original: Uint8Array, section: string, record: RetargetRecord): AppendedSection {
	return { name: section, type: SHT_PROGBITS, flags: SHF_EXCLUDE, data: encodeRecord(original, record) };
}

/** The file as it was before it was retargeted, and how it was; the file itself with no edits if it never was.
 * @throws LinkError when something else changed it since */
export function undoRecord(bytes: Uint8Array, name: string): { original: Uint8Array; record: RetargetRecord } {
	return undoSection(bytes, name, RECORD_SECTION) ?? { original: bytes, record: { edits: [], symbols: [] } };
}

/** The same for the last record of another name; undefined if there is none. @throws LinkError as `undoRecord` does */
export function undoSection(
	bytes: Uint8Array,
	name: string,
	section: string,
): { original: Uint8Array; record: RetargetRecord } | undefined {
	const data = recordOf(bytes, name, section);
	if (data === undefined) return undefined;
	const fail = (what: string): never => {
		throw new LinkError(
			`${name}:(${section}): another tool changed the file after it was retargeted: ${what}; start from the file as it was compiled or linked`,
		);
	};
	const { length, header, ...record } = decodeRecord(data, `${name}:(${section})`);
	const headersAt = exactWord64(viewOf(bytes), 40) ?? 0;
	if (length > bytes.length || headersAt < length) fail("its sections have moved");
	const original = bytes.slice(0, length);
	original.set(header);
	for (const { offset, before, after } of record.edits) {
		if (offset + after.length > length || after.some((byte, i) => original[offset + i] !== byte))
			fail(`the bytes at 0x${offset.toString(16)} are not what was written there`);
		original.set(before, offset);
	}
	return { original, record };
}

function recordOf(bytes: Uint8Array, name: string, section: string): Uint8Array | undefined {
	const header = readFileHeader(bytes, name);
	const raw = readSectionHeaders(bytes, name, header);
	const file: ElfFile = { name, bytes, header, raw, sectionNames: readSectionNames(bytes, name, header, raw) };
	const index = file.sectionNames.lastIndexOf(section);
	if (index < 0) return undefined;
	const { offset, size } = raw[index]!;
	return bytes.subarray(offset, offset + size);
}

function encodeRecord(original: Uint8Array, { edits, symbols }: RetargetRecord): Uint8Array {
	const names = new TextEncoder().encode(symbols.map((symbol) => `${symbol}\0`).join(""));
	const size = edits.reduce((sum, { before }) => sum + 12 + 2 * before.length, FIXED_SIZE + 8 + names.length);
	const data = new Uint8Array(size);
	const view = viewOf(data);
	view.setUint32(0, MAGIC, true);
	view.setUint32(4, edits.length, true);
	putWord64(view, 8, original.length);
	data.set(original.subarray(0, FILE_HEADER_SIZE), 16);
	view.setUint32(FIXED_SIZE, names.length, true);
	data.set(names, FIXED_SIZE + 8);
	let at = FIXED_SIZE + 8 + names.length;
	for (const { offset, before, after } of edits) {
		putWord64(view, at, offset);
		view.setUint32(at + 8, before.length, true);
		data.set(before, at + 12);
		data.set(after, at + 12 + before.length);
		at += 12 + 2 * before.length;
	}
	return data;
}

function decodeRecord(data: Uint8Array, place: string): RetargetRecord & { length: number; header: Uint8Array } {
	const view = viewOf(data);
	const fail = (at: number): never => {
		throw new LinkError(`${place}+0x${at.toString(16)}: is no record of a retargeting`);
	};
	if (data.length < FIXED_SIZE + 8 || view.getUint32(0, true) !== MAGIC) fail(0);
	const namesLength = view.getUint32(FIXED_SIZE, true);
	let at = FIXED_SIZE + 8 + namesLength;
	if (at > data.length) fail(FIXED_SIZE);
	const names = new TextDecoder().decode(data.subarray(FIXED_SIZE + 8, at));
	const edits: Edit[] = [];
	for (let left = view.getUint32(4, true); left > 0; left--) {
		if (at + 12 > data.length) fail(at);
		const offset = exactWord64(view, at) ?? -1;
		const size = view.getUint32(at + 8, true);
		const end = at + 12 + 2 * size;
		if (offset < 0 || size === 0 || end > data.length) fail(at);
		edits.push({ offset, before: data.slice(at + 12, at + 12 + size), after: data.slice(at + 12 + size, end) });
		at = end;
	}
	return {
		length: exactWord64(view, 8) ?? fail(8),
		header: data.slice(16, FIXED_SIZE),
		symbols: names.split("\0").slice(0, -1),
		edits,
	};
}
