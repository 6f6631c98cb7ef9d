// A core file: what a process had in memory, segment by segment, and notes beside it. It has no sections; readelf and
// debuggers take it by its program headers alone.

import { FILE_HEADER_SIZE, PROGRAM_HEADER_SIZE } from "./tables.ts";
import { alignUp, putWord64, viewOf } from "./words.ts";

const ET_CORE = 4;
const PT_LOAD = 1;
const PT_NOTE = 4;
const PAGE = 4096;

/** Pages that lie one behind the other, with the same rights. */
export interface CoreSegment {
	readonly address: number;
	readonly data: Uint8Array;
	readonly readable: boolean;
	readonly writable: boolean;
	readonly executable: boolean;
}

export interface CoreNote {
	/** Whose kind of note it is. */
	readonly name: string;
	readonly type: number;
	readonly data: Uint8Array;
}

export function writeCore(machine: number, segments: readonly CoreSegment[], notes: readonly CoreNote[]): Uint8Array {
	const noteBytes = concatenated(notes.map(noteText));
	const headers = FILE_HEADER_SIZE + (segments.length + 1) * PROGRAM_HEADER_SIZE;
	const first = alignUp(headers + noteBytes.length, PAGE);
	const bytes = new Uint8Array(segments.reduce((at, { data }) => at + data.length, first));
	putFileHeader(bytes, machine, segments.length + 1);
	putProgramHeader(bytes, 0, {
		type: PT_NOTE,
		flags: 4,
		offset: headers,
		address: 0,
		size: noteBytes.length,
		align: 4,
	});
	bytes.set(noteBytes, headers);
	let offset = first;
	for (const [i, { address, data, readable, writable, executable }] of segments.entries()) {
		const flags = (readable ? 4 : 0) | (writable ? 2 : 0) | (executable ? 1 : 0);
		putProgramHeader(bytes, i + 1, { type: PT_LOAD, flags, offset, address, size: data.length, align: PAGE });
		bytes.set(data, offset);
		offset += data.length;
	}
	return bytes;
}

function putFileHeader(bytes: Uint8Array, machine: number, segments: number): void {
	const view = viewOf(bytes);
	bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
	view.setUint16(16, ET_CORE, true);
	view.setUint16(18, machine, true);
	view.setUint32(20, 1, true);
	putWord64(view, 32, FILE_HEADER_SIZE);
	view.setUint16(52, FILE_HEADER_SIZE, true);
	view.setUint16(54, PROGRAM_HEADER_SIZE, true);
	view.setUint16(56, segments, true);
}

interface ProgramHeader {
	readonly type: number;
	readonly flags: number;
	readonly offset: number;
	readonly address: number;
	readonly size: number;
	readonly align: number;
}

function putProgramHeader(bytes: Uint8Array, index: number, header: ProgramHeader): void {
	const at = FILE_HEADER_SIZE + index * PROGRAM_HEADER_SIZE;
	const view = viewOf(bytes);
	view.setUint32(at, header.type, true);
	view.setUint32(at + 4, header.flags, true);
	putWord64(view, at + 8, header.offset);
	putWord64(view, at + 16, header.address);
	putWord64(view, at + 24, header.address);
	putWord64(view, at + 32, header.size);
	putWord64(view, at + 40, header.type === PT_LOAD ? header.size : 0);
	putWord64(view, at + 48, header.align);
}

/** Sizes of name and contents, the kind, then both, padded to four bytes each. */
function noteText({ name, type, data }: CoreNote): Uint8Array {
	const nameSize = name.length + 1;
	const contentsAt = 12 + alignUp(nameSize, 4);
	const bytes = new Uint8Array(contentsAt + alignUp(data.length, 4));
	const view = viewOf(bytes);
	for (const [i, value] of [nameSize, data.length, type].entries()) view.setUint32(4 * i, value, true);
	bytes.set(new TextEncoder().encode(name), 12);
	bytes.set(data, contentsAt);
	return bytes;
}

function concatenated(parts: readonly Uint8Array[]): Uint8Array {
	const bytes = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
	let at = 0;
	for (const part of parts) {
		bytes.set(part, at);
		at += part.length;
	}
	return bytes;
}
