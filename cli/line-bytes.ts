// Text by the million lines: put together as bytes in one buffer, handed to the terminal a chunk at a time. What is put
// may write a few bytes behind its end, which the next overwrites: whole words are much faster than bytes.

import { viewOf } from "../linker/elf/words.ts";
import type { Terminal } from "./terminal.ts";

export interface LineBytes {
	bytes: Uint8Array;
	view: DataView;
	at: number;
}

/** Text that many lines share. */
export interface Fixed {
	readonly bytes: Uint8Array;
	/** The same and some zeros. */
	readonly words: Uint32Array;
}

const CHUNK = 1 << 18;
/** Longer lines make the buffer grow. */
const ROOM = 1 << 14;
/** How far behind the end something may be written. */
const SLACK = 16;

export function newLineBytes(size = CHUNK + ROOM): LineBytes {
	const bytes = new Uint8Array(size);
	return { bytes, view: viewOf(bytes), at: 0 };
}

/** Makes room for `size` bytes more. Everything that puts bytes calls it. */
function reserve(out: LineBytes, size: number): void {
	if (out.at + size + SLACK > out.bytes.length) grow(out, size);
}

function grow(out: LineBytes, size: number): void {
	const larger = new Uint8Array(Math.max(out.bytes.length * 2, out.at + size + SLACK));
	larger.set(out.bytes.subarray(0, out.at));
	out.bytes = larger;
	out.view = viewOf(larger);
}

export function isFull(out: LineBytes): boolean {
	return out.at >= CHUNK;
}

export async function flush(out: LineBytes, terminal: Terminal): Promise<void> {
	if (out.at > 0) await terminal.write(out.bytes.subarray(0, out.at));
	out.at = 0;
}

const encoder = new TextEncoder();

export function fixed(text: string): Fixed {
	const bytes = encoder.encode(text);
	const padded = new Uint8Array((bytes.length + 3) & ~3);
	padded.set(bytes);
	const view = viewOf(padded);
	return { bytes, words: Uint32Array.from({ length: padded.length / 4 }, (_, i) => view.getUint32(i * 4, true)) };
}

/** From here on a copy by words takes longer than a call of what copies bytes. */
const LONG = 48;

export function put(out: LineBytes, { bytes, words }: Fixed): void {
	const { length } = bytes;
	reserve(out, length);
	const { at, view } = out;
	if (length > LONG) out.bytes.set(bytes, at);
	else for (let i = 0; i < words.length; i++) view.setUint32(at + i * 4, words[i]!, true);
	out.at = at + length;
}

export function putText(out: LineBytes, text: string): void {
	reserve(out, text.length * 3);
	out.at += encoder.encodeInto(text, out.bytes.subarray(out.at)).written;
}

/** The bytes from `start` up to a NUL. */
export function putName(out: LineBytes, strings: DataView, start: number): void {
	let at = start;
	for (; at + 4 <= strings.byteLength; at += 4) {
		reserve(out, 4);
		const word = strings.getUint32(at, true);
		out.view.setUint32(out.at, word, true);
		/** The top bit of each byte that is NUL, right up to the first. */
		const ends = (word - 0x01010101) & ~word & 0x80808080;
		out.at += ends === 0 ? 4 : (31 - Math.clz32(ends & -ends)) >> 3;
		if (ends !== 0) return;
	}
	for (; at < strings.byteLength && strings.getUint8(at) !== 0; at++) {
		reserve(out, 1);
		out.view.setUint8(out.at++, strings.getUint8(at));
	}
}

/** `0x1f`; up to 2^53. */
export function putHex(out: LineBytes, value: number): void {
	if (value < 0 || value > 0x7fffffff) {
		putText(out, value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`);
		return;
	}
	reserve(out, 10);
	const { bytes, at } = out;
	bytes[at] = 0x30;
	bytes[at + 1] = 0x78;
	const end = at + 2 + ((35 - Math.clz32(value | 1)) >> 2);
	for (let i = end - 1, rest = value; i >= at + 2; i--, rest >>>= 4) bytes[i] = digits.bytes[rest & 15]!;
	out.at = end;
}
const digits = fixed("0123456789abcdef");

export function putDecimal(out: LineBytes, value: number): void {
	if (value < 0 || value > 0x7fffffff) {
		putText(out, String(value));
		return;
	}
	reserve(out, 10);
	const { bytes, at } = out;
	let width = 1;
	for (let most = 10; most <= value; most *= 10) width++;
	for (let i = at + width - 1, rest = value; i >= at; i--) {
		const tenth = (rest / 10) | 0;
		bytes[i] = 0x30 + rest - tenth * 10;
		rest = tenth;
	}
	out.at = at + width;
}

/** Per byte `e8 `, as a word. */
const byteCells = Uint32Array.from(
	{ length: 256 },
	(_, byte) => fixed(`${byte.toString(16).padStart(2, "0")} `).words[0]!,
);

/** `e8 00 00 00 00` */
export function putByteList(out: LineBytes, from: Uint8Array, start: number, length: number): void {
	reserve(out, length * 3);
	const { view, at } = out;
	for (let i = 0; i < length; i++) view.setUint32(at + i * 3, byteCells[from[start + i]!]!, true);
	out.at = at + length * 3 - 1;
}

const blanks = 0x20202020;

/** Blanks up to column `width` of a cell that started at `start`, and two between cells. */
export function endCell(out: LineBytes, start: number, width: number): void {
	reserve(out, width + 2);
	const { view } = out;
	const end = Math.max(start + width, out.at) + 2;
	for (let at = out.at; at < end; at += 4) view.setUint32(at, blanks, true);
	out.at = end;
}
