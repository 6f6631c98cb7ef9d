// Which source line code comes from: the DWARF line table (versions 2 to 5) of an object of any producer, as sorted
// columns. What contradicts itself is a LinkError that names the section and offset.

import { LinkError } from "../errors.ts";
import { hex } from "../hex.ts";
import { type Cursor, newCursor, readNumber } from "./cursor.ts";
import { type LineFile, type PathReference, readLineHeader } from "./line-header.ts";
import { newLineRows, type ReadAddress, type RowsUnderWay, runLineProgram } from "./line-program.ts";
import { type ElfObject, ET_REL, R_NONE, type Section, SHF_COMPRESSED } from "./object.ts";
import { decodeString } from "./strings.ts";
import { sectionByName } from "./symbols.ts";

/** Rows of a sequence are neighbours and ascend by address. A row holds up to the next one; the last of a sequence is
 * only its end. Sequences lie in no order; `order` sorts them. */
export interface LineTable {
	/** A version before 5 has no file 0, so there are holes. */
	readonly files: readonly (LineFile | undefined)[];
	readonly strings: Readonly<Record<PathReference["table"], Uint8Array>>;
	readonly rowCount: number;
	/** In a relocatable file an offset in the section of the sequence. Columns are longer than `rowCount`. */
	readonly address: Float64Array;
	/** Index into `files`. */
	readonly file: Uint32Array;
	/** 1-based; 0 for code that comes from no line. */
	readonly line: Uint32Array;
	/** 1-based; 0 for the whole line. */
	readonly column: Uint32Array;
	readonly sequences: LineSequences;
}

/** The stretches of code that the rows of a table are about. */
export interface LineSequences {
	/** Index of the section it is in; 0 in an executable, whose addresses say it all. */
	readonly section: readonly number[];
	/** Row. */
	readonly first: readonly number[];
	/** Row. */
	readonly last: readonly number[];
	/** Sequences sorted by section and start. */
	readonly order: Uint32Array;
	/** By position in `order`: the greatest end so far in the same section. */
	readonly reach: Float64Array;
}

/** A place in a source file. */
export interface SourcePosition {
	readonly file: string;
	/** 1-based. */
	readonly line: number;
	/** 1-based; 0 where only the line is known. */
	readonly column: number;
}

const known = new WeakMap<ElfObject, LineTable>();

/** The table in `.debug_line`, empty without one; read once for an object. Reads relocatable files as if their sections
 * were loaded at 0 but kept apart; how they are relocated need not be known.
 * @throws LinkError that names the section and offset of what contradicts itself */
export function readLineTable(object: ElfObject): LineTable {
	const table = known.get(object) ?? parseLineTable(object);
	known.set(object, table);
	return table;
}

function parseLineTable(object: ElfObject): LineTable {
	const section = sectionByName(object, ".debug_line");
	const strings = {
		line: section?.data ?? new Uint8Array(0),
		line_str: sectionByName(object, ".debug_line_str")?.data ?? new Uint8Array(0),
		str: sectionByName(object, ".debug_str")?.data ?? new Uint8Array(0),
	};
	const rows = newLineRows();
	const files: (LineFile | undefined)[] = [];
	const zipped = sectionByName(object, ".zdebug_line");
	if (zipped !== undefined) failCompressed(`${object.name}:(${zipped.name})`);
	if (section !== undefined) readUnits(object, section, strings, rows, files);
	const { count: rowCount, address, file, line, column } = rows;
	return { files, strings, rowCount, address, file, line, column, sequences: sortSequences(rows) };
}

/** Where the code at `address` comes from, in an executable or in a section (an index) of a relocatable file. */
export function lineAt(table: LineTable, address: number, section = 0): SourcePosition | undefined {
	const row = rowAt(table, address, section);
	if (row === undefined || table.line[row] === 0) return undefined;
	return { file: filePath(table, table.file[row]!), line: table.line[row]!, column: table.column[row]! };
}

/** The index of the row that covers `address`. */
export function rowAt(table: LineTable, address: number, section = 0): number | undefined {
	const { section: sections, first, last, order, reach } = table.sequences;
	const start = (i: number) => table.address[first[order[i]!]!]!;
	let i = lastWhere(
		order.length,
		(i) => sections[order[i]!]! < section || (sections[order[i]!] === section && start(i) <= address),
	);
	for (; i >= 0 && sections[order[i]!] === section && reach[i]! > address; i--) {
		const from = first[order[i]!]!;
		const to = last[order[i]!]!;
		if (table.address[to]! > address)
			return from + lastWhere(to - from, (row) => table.address[from + row]! <= address);
	}
	return undefined;
}

/** The path of a file as the compiler wrote it, below its directory if that is named. */
export function filePath(table: LineTable, file: number): string {
	const entry = table.files[file];
	if (entry === undefined) return "";
	const path = pathText(table, entry.path);
	const directory = entry.directory === undefined ? "" : pathText(table, entry.directory);
	return path.startsWith("/") || directory === "" ? path : `${directory.replace(/\/$/, "")}/${path}`;
}

function pathText({ strings }: LineTable, { table, offset }: PathReference): string {
	return decodeString(strings[table], offset);
}

/** The last of 0..count-1 for which `holds`, which is true up to some point; -1 if for none. */
function lastWhere(count: number, holds: (i: number) => boolean): number {
	let low = 0;
	let high = count;
	while (low < high) {
		const middle = (low + high) >>> 1;
		if (holds(middle)) low = middle + 1;
		else high = middle;
	}
	return low - 1;
}

function readUnits(
	object: ElfObject,
	section: Section,
	strings: LineTable["strings"],
	rows: RowsUnderWay,
	files: (LineFile | undefined)[],
): void {
	const place = `${object.name}:(${section.name})`;
	if ((section.flags & SHF_COMPRESSED) !== 0) failCompressed(place);
	const readAddress = relocatedReader(object, section);
	const cursor = newCursor(section.data, place);
	while (cursor.at < section.data.length) {
		cursor.end = section.data.length;
		const header = readLineHeader(cursor, (cursor, size) => readAddress(cursor, size).value);
		if (header === undefined) continue;
		runLineProgram(cursor, header, files.length, readAddress, rows);
		for (const file of header.files) files.push(file && checkPaths(file, strings, place));
	}
}

function failCompressed(place: string): never {
	throw new LinkError(`${place}: is compressed; objcopy --decompress-debug-sections makes it readable`);
}

function checkPaths(file: LineFile, strings: LineTable["strings"], place: string): LineFile {
	for (const path of [file.path, file.directory]) {
		if (path === undefined) continue;
		const size = strings[path.table].length;
		if (path.offset < 0 || path.offset >= size)
			throw new LinkError(
				`${place}: path at ${hex(path.offset)} of .debug_${path.table}, which has ${hex(size)} bytes`,
			);
	}
	return file;
}

/** Reads numbers that relocations apply to: in a relocatable file, the section and offset they will be. */
function relocatedReader({ type, symbols }: ElfObject, { relocations }: Section): ReadAddress {
	if (type !== ET_REL || relocations === undefined)
		return (cursor, size) => ({ section: 0, value: readNumber(cursor, size) });
	const byOffset = new Map<number, number>();
	/** By offset too: what is subtracted from it. RISC-V writes distances so, as its linkers delete code. */
	const subtracted = new Map<number, number>();
	for (let i = 0; i < relocations.count; i++) {
		if (relocations.type[i] === R_NONE) continue;
		const at = relocations.offset[i]!;
		(byOffset.has(at) ? subtracted : byOffset).set(at, i);
	}
	const targetOf = (i: number, stored: number) => {
		const addend = relocations.implicitAddends ? stored : relocations.addend[i]!;
		return symbols.value[relocations.symbol[i]!]! + addend;
	};
	return (cursor: Cursor, size: number) => {
		const relocation = byOffset.get(cursor.at);
		const minus = subtracted.get(cursor.at);
		const stored = readNumber(cursor, size);
		if (relocation === undefined) return { section: 0, value: stored };
		const value = targetOf(relocation, stored);
		if (minus !== undefined) return { section: 0, value: value - targetOf(minus, stored) };
		return { section: symbols.section[relocations.symbol[relocation]!]!, value };
	};
}

function sortSequences({ section, first, last, address }: RowsUnderWay): LineSequences {
	const start = (sequence: number) => address[first[sequence]!]!;
	const order = Uint32Array.from(first.keys()).sort(
		(a, b) => section[a]! - section[b]! || start(a) - start(b) || a - b,
	);
	const reach = new Float64Array(order.length);
	for (const [i, sequence] of order.entries()) {
		const end = address[last[sequence]!]!;
		const follows = i > 0 && section[order[i - 1]!] === section[sequence];
		reach[i] = follows ? Math.max(reach[i - 1]!, end) : end;
	}
	return { section, first, last, order, reach };
}
