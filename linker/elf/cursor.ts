// A position in bytes that nobody vouches for: every read is checked against the end, and running past it is a
// LinkError that names the offset. Little-endian, with DWARF's LEB128 numbers.

import { LinkError } from "../errors.ts";
import { hex } from "../hex.ts";
import { exactWord64, viewOf } from "./words.ts";

/** A place in bytes, and where they end. */
export interface Cursor {
	readonly view: DataView;
	/** Starts the messages, followed by `+offset`. */
	readonly place: string;
	at: number;
	/** Reads end here. */
	end: number;
}

/** A cursor at the first of the bytes.
 * @param place starts the messages */
export function newCursor(bytes: Uint8Array, place: string): Cursor {
	return { view: viewOf(bytes), place, at: 0, end: bytes.length };
}

/** Ends reading.
 * @throws LinkError `place+0x12: message` */
export function failAt(cursor: Cursor, message: string, at = cursor.at): never {
	throw new LinkError(`${cursor.place}+${hex(at)}: ${message}`);
}

/** Moves `size` bytes on and returns where they start. */
export function skip(cursor: Cursor, size: number): number {
	const at = cursor.at;
	if (size > cursor.end - at) failAt(cursor, `${size} bytes end after ${hex(cursor.end)}`);
	cursor.at = at + size;
	return at;
}

/** The byte at the cursor, which moves behind it.
 * @throws LinkError at the end */
export function readByte(cursor: Cursor): number {
	return cursor.view.getUint8(skip(cursor, 1));
}

/** An unsigned number of `size` bytes; one of eight must be within ±2^53 and is signed. */
export function readNumber(cursor: Cursor, size: number): number {
	const at = skip(cursor, size);
	if (size === 1) return cursor.view.getUint8(at);
	if (size === 2) return cursor.view.getUint16(at, true);
	if (size === 4) return cursor.view.getUint32(at, true);
	if (size === 8) return exactWord64(cursor.view, at) ?? failAt(cursor, "number is not within ±2^53", at);
	return failAt(cursor, `a number of ${size} bytes is not of 1, 2, 4 or 8`, at);
}

/** Unsigned LEB128, below 2^53. */
export function readUnsigned(cursor: Cursor): number {
	const start = cursor.at;
	let value = 0;
	for (let scale = 1; ; scale *= 128) {
		const byte = readByte(cursor);
		if ((byte & 127) !== 0) value += (byte & 127) * scale;
		if (value >= 2 ** 53) failAt(cursor, "LEB128 number is not below 2^53", start);
		if (byte < 128) return value;
	}
}

/** Signed LEB128 of at most seven bytes: within ±2^48. */
export function readSigned(cursor: Cursor): number {
	const start = cursor.at;
	let value = 0;
	for (let scale = 128; scale <= 2 ** 49; scale *= 128) {
		const byte = readByte(cursor);
		value += (byte & 127) * (scale / 128);
		if (byte < 128) return byte & 64 ? value - scale : value;
	}
	return failAt(cursor, "LEB128 number has more than seven bytes", start);
}

/** Moves past a NUL-terminated string and returns where it starts. */
export function skipString(cursor: Cursor): number {
	const start = cursor.at;
	while (readByte(cursor) !== 0);
	return start;
}
