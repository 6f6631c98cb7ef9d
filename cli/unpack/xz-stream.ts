// The parts of an xz stream, as the .xz file format 1.2 lays them out: a header, blocks of chunks with their lengths, an
// index and a footer. What lies in the chunks is the decoder's business.

import { crc32 } from "node:zlib";
import { alignUp, joined, viewOf } from "../../linker/elf/words.ts";

export interface XzBlock {
	/** Where its chunks are in the file. */
	readonly start: number;
	readonly end: number;
	/** Bytes that it stands for. */
	readonly size: number;
	/** The property of LZMA2: how far back its data may point. */
	readonly dictionary: number;
	/** Whether branches of x86 were changed before they were compressed. */
	readonly isFiltered: boolean;
	/** The checksum of the bytes that it stands for, if the stream checks them that way. */
	readonly crc32: number | undefined;
}

const MAGIC = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0];
const HEADER = 12;
const FOOTER = 12;
/** Bytes of a block's check, by its kind. */
const checkSizes = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64];
const CHECK_CRC32 = 1;
/** Filters by number. */
const LZMA2 = 0x21;
const X86 = 4;
/** More than a length may not follow the stream. */
const MOST_BEHIND = 4;

/** Goes through a stream. Nothing that it passes is decoded, and only what it reads is checked.
 * @throws Error where it is cut off or of a form that xz does not write, for other filters, and where another stream follows */
export function readStream(bytes: Uint8Array): { blocks: XzBlock[]; end: number } {
	const at: Cursor = { bytes, at: HEADER };
	const check = (bytes[7] ?? 0) & 15;
	const blocks: XzBlock[] = [];
	while (peek(at) !== 0) blocks.push(readBlock(at, check));
	const index = at.at;
	at.at++;
	const count = readNumber(at);
	if (count !== blocks.length) throw new Error(`its index has ${count} blocks, of ${blocks.length}`);
	for (let i = 0; i < 2 * count; i++) readNumber(at);
	const end = alignUp(at.at - index, 4) + index + 4 + FOOTER;
	if (end > bytes.length) throw new Error("it is cut off");
	if (end + MOST_BEHIND < bytes.length) throw new Error("it has more than one stream");
	return { blocks, end };
}

interface Cursor {
	readonly bytes: Uint8Array;
	at: number;
}

function peek({ bytes, at }: Cursor): number {
	const byte = bytes[at];
	if (byte === undefined) throw new Error("it is cut off");
	return byte;
}

function next(cursor: Cursor): number {
	const byte = peek(cursor);
	cursor.at++;
	return byte;
}

/** Seven bits a byte, the lowest first. */
function readNumber(cursor: Cursor): number {
	let value = 0;
	for (let scale = 1; ; scale *= 128) {
		const byte = next(cursor);
		value += (byte & 127) * scale;
		if (byte < 128) return value;
		if (scale > 2 ** 42) throw new Error("it has a number beyond 2^49");
	}
}

function readBlock(cursor: Cursor, check: number): XzBlock {
	const header = cursor.at;
	const length = (next(cursor) + 1) * 4;
	const flags = next(cursor);
	if ((flags & 0x40) !== 0) readNumber(cursor);
	if ((flags & 0x80) !== 0) readNumber(cursor);
	const filters = Array.from({ length: (flags & 3) + 1 }, () => {
		const id = readNumber(cursor);
		const size = readNumber(cursor);
		const property = size === 0 ? 0 : peek(cursor);
		cursor.at += size;
		return { id, property };
	});
	const others = filters.slice(0, -1);
	if (filters.at(-1)!.id !== LZMA2 || others.some(({ id }) => id !== X86) || others.length > 1)
		throw new Error(
			`its filters are ${filters.map(({ id }) => id).join(", ")}, not 33 (LZMA2) or 4, 33 (x86 and LZMA2)`,
		);
	const isFiltered = others.length > 0;
	if (isFiltered && check !== CHECK_CRC32) throw new Error("its data are filtered for x86 and not checked by CRC32");
	cursor.at = header + length;
	const start = cursor.at;
	const size = passChunks(cursor);
	const end = cursor.at;
	const checked = start + alignUp(end - start, 4);
	cursor.at = checked + checkSizes[check]!;
	if (cursor.at > cursor.bytes.length) throw new Error("it is cut off");
	const crc32 = check === CHECK_CRC32 ? viewOf(cursor.bytes).getUint32(checked, true) : undefined;
	return { start, end, size, dictionary: filters.at(-1)!.property, isFiltered, crc32 };
}

/** Passes the chunks of LZMA2, and returns how many bytes they stand for. */
function passChunks(cursor: Cursor): number {
	const short = (): number => (next(cursor) << 8) | next(cursor);
	let size = 0;
	for (let control = next(cursor); control !== 0; control = next(cursor)) {
		const isPlain = control < 0x80;
		if (isPlain && control > 2) throw new Error("the data are damaged");
		const stands = (isPlain ? 0 : (control & 0x1f) << 16) + short() + 1;
		size += stands;
		const stored = isPlain ? stands : short() + 1;
		// Properties of LZMA.
		if (control >= 0xc0) next(cursor);
		cursor.at += stored;
	}
	return size;
}

/** A block as a stream of its own, without filter and check. */
export function blockAsStream(bytes: Uint8Array, { start, end, size, dictionary }: XzBlock): Uint8Array {
	const flags = [0, 0];
	const block = withCrc([2, 0, LZMA2, 1, dictionary, 0, 0, 0]);
	const chunks = end - start;
	const index = padded([0, 1, ...numberBytes(block.length + chunks), ...numberBytes(size)]);
	const backwards = [...littleEndian(index.length / 4), ...flags];
	return joined([
		Uint8Array.from([...MAGIC, ...withCrc(flags)]),
		Uint8Array.from(block),
		bytes.subarray(start, end),
		new Uint8Array(alignUp(chunks, 4) - chunks),
		Uint8Array.from(withCrc(index)),
		Uint8Array.from([...littleEndian(crc32(Uint8Array.from(backwards))), ...backwards, 0x59, 0x5a]),
	]);
}

const littleEndian = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
const withCrc = (bytes: readonly number[]): number[] => [...bytes, ...littleEndian(crc32(Uint8Array.from(bytes)))];
const padded = (bytes: readonly number[]): number[] => [
	...bytes,
	...Array<number>(alignUp(bytes.length, 4) - bytes.length).fill(0),
];

function numberBytes(value: number): number[] {
	const bytes: number[] = [];
	let left = value;
	for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) | 128);
	return [...bytes, left];
}
