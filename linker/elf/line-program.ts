// The program of a unit of `.debug_line`: DWARF's little machine whose output is the rows of the table.

import { type Cursor, failAt, readByte, readSigned, readUnsigned, skip, skipString } from "./cursor.ts";
import { type LineHeader, readFile } from "./line-header.ts";

/** Rows and sequences as they come; columns of rows are longer than `count`. */
export interface RowsUnderWay {
	count: number;
	address: Float64Array;
	file: Uint32Array;
	line: Uint32Array;
	column: Uint32Array;
	/** By sequence: its section, its first and its last row. */
	readonly section: number[];
	readonly first: number[];
	readonly last: number[];
}

/** Reads an address at the cursor: an offset in a section, or absolute and in section 0. */
export type ReadAddress = (cursor: Cursor, size: number) => { readonly section: number; readonly value: number };

/** Columns without rows, to which line programs add theirs. */
export function newLineRows(): RowsUnderWay {
	return {
		count: 0,
		address: new Float64Array(0),
		file: new Uint32Array(0),
		line: new Uint32Array(0),
		column: new Uint32Array(0),
		section: [],
		first: [],
		last: [],
	};
}

interface State {
	section: number;
	address: number;
	operation: number;
	file: number;
	line: number;
	column: number;
	/** Row where the sequence starts. */
	first: number;
}

/** What a unit's program runs in. */
interface Run {
	readonly cursor: Cursor;
	readonly header: LineHeader;
	/** Number in the table of the unit's file 0. */
	readonly firstFile: number;
	readonly readAddress: ReadAddress;
	readonly rows: RowsUnderWay;
	state: State;
}

/** Requires: the cursor at the program, its end the unit's. After: it is there, and all sequences are closed. */
export function runLineProgram(
	cursor: Cursor,
	header: LineHeader,
	firstFile: number,
	readAddress: ReadAddress,
	rows: RowsUnderWay,
): void {
	const run: Run = { cursor, header, firstFile, readAddress, rows, state: initialState(rows.count) };
	while (cursor.at < cursor.end) {
		const opcode = readByte(cursor);
		if (opcode >= header.opcodeBase) takeSpecial(run, opcode - header.opcodeBase);
		else if (opcode === 0) takeExtended(run);
		else takeStandard(run, opcode);
	}
	if (run.state.first < rows.count) failAt(cursor, "unit ends within a sequence");
}

function initialState(first: number): State {
	return { section: 0, address: 0, operation: 0, file: 1, line: 1, column: 0, first };
}

function takeSpecial(run: Run, code: number): void {
	const { lineBase, lineRange } = run.header;
	advance(run, Math.floor(code / lineRange));
	run.state.line += lineBase + (code % lineRange);
	addRow(run);
}

function advance({ header, state }: Run, operations: number): void {
	const { minInstruction, maxOperations } = header;
	state.address += minInstruction * Math.floor((state.operation + operations) / maxOperations);
	state.operation = (state.operation + operations) % maxOperations;
}

/** Statements, blocks, prologues and instruction sets (6, 7, 10 to 12) do not matter here. */
function takeStandard(run: Run, opcode: number): void {
	const { cursor, header, state } = run;
	switch (opcode) {
		case 1:
			addRow(run);
			break;
		case 2:
			advance(run, readUnsigned(cursor));
			break;
		case 3:
			state.line += readSigned(cursor);
			break;
		case 4:
			state.file = readUnsigned(cursor);
			break;
		case 5:
			state.column = readUnsigned(cursor);
			break;
		case 8:
			advance(run, Math.floor((255 - header.opcodeBase) / header.lineRange));
			break;
		case 9:
			state.address += run.readAddress(cursor, 2).value;
			state.operation = 0;
			break;
		default:
			for (let i = header.operandCounts[opcode - 1]!; i > 0; i--) readUnsigned(cursor);
	}
}

function takeExtended(run: Run): void {
	const { cursor, header, rows } = run;
	const length = readUnsigned(cursor);
	const start = cursor.at;
	if (length === 0 || length > cursor.end - start)
		failAt(cursor, `extended opcode of ${length} bytes is not in [1, ${cursor.end - start}]`);
	const opcode = readByte(cursor);
	if (opcode === 1) {
		closeSequence(run);
		run.state = initialState(rows.count);
	} else if (opcode === 2) setAddress(run, length - 1);
	else if (opcode === 3) header.files.push(readFile(cursor, skipString(cursor), header.directories));
	else skip(cursor, length - 1);
	if (cursor.at !== start + length)
		failAt(cursor, `extended opcode ${opcode} has ${cursor.at - start} bytes, not ${length}`, start);
}

function setAddress(run: Run, size: number): void {
	const { section, value } = run.readAddress(run.cursor, size);
	if (section !== run.state.section) splitSequence(run);
	run.state.section = section;
	run.state.address = value;
	run.state.operation = 0;
}

function addRow(run: Run): void {
	const { cursor, header, rows, state } = run;
	if (header.files[state.file] === undefined) failAt(cursor, `file ${state.file} is not one of the unit's`);
	if (rows.count > state.first && state.address < rows.address[rows.count - 1]!) splitSequence(run);
	pushRow(run);
}

function pushRow({ cursor, firstFile, rows, state }: Run): void {
	const { address, line, column } = state;
	if (Math.abs(address) > 2 ** 53) failAt(cursor, "address is not within ±2^53");
	if (line < 0 || line >= 2 ** 32) failAt(cursor, `line ${line} is not in [0, 2^32)`);
	if (column >= 2 ** 32) failAt(cursor, `column ${column} is not below 2^32`);
	if (rows.count === rows.address.length) grow(rows);
	const i = rows.count++;
	rows.address[i] = address;
	rows.file[i] = firstFile + state.file;
	rows.line[i] = line;
	rows.column[i] = column;
}

/** The state's address becomes the end of the sequence. */
function closeSequence(run: Run): void {
	const { rows, state } = run;
	if (rows.count === state.first) return;
	state.address = Math.max(state.address, rows.address[rows.count - 1]!);
	pushRow(run);
	rows.section.push(state.section);
	rows.first.push(state.first);
	rows.last.push(rows.count - 1);
}

/** Rows of a sequence ascend and lie in one section. Where they do not, another sequence starts. */
function splitSequence(run: Run): void {
	const { address } = run.state;
	run.state.address = Number.NEGATIVE_INFINITY;
	closeSequence(run);
	run.state.address = address;
	run.state.first = run.rows.count;
}

function grow(rows: RowsUnderWay): void {
	const size = Math.max(64, rows.count * 2);
	for (const key of ["file", "line", "column"] as const) {
		const larger = new Uint32Array(size);
		larger.set(rows[key]);
		rows[key] = larger;
	}
	const larger = new Float64Array(size);
	larger.set(rows.address);
	rows.address = larger;
}
