// Text by the million lines: put together as bytes in one buffer, handed to the terminal a chunk at a time.

import type { Terminal } from "./terminal.ts";

export interface LineBytes {
	bytes: Uint8Array;
	at: number;
}

const CHUNK = 1 << 18;
/** Longer lines make the buffer grow. */
const ROOM = 1 << 14;

export function newLineBytes(size = CHUNK + ROOM): LineBytes {
	return { bytes: new Uint8Array(size), at: 0 };
}

/** Makes room for `size` bytes more. Everything that puts bytes of unknown length calls it. */
function reserve(out: LineBytes, size: number): void {
	if (out.at + size <= out.bytes.length) return;
	const larger = new Uint8Array(Math.max(out.bytes.length * 2, out.at + size));
	larger.set(out.bytes.subarray(0, out.at));
	out.bytes = larger;
}

export function isFull(out: LineBytes): boolean {
	return out.at >= CHUNK;
}

export async function flush(out: LineBytes, terminal: Terminal): Promise<void> {
	if (out.at > 0) await terminal.write(out.bytes.slice(0, out.at));
	out.at = 0;
}

const encoder = new TextEncoder();

/** Encoded once, for text that many lines share. */
export function fixed(text: string): Uint8Array {
	return encoder.encode(text);
}

export function putBytes(out: LineBytes, bytes: Uint8Array): void {
	const { length } = bytes;
	reserve(out, length);
	const target = out.bytes;
	let { at } = out;
	for (let i = 0; i < length; i++) target[at++] = bytes[i]!;
	out.at = at;
}

export function putText(out: LineBytes, text: string): void {
	reserve(out, text.length * 3);
	out.at += encoder.encodeInto(text, out.bytes.subarray(out.at)).written;
}

/** The bytes from `start` up to a NUL. */
export function putName(out: LineBytes, strings: Uint8Array, start: number): void {
	let { at } = out;
	let target = out.bytes;
	for (let i = start; i < strings.length && strings[i] !== 0; i++) {
		if (at >= target.length) {
			out.at = at;
			reserve(out, ROOM);
			target = out.bytes;
		}
		target[at++] = strings[i]!;
	}
	out.at = at;
}

const digits = fixed("0123456789abcdef");

/** `0x1f`; up to 2^53. */
export function putHex(out: LineBytes, value: number): void {
	if (value < 0 || value > 0x7fffffff) {
		putText(out, value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`);
		return;
	}
	reserve(out, 10);
	const { bytes } = out;
	bytes[out.at++] = 0x30;
	bytes[out.at++] = 0x78;
	let shift = 0;
	while (shift < 28 && value >>> (shift + 4) !== 0) shift += 4;
	for (; shift >= 0; shift -= 4) bytes[out.at++] = digits[(value >>> shift) & 15]!;
}

export function putDecimal(out: LineBytes, value: number): void {
	if (value < 0 || value > 0x7fffffff) {
		putText(out, String(value));
		return;
	}
	reserve(out, 10);
	const { bytes } = out;
	let width = 1;
	for (let rest = (value / 10) | 0; rest > 0; rest = (rest / 10) | 0) width++;
	let rest = value;
	for (let i = out.at + width - 1; i >= out.at; i--) {
		const tenth = (rest / 10) | 0;
		bytes[i] = 0x30 + rest - tenth * 10;
		rest = tenth;
	}
	out.at += width;
}

/** `e8 00 00 00 00` */
export function putByteList(out: LineBytes, from: Uint8Array, start: number, length: number): void {
	reserve(out, length * 3);
	const { bytes } = out;
	let at = out.at;
	for (let i = start; i < start + length; i++) {
		const byte = from[i]!;
		bytes[at] = digits[byte >> 4]!;
		bytes[at + 1] = digits[byte & 15]!;
		bytes[at + 2] = 0x20;
		at += 3;
	}
	out.at = at - 1;
}

/** Blanks up to column `width` of a cell that started at `start`, and two between cells. */
export function endCell(out: LineBytes, start: number, width: number): void {
	reserve(out, width + 2);
	const end = Math.max(start + width, out.at) + 2;
	while (out.at < end) out.bytes[out.at++] = 0x20;
}
