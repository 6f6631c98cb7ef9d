// Mutations of ELF files by what their bytes mean: fields of the headers, rows of tables, words of sections; and of bytes
// that mean nothing in particular, where a file ends, and what is twice in it.

import * as fc from "fast-check";
import { type Change, changed, changes } from "./numbers.ts";

interface Field {
	readonly at: number;
	readonly size: 1 | 2 | 4 | 8;
}

/** A file whose fields are known, as it was before any mutation. */
export interface Pattern {
	readonly bytes: Uint8Array;
	readonly fields: readonly Field[];
}

/** Sizes of the fields of ELF64's structures, one after another. */
const shapes = {
	header: [1, 1, 1, 1, 1, 1, 1, 1, 8, 2, 2, 4, 8, 8, 8, 4, 2, 2, 2, 2, 2, 2],
	section: [4, 4, 8, 8, 8, 8, 4, 4, 8, 8],
	segment: [4, 4, 8, 8, 8, 8, 8, 8],
	symbol: [4, 1, 1, 2, 8, 8],
	rela: [8, 4, 4, 8],
	words: [4],
} as const;
const SHT_SYMTAB = 2;
const SHT_RELA = 4;
const SHT_NOBITS = 8;
/** How many rows of one table, and words of one section, a pattern has at most. */
const MOST_ROWS = 64;

export function patternOf(bytes: Uint8Array): Pattern {
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	const fields: Field[] = [];
	const rows = (shape: keyof typeof shapes, at: number, length: number): void => {
		const size = shapes[shape].reduce<number>((sum, one) => sum + one, 0);
		for (let row = 0; row < MOST_ROWS && (row + 1) * size <= length; row++) {
			let place = at + row * size;
			for (const one of shapes[shape]) {
				if (place + one <= bytes.length) fields.push({ at: place, size: one });
				place += one;
			}
		}
	};
	const word = (at: number): number => Number(view.getBigUint64(at, true));
	rows("header", 0, 64);
	const sections = word(40);
	const count = view.getUint16(60, true);
	rows("segment", word(32), view.getUint16(56, true) * 56);
	rows("section", sections, count * 64);
	for (let i = 0; i < count; i++) {
		const header = sections + i * 64;
		const type = view.getUint32(header + 4, true);
		const [start, length] = [word(header + 24), word(header + 32)];
		if (type === SHT_SYMTAB) rows("symbol", start, length);
		else if (type === SHT_RELA) rows("rela", start, length);
		else if (type !== SHT_NOBITS) rows("words", start, length);
	}
	return { bytes, fields };
}

export type Edit =
	| { readonly kind: "field"; readonly field: number; readonly change: Change }
	| { readonly kind: "bytes"; readonly at: number; readonly bytes: readonly number[] }
	| { readonly kind: "copy"; readonly from: number; readonly to: number; readonly length: number }
	| { readonly kind: "cut"; readonly at: number }
	| { readonly kind: "insert"; readonly at: number; readonly bytes: readonly number[] };

const share = fc.nat(0xffff);
const edit: fc.Arbitrary<Edit> = fc.oneof(
	{
		weight: 12,
		arbitrary: fc.record({ kind: fc.constant("field" as const), field: fc.nat(100_000), change: changes }),
	},
	{
		weight: 4,
		arbitrary: fc.record({
			kind: fc.constant("bytes" as const),
			at: share,
			bytes: fc.array(fc.nat(255), { minLength: 1, maxLength: 8 }),
		}),
	},
	{
		weight: 2,
		arbitrary: fc.record({ kind: fc.constant("copy" as const), from: share, to: share, length: fc.nat(64) }),
	},
	{ weight: 1, arbitrary: fc.record({ kind: fc.constant("cut" as const), at: share }) },
	{
		weight: 1,
		arbitrary: fc.record({
			kind: fc.constant("insert" as const),
			at: share,
			bytes: fc.array(fc.nat(255), { minLength: 1, maxLength: 16 }),
		}),
	},
);

export const elfEdits: fc.Arbitrary<readonly Edit[]> = fc.array(edit, { minLength: 1, maxLength: 6 });

/** The bytes with all edits made, in their order. */
export function editedElf({ bytes, fields }: Pattern, edits: readonly Edit[]): Uint8Array {
	let now = bytes.slice();
	for (const edit of edits) now = edited(now, fields, edit);
	return now;
}

function edited(bytes: Uint8Array, fields: readonly Field[], edit: Edit): Uint8Array<ArrayBuffer> {
	const now = bytes.slice();
	const place = (at: number): number => Math.floor((at * now.length) / 0x10000);
	switch (edit.kind) {
		case "field": {
			const field = fields[edit.field % Math.max(1, fields.length)];
			if (field !== undefined && field.at + field.size <= now.length) changeField(now, fields, field, edit.change);
			return now;
		}
		case "bytes":
			now.set(edit.bytes.slice(0, now.length - place(edit.at)), place(edit.at));
			return now;
		case "copy":
			now.copyWithin(place(edit.to), place(edit.from), place(edit.from) + edit.length);
			return now;
		case "cut":
			return now.slice(0, place(edit.at));
		case "insert":
			return new Uint8Array([...now.subarray(0, place(edit.at)), ...edit.bytes, ...now.subarray(place(edit.at))]);
	}
}

function changeField(bytes: Uint8Array, fields: readonly Field[], field: Field, change: Change): void {
	const other = (index: number): bigint => {
		const one = fields[index % fields.length]!;
		return one.at + one.size <= bytes.length ? read(bytes, one) : 0n;
	};
	const value = changed(read(bytes, field), change, other);
	for (let i = 0; i < field.size; i++) bytes[field.at + i] = Number((value >> BigInt(8 * i)) & 255n);
}

function read(bytes: Uint8Array, { at, size }: Field): bigint {
	let value = 0n;
	for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[at + i]!);
	return value;
}
