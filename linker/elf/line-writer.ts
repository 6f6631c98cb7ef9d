// DWARF 4 line tables for code under construction: the section `.debug_line`, which debuggers, readelf and objdump
// read, with a relocation for the address where each stretch of code starts.

import { ArgumentError } from "../errors.ts";
import {
	append,
	type ObjectBuilder,
	relocate,
	reserve,
	type SectionBuilder,
	section,
	sectionSymbol,
} from "./builder.ts";

/** A stretch of code of one section. Rows ascend by offset; each holds up to the next, the last up to `end`. */
export interface LineSequence {
	readonly section: SectionBuilder;
	readonly rows: readonly LineRow[];
	/** Offset after the last byte. */
	readonly end: number;
}

/** Where the code from an offset on comes from. */
export interface LineRow {
	/** Offset in the section. */
	readonly offset: number;
	/** Index into the files. */
	readonly file: number;
	/** 1-based; 0 says that the code has no line. */
	readonly line: number;
	/** 1-based; 0 says the whole line. */
	readonly column: number;
}

/** What a line table is to say. */
export interface LineInformation {
	/** Paths, as messages and debuggers should show them. */
	readonly files: readonly string[];
	readonly sequences: readonly LineSequence[];
	/** The relocation type for a four-byte `S + A`. */
	readonly addressRelocation: number;
}

const LINE_BASE = -5;
const LINE_RANGE = 14;
const OPCODE_BASE = 13;
const MAX_ADVANCE = Math.floor((255 - OPCODE_BASE) / LINE_RANGE);
/** Operands of the standard opcodes 1..12. */
const OPERAND_COUNTS = [0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1];

const DW_LNS_copy = 1;
const DW_LNS_advance_pc = 2;
const DW_LNS_advance_line = 3;
const DW_LNS_set_file = 4;
const DW_LNS_set_column = 5;
const DW_LNE_end_sequence = 1;
const DW_LNE_set_address = 2;

const encoder = new TextEncoder();

/** Adds one unit with the lines of all sequences to `.debug_line`. */
export function addLines(builder: ObjectBuilder, { files, sequences, addressRelocation }: LineInformation): void {
	const out = section(builder, ".debug_line");
	const start = reserve(out, 10);
	append(out, [1, 1, 1, LINE_BASE & 255, LINE_RANGE, OPCODE_BASE, ...OPERAND_COUNTS, 0]);
	for (const file of files) append(out, [...encoder.encode(file), 0, 0, 0, 0]);
	append(out, [0]);
	const program = out.size;
	for (const sequence of sequences) {
		relocate(out, out.size + 3, addressRelocation, sectionSymbol(builder, sequence.section), firstOffset(sequence));
		append(out, encodeSequence(sequence));
	}
	const header = new DataView(out.bytes.buffer, out.bytes.byteOffset + start);
	header.setUint32(0, out.size - start - 4, true);
	header.setUint16(4, 4, true);
	header.setUint32(6, program - start - 10, true);
}

function firstOffset({ rows, end }: LineSequence): number {
	return rows[0]?.offset ?? end;
}

function encodeSequence(sequence: LineSequence): number[] {
	const start = firstOffset(sequence);
	const bytes = [0, 5, DW_LNE_set_address, start & 255, (start >>> 8) & 255, (start >>> 16) & 255, start >>> 24];
	let state: LineRow = { offset: start, file: 0, line: 1, column: 0 };
	for (const row of sequence.rows) {
		if (row.offset < state.offset || row.offset > sequence.end)
			throw new ArgumentError(`line row at ${row.offset} is not in [${state.offset}, ${sequence.end}]`);
		if (row.file !== state.file) bytes.push(DW_LNS_set_file, ...unsigned(row.file + 1));
		if (row.column !== state.column) bytes.push(DW_LNS_set_column, ...unsigned(row.column));
		bytes.push(...advance(row.offset - state.offset, row.line - state.line));
		state = row;
	}
	if (sequence.end > state.offset) bytes.push(DW_LNS_advance_pc, ...unsigned(sequence.end - state.offset));
	bytes.push(0, 1, DW_LNE_end_sequence);
	return bytes;
}

/** A row that lies `bytes` and `lines` after the one before: one special opcode where they are small. */
function advance(bytes: number, lines: number): number[] {
	const fits = lines >= LINE_BASE && lines < LINE_BASE + LINE_RANGE;
	const code = lines - LINE_BASE + LINE_RANGE * bytes + OPCODE_BASE;
	if (fits && bytes <= MAX_ADVANCE && code <= 255) return [code];
	const prefix = bytes > 0 ? [DW_LNS_advance_pc, ...unsigned(bytes)] : [];
	if (fits) return [...prefix, lines - LINE_BASE + OPCODE_BASE];
	return [...prefix, DW_LNS_advance_line, ...signed(lines), DW_LNS_copy];
}

function unsigned(value: number): number[] {
	return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(Math.floor(value / 128))];
}

function signed(value: number): number[] {
	const last = value >= -64 && value < 64;
	return last ? [value & 127] : [(value & 127) | 128, ...signed(Math.floor(value / 128))];
}
