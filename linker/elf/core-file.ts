// A core file: what a process had in memory, segment by segment, and notes beside it. It has no sections; readelf and
// debuggers take it by its program headers alone.

import { inFile, PF_R, PT_LOAD, putFileStart, putSegmentHeader, rightsOf } from "./fields.ts";
import { FILE_HEADER_SIZE, PROGRAM_HEADER_SIZE } from "./tables.ts";
import { alignUp, joined, putWord64, viewOf } from "./words.ts";

const ET_CORE = 4;
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

/** Something said beside the memory, in a form that its owner knows: registers, the name of the program. */
export interface CoreNote {
	/** Who defines the note's type: `CORE`, `LINUX`. */
	readonly name: string;
	readonly type: number;
	readonly data: Uint8Array;
}

/** A core file, complete.
 * @param machine e_machine
 * @param segments ascending by address */
export function writeCore(machine: number, segments: readonly CoreSegment[], notes: readonly CoreNote[]): Uint8Array {
	const noteBytes = joined(notes.map(noteText));
	const headers = FILE_HEADER_SIZE + (segments.length + 1) * PROGRAM_HEADER_SIZE;
	const first = alignUp(headers + noteBytes.length, PAGE);
	const bytes = new Uint8Array(segments.reduce((at, { data }) => at + data.length, first));
	putFileHeader(bytes, machine, segments.length + 1);
	putProgramHeader(bytes, 0, {
		type: PT_NOTE,
		flags: PF_R,
		offset: headers,
		address: 0,
		size: noteBytes.length,
		align: 4,
	});
	bytes.set(noteBytes, headers);
	let offset = first;
	for (const [i, segment] of segments.entries()) {
		const { address, data } = segment;
		const size = data.length;
		putProgramHeader(bytes, i + 1, { type: PT_LOAD, flags: rightsOf(segment), offset, address, size, align: PAGE });
		bytes.set(data, offset);
		offset += data.length;
	}
	return bytes;
}

function putFileHeader(bytes: Uint8Array, machine: number, segments: number): void {
	const view = viewOf(bytes);
	putFileStart(view, { type: ET_CORE, machine, headerSize: FILE_HEADER_SIZE });
	putWord64(view, inFile.segmentsAt, FILE_HEADER_SIZE);
	view.setUint16(inFile.segmentEntry, PROGRAM_HEADER_SIZE, true);
	view.setUint16(inFile.segmentCount, segments, true);
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
	const { size, ...fields } = header;
	const memorySize = header.type === PT_LOAD ? size : 0;
	putSegmentHeader(viewOf(bytes), FILE_HEADER_SIZE + index * PROGRAM_HEADER_SIZE, {
		...fields,
		fileSize: size,
		memorySize,
	});
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
