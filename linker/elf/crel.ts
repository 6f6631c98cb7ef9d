// Relocations in the compact form that clang writes with --crel: differences from the entry before, as LEB128 numbers.

import { LinkError } from "../errors.ts";
import { failAt, newCursor, readByte, readSigned, readUnsigned } from "./cursor.ts";
import type { Relocations } from "./object.ts";
import { allocateRelocations, checkRelocation, type RelocationTableSource } from "./tables.ts";

/** Bits of an entry's first byte: which of the fields differ from those of the entry before. */
const NEW_SYMBOL = 1;
const NEW_TYPE = 2;
const NEW_ADDEND = 4;
/** In the header: the entries have addends. The two bits below it say how far offsets are shifted. */
const HAS_ADDENDS = 4;

/** @throws LinkError for an entry that is not as `readRelocations` wants it, or where the entries do not end with the bytes */
export function readCompactRelocations(source: Omit<RelocationTableSource, "implicitAddends">): Relocations {
	const cursor = newCursor(source.bytes, source.place);
	const header = readUnsigned(cursor);
	const count = Math.floor(header / 8);
	const hasAddends = (header & HAS_ADDENDS) !== 0;
	if (count > source.bytes.length) failAt(cursor, `${count} relocations in ${source.bytes.length} bytes`, 0);
	const columns = allocateRelocations(count);
	const flagBits = hasAddends ? 3 : 2;
	const scale = 2 ** (header & 3);
	let [offset, symbol, type, addend] = [0, 0, 0, 0];
	for (let i = 0; i < count; i++) {
		const at = cursor.at;
		const first = readByte(cursor);
		offset += (first & 127) >> flagBits;
		if (first >= 128) offset += readUnsigned(cursor) * 2 ** (7 - flagBits);
		if ((first & NEW_SYMBOL) !== 0) symbol = (symbol + readSigned(cursor)) >>> 0;
		if ((first & NEW_TYPE) !== 0) type = (type + readSigned(cursor)) >>> 0;
		if (hasAddends && (first & NEW_ADDEND) !== 0) addend += readSigned(cursor);
		columns.offset[i] = offset * scale;
		columns.symbol[i] = symbol;
		columns.type[i] = type;
		columns.addend[i] = addend;
		checkRelocation(source, columns, i, at);
	}
	if (cursor.at !== cursor.end) throw new LinkError(`${source.place}: has bytes behind its ${count} relocations`);
	return hasAddends ? columns : { ...columns, implicitAddends: true };
}
