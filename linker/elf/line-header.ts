// The header of a unit of `.debug_line`, DWARF versions 2 to 5: how its program is encoded, and its files.

import { type Cursor, failAt, readByte, readNumber, readUnsigned, skip, skipString } from "./cursor.ts";

/** Where a NUL-terminated path starts; decoded when asked for. */
export interface PathReference {
	readonly table: "line" | "line_str" | "str";
	readonly offset: number;
}

/** A source file in a line table. */
export interface LineFile {
	readonly path: PathReference;
	/** Undefined for the directory of the compilation in versions before 5, which the table does not name. */
	readonly directory: PathReference | undefined;
}

/** What comes before the line program of a compilation unit and says how to read it. */
export interface LineHeader {
	readonly minInstruction: number;
	readonly maxOperations: number;
	readonly lineBase: number;
	readonly lineRange: number;
	readonly opcodeBase: number;
	/** Index `i`: how many operands standard opcode `i + 1` has. */
	readonly operandCounts: readonly number[];
	readonly directories: readonly (PathReference | undefined)[];
	/** By the number that the program uses for them; a version before 5 has no file 0. */
	readonly files: (LineFile | undefined)[];
}

/** Reads a number at the cursor where a relocation may apply. */
export type ReadRelocated = (cursor: Cursor, size: number) => number;

/** Requires: the cursor at a unit. After: it is at the unit's program, and its end is the unit's. Undefined where there
 * is only padding. */
export function readLineHeader(cursor: Cursor, readRelocated: ReadRelocated): LineHeader | undefined {
	const offsetSize = openUnit(cursor);
	if (cursor.at === cursor.end) return undefined;
	const version = readNumber(cursor, 2);
	if (version < 2 || version > 5) failAt(cursor, `version ${version} of DWARF lines is not in [2, 5]`, cursor.at - 2);
	if (version >= 5) checkAddressSize(cursor);
	const length = readNumber(cursor, offsetSize);
	const program = cursor.at + length;
	if (length < 0 || program > cursor.end) failAt(cursor, `header of ${length} bytes ends after ${cursor.end}`);
	const encoding = readEncoding(cursor, version);
	const tables = version >= 5 ? readEntries5(cursor, offsetSize, readRelocated) : readEntries(cursor);
	if (cursor.at > program) failAt(cursor, `header ends before its tables, at ${program}`);
	cursor.at = program;
	return { ...encoding, ...tables };
}

/** Reads the length of a unit and makes its end the cursor's. Returns the size of offsets: 4 or 8. */
function openUnit(cursor: Cursor): number {
	const short = readNumber(cursor, 4);
	if (short >= 0xfffffff0 && short !== 0xffffffff) failAt(cursor, `unit length ${short} is reserved`, cursor.at - 4);
	const offsetSize = short === 0xffffffff ? 8 : 4;
	const length = offsetSize === 8 ? readNumber(cursor, 8) : short;
	if (length < 0 || length > cursor.end - cursor.at)
		failAt(cursor, `unit of ${length} bytes ends after ${cursor.end}`, cursor.at - offsetSize);
	cursor.end = cursor.at + length;
	return offsetSize;
}

function checkAddressSize(cursor: Cursor): void {
	const size = readByte(cursor);
	if (![1, 2, 4, 8].includes(size)) failAt(cursor, `address size ${size} is not 1, 2, 4 or 8`, cursor.at - 1);
	const selector = readByte(cursor);
	if (selector !== 0) failAt(cursor, `segment selectors of ${selector} bytes are not supported`, cursor.at - 1);
}

function readEncoding(cursor: Cursor, version: number): Omit<LineHeader, "directories" | "files"> {
	const minInstruction = readByte(cursor);
	const maxOperations = version >= 4 ? readByte(cursor) : 1;
	if (maxOperations === 0) failAt(cursor, "an instruction has no operations", cursor.at - 1);
	skip(cursor, 1);
	const lineBase = cursor.view.getInt8(skip(cursor, 1));
	const lineRange = readByte(cursor);
	if (lineRange === 0) failAt(cursor, "line range is 0", cursor.at - 1);
	const opcodeBase = readByte(cursor);
	if (opcodeBase === 0) failAt(cursor, "opcode base is 0", cursor.at - 1);
	const operandCounts = Array.from({ length: opcodeBase - 1 }, () => readByte(cursor));
	return { minInstruction, maxOperations, lineBase, lineRange, opcodeBase, operandCounts };
}

function readEntries(cursor: Cursor): Pick<LineHeader, "directories" | "files"> {
	const directories: (PathReference | undefined)[] = [undefined];
	for (let path = skipString(cursor); cursor.at - path > 1; path = skipString(cursor))
		directories.push({ table: "line", offset: path });
	const files: (LineFile | undefined)[] = [undefined];
	for (let path = skipString(cursor); cursor.at - path > 1; path = skipString(cursor))
		files.push(readFile(cursor, path, directories));
	return { directories, files };
}

/** The rest of a file's entry, after its path. Versions before 5. */
export function readFile(cursor: Cursor, path: number, directories: readonly (PathReference | undefined)[]): LineFile {
	const directory = directoryAt(cursor, readUnsigned(cursor), directories);
	readUnsigned(cursor);
	readUnsigned(cursor);
	return { path: { table: "line", offset: path }, directory };
}

function directoryAt(
	cursor: Cursor,
	index: number,
	directories: readonly (PathReference | undefined)[],
): PathReference | undefined {
	if (index >= directories.length) failAt(cursor, `directory ${index} is not below ${directories.length}`);
	return directories[index];
}

const DW_LNCT_path = 1;
const DW_LNCT_directory_index = 2;

function readEntries5(
	cursor: Cursor,
	offsetSize: number,
	readRelocated: ReadRelocated,
): Pick<LineHeader, "directories" | "files"> {
	const directories = readEntryList(cursor, offsetSize, readRelocated).map(({ path }) => path);
	const files = readEntryList(cursor, offsetSize, readRelocated).map(({ path, directory }) => {
		const reference = directoryAt(cursor, directory, directories);
		return path && { path, directory: reference };
	});
	return { directories, files };
}

interface Entry {
	path: PathReference | undefined;
	directory: number;
}

/** A list that says itself which fields its entries have. */
function readEntryList(cursor: Cursor, offsetSize: number, readRelocated: ReadRelocated): Entry[] {
	const fields = Array.from({ length: readByte(cursor) }, () => ({
		content: readUnsigned(cursor),
		form: readUnsigned(cursor),
	}));
	const count = readUnsigned(cursor);
	if (count * fields.length > cursor.end - cursor.at || (count > 0 && fields.length === 0))
		failAt(cursor, `${count} entries of ${fields.length} fields do not fit`);
	const entries: Entry[] = [];
	for (let i = 0; i < count; i++) {
		const entry: Entry = { path: undefined, directory: 0 };
		for (const { content, form } of fields) {
			const value = readForm(cursor, form, offsetSize, readRelocated);
			if (content === DW_LNCT_path && typeof value === "object") entry.path = value;
			if (content === DW_LNCT_directory_index && typeof value === "number") entry.directory = value;
		}
		entries.push(entry);
	}
	return entries;
}

/** Sizes of the forms that are numbers of a fixed size. */
const numberForms = new Map([
	[0x0b, 1],
	[0x05, 2],
	[0x06, 4],
	[0x07, 8],
	[0x25, 1],
	[0x26, 2],
	[0x28, 4],
]);
const DW_FORM_string = 0x08;
const DW_FORM_block = 0x09;
const DW_FORM_strp = 0x0e;
const DW_FORM_udata = 0x0f;
const DW_FORM_strx = 0x1a;
const DW_FORM_data16 = 0x1e;
const DW_FORM_line_strp = 0x1f;

function readForm(
	cursor: Cursor,
	form: number,
	offsetSize: number,
	readRelocated: ReadRelocated,
): number | PathReference | undefined {
	const size = numberForms.get(form);
	if (size !== undefined) return form === 0x07 ? void skip(cursor, size) : readNumber(cursor, size);
	switch (form) {
		case DW_FORM_string:
			return { table: "line", offset: skipString(cursor) };
		case DW_FORM_line_strp:
			return { table: "line_str", offset: readRelocated(cursor, offsetSize) };
		case DW_FORM_strp:
			return { table: "str", offset: readRelocated(cursor, offsetSize) };
		case DW_FORM_udata:
		case DW_FORM_strx:
			return readUnsigned(cursor);
		case DW_FORM_block:
			return void skip(cursor, readUnsigned(cursor));
		case DW_FORM_data16:
			return void skip(cursor, 16);
		default:
			return failAt(cursor, `form ${form} of an entry is not known`);
	}
}
