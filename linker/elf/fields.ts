// Where the fields of an ELF64 file's headers and entries lie, from the start of each: the reader and all that writes or
// edits files take them from here.

import { putWord64 } from "./words.ts";

/** The file header. */
export const inFile = {
	class: 4,
	encoding: 5,
	identVersion: 6,
	osAbi: 7,
	type: 16,
	machine: 18,
	version: 20,
	entry: 24,
	segmentsAt: 32,
	sectionsAt: 40,
	flags: 48,
	headerSize: 52,
	segmentEntry: 54,
	segmentCount: 56,
	sectionEntry: 58,
	sectionCount: 60,
	namesIndex: 62,
} as const;

/** A section header. */
export const inSection = {
	name: 0,
	type: 4,
	flags: 8,
	address: 16,
	offset: 24,
	size: 32,
	link: 40,
	info: 44,
	align: 48,
	entsize: 56,
} as const;

/** A program header. */
export const inSegment = {
	type: 0,
	flags: 4,
	offset: 8,
	address: 16,
	physical: 24,
	fileSize: 32,
	memorySize: 40,
	align: 48,
} as const;

/** An entry of SHT_RELA; one of SHT_REL is the same without the addend. */
export const inRela = { offset: 0, type: 8, symbol: 12, addend: 16 } as const;

export const PT_LOAD = 1;
export const PF_X = 1;
export const PF_W = 2;
export const PF_R = 4;

/** What every file here begins with: 64 bits, little-endian, version 1. */
const identity = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1];

/** Puts what all kinds of file have at the start of the header. Counts and the places of tables are the caller's. */
export function putFileStart(
	view: DataView,
	{ type, machine, headerSize }: { readonly type: number; readonly machine: number; readonly headerSize: number },
): void {
	for (const [i, byte] of identity.entries()) view.setUint8(i, byte);
	view.setUint16(inFile.type, type, true);
	view.setUint16(inFile.machine, machine, true);
	view.setUint32(inFile.version, 1, true);
	view.setUint16(inFile.headerSize, headerSize, true);
}

/** Which pages of a segment may be read, written and executed, as PF_* bits. */
export function rightsOf(rights: {
	readonly readable: boolean;
	readonly writable: boolean;
	readonly executable: boolean;
}): number {
	return (rights.readable ? PF_R : 0) | (rights.writable ? PF_W : 0) | (rights.executable ? PF_X : 0);
}

/** A program header by its fields; the physical address is the virtual one. */
export interface SegmentHeader {
	/** PT_* */
	readonly type: number;
	/** PF_* bits */
	readonly flags: number;
	/** In the file. */
	readonly offset: number;
	readonly address: number;
	readonly fileSize: number;
	readonly memorySize: number;
	readonly align: number;
}

/** Puts a program header at a place of the view. */
export function putSegmentHeader(view: DataView, at: number, header: SegmentHeader): void {
	view.setUint32(at + inSegment.type, header.type, true);
	view.setUint32(at + inSegment.flags, header.flags, true);
	putWord64(view, at + inSegment.offset, header.offset);
	putWord64(view, at + inSegment.address, header.address);
	putWord64(view, at + inSegment.physical, header.address);
	putWord64(view, at + inSegment.fileSize, header.fileSize);
	putWord64(view, at + inSegment.memorySize, header.memorySize);
	putWord64(view, at + inSegment.align, header.align);
}
