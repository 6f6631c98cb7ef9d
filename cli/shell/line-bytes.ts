// Text by the million lines: put together as bytes in one buffer, handed to the terminal a chunk at a time. The small
// functions take where to write and return where they ended; they copy whole words, so a few bytes behind that are
// written too, which the next overwrites. Who calls them has made room.

import { viewOf } from "../../linker/elf/words.ts";
import { hexAddress } from "../../linker/hex.ts";
import type { Terminal } from "./terminal.ts";

export interface LineBytes {
	bytes: Uint8Array;
	view: DataView;
	at: number;
}

/** Text that many lines share. Valid UTF-8 never looks like a NaN, so it can be copied as numbers, eight bytes each. */
export interface Fixed {
	readonly length: number;
	/** Little-endian, filled up with zeros. */
	readonly words: Float64Array;
}

const CHUNK = 1 << 19;
/** How far behind the end something may be written. */
const SLACK = 16;

export function newLineBytes(): LineBytes {
	const bytes = new Uint8Array(CHUNK);
	return { bytes, view: viewOf(bytes), at: 0 };
}

/** Makes room for `size` bytes more; first empties the buffer if it is full. */
export async function makeRoom(out: LineBytes, size: number, terminal: Terminal): Promise<void> {
	await flush(out, terminal);
	if (!hasRoom(out, size)) grow(out, size);
}

export function hasRoom(out: LineBytes, size: number): boolean {
	return out.at + size + SLACK <= out.bytes.length;
}

function grow(out: LineBytes, size: number): void {
	const larger = new Uint8Array(Math.max(out.bytes.length * 2, out.at + size + SLACK));
	larger.set(out.bytes.subarray(0, out.at));
	out.bytes = larger;
	out.view = viewOf(larger);
}

export async function flush(out: LineBytes, terminal: Terminal): Promise<void> {
	if (out.at > 0) await terminal.write(out.bytes.subarray(0, out.at));
	out.at = 0;
}

const encoder = new TextEncoder();

/** The only one that makes its own room: for what few lines have. */
export function putText(out: LineBytes, text: string): void {
	if (!hasRoom(out, text.length * 3)) grow(out, text.length * 3);
	out.at += encoder.encodeInto(text, out.bytes.subarray(out.at)).written;
}

export function fixed(text: string): Fixed {
	const bytes = encoder.encode(text);
	const padded = new Uint8Array((bytes.length + 7) & ~7);
	padded.set(bytes);
	const view = viewOf(padded);
	const words = Float64Array.from({ length: padded.length / 8 }, (_, i) => view.getFloat64(i * 8, true));
	return { length: bytes.length, words };
}

export function put(view: DataView, at: number, { length, words }: Fixed): number {
	for (let i = 0; i < words.length; i++) view.setFloat64(at + i * 8, words[i]!, true);
	return at + length;
}

/** Names that can be copied: NUL-terminated strings, and how long the longest is. */
export interface Names {
	readonly bytes: Uint8Array;
	readonly view: DataView;
	/** Where whole words end. */
	readonly words: number;
	readonly longest: number;
}

export function namesIn(bytes: Uint8Array): Names {
	let longest = 0;
	for (let start = 0; start < bytes.length; ) {
		const end = bytes.indexOf(0, start);
		longest = Math.max(longest, (end < 0 ? bytes.length : end) - start);
		start = end < 0 ? bytes.length : end + 1;
	}
	return { bytes, view: viewOf(bytes), words: bytes.length - 3, longest };
}

/** The names with `?` for each control character, which could move a terminal's cursor. */
export function printableBytes(names: Uint8Array): Uint8Array {
	const isControl = (byte: number): boolean => (byte > 0 && byte < 0x20) || byte === 0x7f;
	return names.some(isControl) ? names.map((byte) => (isControl(byte) ? 0x3f : byte)) : names;
}

/** The bytes from `start` up to a NUL. */
export function putName(view: DataView, at: number, names: Names, start: number): number {
	let from = start;
	let to = at;
	for (; from < names.words; from += 4, to += 4) {
		const word = names.view.getInt32(from, true);
		view.setInt32(to, word, true);
		/** The top bit of each byte that is NUL, right up to the first. */
		const ends = (word - 0x01010101) & ~word & 0x80808080;
		if (ends !== 0) return to + ((31 - Math.clz32(ends & -ends)) >> 3);
	}
	for (; from < names.bytes.length && names.bytes[from] !== 0; from++) view.setUint8(to++, names.bytes[from]!);
	return to;
}

/** Numbers are put as digits below this, and as `putText` would put them from here on and below zero. */
const PLAIN = 2 ** 31;
/** Bytes of the longest number: a sign, `0x` and 14 digits, or 17 digits. */
export const NUMBER = 18;

/** `0x1f`; negative numbers are addresses in the upper half of the address space. */
export function putHex(view: DataView, at: number, value: number): number {
	if (value < 0 || value >= PLAIN) return putAscii(view, at, hexAddress(value));
	const end = at + 2 + ((35 - Math.clz32(value | 1)) >> 2);
	let to = end;
	for (let rest = value; to > at + 2; rest >>>= 8) {
		to -= 2;
		view.setUint16(to, hexPairs[rest & 255]!, true);
	}
	/** Where the digits are odd in number, a zero is in front of them. */
	view.setUint16(at, 0x7830, true);
	return end;
}
const hexDigits = encoder.encode("0123456789abcdef");
/** `00` to `ff`, little-endian. */
const hexPairs = Uint16Array.from({ length: 256 }, (_, i) => hexDigits[i >> 4]! | (hexDigits[i & 15]! << 8));

export function putDecimal(view: DataView, at: number, value: number): number {
	if (value < 0 || value >= PLAIN) return putAscii(view, at, String(value));
	let end = at + 1;
	for (let power = 10; power <= value; power *= 10) end++;
	let rest = value | 0;
	let to = end;
	while (rest > 9) {
		/** This is exact for whole numbers: the quotient is never within rounding of the next. */
		const hundredth = ((rest + 0.5) * 0.01) | 0;
		to -= 2;
		view.setUint16(to, pairs[rest - hundredth * 100]!, true);
		rest = hundredth;
	}
	if (to > at) view.setUint8(at, 0x30 + rest);
	return end;
}
/** `00` to `99`, little-endian. */
const pairs = Uint16Array.from({ length: 100 }, (_, i) => 0x3030 + Math.floor(i / 10) + ((i % 10) << 8));

function putAscii(view: DataView, at: number, text: string): number {
	for (let i = 0; i < text.length; i++) view.setUint8(at + i, text.charCodeAt(i));
	return at + text.length;
}

/** Per byte `e8 `, little-endian. */
const byteCells = Int32Array.from(
	{ length: 256 },
	(_, byte) => hexDigits[byte >> 4]! | (hexDigits[byte & 15]! << 8) | 0x200000,
);

/** `e8 00 00 00 00` */
export function putByteList(view: DataView, at: number, from: Uint8Array, start: number, length: number): number {
	for (let i = 0; i < length; i++) putByte(view, at + i * 3, from[start + i]!);
	return at + length * 3 - 1;
}

/** `e8 `, of the low eight bits. */
export function putByte(view: DataView, at: number, byte: number): number {
	view.setInt32(at, byteCells[byte & 255]!, true);
	return at + 3;
}

const blanks = 0x20202020;

/** Blanks up to `end`, but two in any case. */
export function putBlanks(view: DataView, at: number, end: number): number {
	const last = Math.max(end, at + 2);
	for (let to = at; to < last; to += 4) view.setInt32(to, blanks, true);
	return last;
}
