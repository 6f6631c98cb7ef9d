// Tables of fixed rows that objects and images have: the shape of each as data, and what reads and writes a field of any.
//
//     site row       0        4        8          label row     0        4        8        12
//                    | address |  key   |                        | address | target |  key   |
//
// A relative field holds the distance to what it means from its own place, as Linux's tables do; a word holds an
// address or a number, a byte a small number.

import { SIGNATURES_SECTION } from "./signatures.ts";
import {
	ALTERNATIVES_SECTION,
	ENTRIES_SECTION,
	LABELS_SECTION,
	OPERATION_CALLS_SECTION,
	SITES_SECTION,
} from "./static-calls.ts";

/** Where a field of a row is, and how it says what it says. */
export interface Field {
	/** Bytes from the start of the row. */
	readonly at: number;
	readonly kind: "relative" | "word" | "byte";
}

/** The shape of a table's rows. */
export interface RowShape<Name extends string = string> {
	/** The section that the table is. */
	readonly section: string;
	/** Bytes of a row. */
	readonly bytes: number;
	readonly fields: Readonly<Record<Name, Field>>;
}

const relative = (at: number): Field => ({ at, kind: "relative" });
const word = (at: number): Field => ({ at, kind: "word" });
const byte = (at: number): Field => ({ at, kind: "byte" });

function shape<Name extends string>(section: string, bytes: number, fields: Record<Name, Field>): RowShape<Name> {
	return { section, bytes, fields };
}

/** A call site; the key's address has the flags TAIL and INIT added. */
export const siteRow = shape(SITES_SECTION, 8, { address: relative(0), key: relative(4) });
/** A branch that follows a static key; the key's address has the flags EXPECTED and INIT added. */
export const labelRow = shape(LABELS_SECTION, 12, { address: relative(0), target: relative(4), key: relative(8) });
/** A function that begins with NOP5. */
export const entryRow = shape(ENTRIES_SECTION, 4, { address: word(0) });
/** A call of a paravirt operation. */
export const operationCallRow = shape(OPERATION_CALLS_SECTION, 12, {
	address: word(0),
	operation: word(4),
	bytes: byte(8),
	clobbers: byte(9),
	done: byte(10),
});
/** Code with a replacement, for machines that have a feature or lack it. */
export const alternativeRow = shape(ALTERNATIVES_SECTION, 16, {
	address: word(0),
	replacement: word(4),
	feature: word(8),
	bytes: byte(12),
	replacementBytes: byte(13),
	done: byte(14),
});
/** The signature of a function or key. */
export const signatureRow = shape(SIGNATURES_SECTION, 12, { symbol: word(0), low: word(4), high: word(8) });

/** The signature of the row at `row`, a number of two words. */
export function readSignature(view: DataView, row: number): number {
	const { low, high } = signatureRow.fields;
	return readField(view, 0, row, low) + readField(view, 0, row, high) * 2 ** 32;
}

/** The two words of a signature, as `appendWord` takes them. */
export function signatureWords(signature: number): [low: number, high: number] {
	return [signature % 2 ** 32, Math.floor(signature / 2 ** 32)];
}

/** What a field of the row at `row` says. @param base address of the table, which relative fields count from */
export function readField(view: DataView, base: number, row: number, { at, kind }: Field): number {
	const place = row + at;
	if (kind === "relative") return base + place + view.getInt32(place, true);
	return kind === "word" ? view.getUint32(place, true) : view.getUint8(place);
}

/** Makes a field of the row at `row` say `value`. @param base address of the table, which relative fields count from */
export function writeField(view: DataView, base: number, row: number, { at, kind }: Field, value: number): void {
	const place = row + at;
	if (kind === "relative") view.setInt32(place, value - (base + place), true);
	else if (kind === "word") view.setUint32(place, value, true);
	else view.setUint8(place, value);
}

/** Where the whole rows of a table start in its bytes. What is left over at the end is no row. */
export function rowStarts({ bytes }: RowShape, length: number): number[] {
	return Array.from({ length: Math.floor(length / bytes) }, (_, i) => i * bytes);
}

/** Whether a table is whole rows and nothing else. */
export function isWhole({ bytes }: RowShape, length: number): boolean {
	return length % bytes === 0;
}
