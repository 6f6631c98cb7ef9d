// ELF string tables, NUL-terminated UTF-8: a growing one for writers, and lazy decoding for readers.

import { ArgumentError } from "../errors.ts";

/** A string table under construction: equal strings share one entry. */
export interface StringTable {
	bytes: Uint8Array;
	size: number;
	readonly offsets: Map<string, number>;
}

/** The empty string is at offset 0, as ELF demands. */
export function newStringTable(): StringTable {
	return { bytes: new Uint8Array(256), size: 1, offsets: new Map([["", 0]]) };
}

/** The offset of `text` in the table, where it is added unless it is there already. */
export function addString(table: StringTable, text: string): number {
	const known = table.offsets.get(text);
	if (known !== undefined) return known;
	if (text.includes("\0")) throw new ArgumentError(`a name cannot contain NUL: ${JSON.stringify(text)}`);
	const offset = table.size;
	reserve(table, text.length * 3 + 1);
	table.size += encode(text, table.bytes, offset) + 1;
	table.offsets.set(text, offset);
	return offset;
}

/** The table's bytes, a copy. */
export function stringTableBytes(table: StringTable): Uint8Array {
	return table.bytes.slice(0, table.size);
}

function reserve(table: StringTable, extra: number): void {
	if (table.size + extra <= table.bytes.length) return;
	const larger = new Uint8Array(Math.max(table.bytes.length * 2, table.size + extra));
	larger.set(table.bytes.subarray(0, table.size));
	table.bytes = larger;
}

const encoder = new TextEncoder();

function encode(text: string, into: Uint8Array, at: number): number {
	for (let i = 0; i < text.length; i++) {
		const code = text.charCodeAt(i);
		if (code > 127) {
			into.fill(0, at, at + i);
			return encoder.encodeInto(text, into.subarray(at)).written;
		}
		into[at + i] = code;
	}
	return text.length;
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
/** Texts of the tables with one UTF-16 unit per byte, where offsets in the text are offsets in the bytes; else undefined. */
const decodedTables = new WeakMap<Uint8Array, { readonly text: string | undefined }>();

/** The string that starts at `offset`. The whole table is decoded once, when the first string of it is asked for. */
export function stringAt(strings: Uint8Array, offset: number): string {
	if (offset === 0) return "";
	let decoded = decodedTables.get(strings);
	if (decoded === undefined) {
		const text = decoder.decode(strings);
		decoded = { text: text.length === strings.length ? text : undefined };
		decodedTables.set(strings, decoded);
	}
	if (decoded.text === undefined) return decodeString(strings, offset);
	const end = decoded.text.indexOf("\0", offset);
	return decoded.text.slice(offset, end < 0 ? undefined : end);
}

/** As `stringAt`, but without keeping anything. */
export function decodeString(strings: Uint8Array, offset: number): string {
	const end = strings.indexOf(0, offset);
	return decoder.decode(strings.subarray(offset, end < 0 ? strings.length : end));
}
