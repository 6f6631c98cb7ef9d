// Interned symbol names, as bytes: open addressing over typed arrays, no JavaScript string per name. A link looks up
// every mention of every global symbol here, and spends most of its time waiting for this memory. The names lie behind
// each other as in an ELF string table, and become one.

import { viewOf } from "../elf/words.ts";

/** Bytes to be read four at a time. */
export interface Names {
	readonly bytes: Uint8Array;
	readonly view: DataView;
	/** The last offset where four bytes can be read. */
	readonly lastWord: number;
}

/** The bytes of names, to be read four at a time. */
export function namesIn(bytes: Uint8Array): Names {
	return { bytes, view: viewOf(bytes), lastWord: bytes.length - 4 };
}

/** The interned names of a link: a name has an id, from 0 on, by which columns know it. */
export interface NameTable {
	count: number;
	/** NUL-terminated names, `size` bytes of them; byte 0 is the empty name. */
	names: Names;
	size: number;
	/** Per id: where its name starts in `names`. */
	start: Uint32Array;
	/** Pairs {id + 1 or 0 when free, hash}; their number is a power of two and at least twice `count`. */
	slots: Int32Array;
	/** Room for the hashes of the names that are looked up together. */
	hashes: Int32Array;
}

/** @param expected how many names there may be @param together how many are looked up at once; more are fine */
export function newNameTable(expected: number, together = 64): NameTable {
	const capacity = 2 ** Math.ceil(Math.log2(expected + 64));
	return {
		count: 0,
		names: namesIn(new Uint8Array(capacity * 16)),
		size: 1,
		start: new Uint32Array(capacity),
		slots: new Int32Array(capacity * 4),
		hashes: new Int32Array(together),
	};
}

/** Puts the ids of the NUL-terminated names at `offsets[which[i]]` into `ids[which[i]]`; they count up from 0 in the order
 * of first mention. Goes through the names three times, so that the processor can wait for many places in memory at once:
 * hash all, look all up where they most likely are, then confirm or look further. */
export function intern(
	table: NameTable,
	strings: Uint8Array,
	offsets: Uint32Array,
	which: Uint32Array,
	ids: Uint32Array,
): void {
	const { length } = which;
	if (table.hashes.length < length) table.hashes = new Int32Array(length * 2);
	const { hashes, slots } = table;
	const names = namesIn(strings);
	const mask = slots.length - 2;
	for (let i = 0; i < length; i++) hashes[i] = hashOf(names, offsets[which[i]!]!);
	for (let i = 0; i < length; i++) {
		const slot = (hashes[i]! << 1) & mask;
		ids[which[i]!] = slots[slot + 1] === hashes[i] ? slots[slot]! : 0;
	}
	for (let i = 0; i < length; i++) {
		const at = which[i]!;
		const guess = ids[at]! - 1;
		const right = guess >= 0 && isSame(table.names, table.start[guess]!, names, offsets[at]!);
		ids[at] = right ? guess : internOne(table, hashes[i]!, names, offsets[at]!);
	}
}

function internOne(table: NameTable, hash: number, names: Names, offset: number): number {
	const slot = slotOf(table, hash, names, offset);
	const known = table.slots[slot]!;
	return known > 0 ? known - 1 : add(table, slot, hash, names, offset);
}

/** The id of a name, or -1 when nothing has mentioned it. */
export function idOf(table: NameTable, name: string): number {
	const names = namesIn(encoder.encode(name));
	return table.slots[slotOf(table, hashOf(names, 0), names, 0)]! - 1;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The name with an id. */
export function nameOf(table: NameTable, id: number): string {
	const { bytes } = table.names;
	const start = table.start[id]!;
	return decoder.decode(bytes.subarray(start, bytes.indexOf(0, start)));
}

/** Four bytes of a name; a table that ends without NUL ends its last name. */
function wordAt({ view, bytes, lastWord }: Names, at: number): number {
	if (at <= lastWord) return view.getInt32(at, true);
	let word = 0;
	for (let i = bytes.length - 1; i >= at; i--) word = (word << 8) | bytes[i]!;
	return word;
}

/** The highest bit of the first byte of the word that is NUL; 0 when there is none. */
function endOf(word: number): number {
	const zeros = (word - 0x01010101) & ~word & 0x80808080;
	return zeros & -zeros;
}

/** A signed 32-bit number. */
function hashOf(names: Names, offset: number): number {
	let hash = 0;
	for (let at = offset; ; at += 4) {
		const word = wordAt(names, at);
		const end = endOf(word);
		const bytes = end === 0 ? word : word & ((end >>> 7) - 1);
		hash = Math.imul(hash ^ bytes, 0x9e3779b1);
		hash ^= hash >>> 15;
		if (end !== 0) return hash;
	}
}

/** The index in `slots` of the pair that holds the name, or of the free one where it belongs. */
function slotOf({ slots, names: known, start }: NameTable, hash: number, names: Names, offset: number): number {
	const mask = slots.length - 2;
	let slot = (hash << 1) & mask;
	for (let next = slots[slot]!; next > 0; next = slots[slot]!) {
		if (slots[slot + 1] === hash && isSame(known, start[next - 1]!, names, offset)) break;
		slot = (slot + 2) & mask;
	}
	return slot;
}

function isSame(known: Names, start: number, names: Names, offset: number): boolean {
	for (let i = 0; ; i += 4) {
		const word = wordAt(known, start + i);
		const other = wordAt(names, offset + i);
		const end = endOf(word);
		if (end !== 0) return ((word ^ other) & (end | (end - 1))) === 0;
		if (word !== other) return false;
	}
}

function add(table: NameTable, slot: number, hash: number, names: Names, offset: number): number {
	const id = table.count++;
	if (id === table.start.length) table.start = doubled(table.start);
	table.start[id] = addName(table, names, offset);
	table.slots[slot] = id + 1;
	table.slots[slot + 1] = hash;
	if (table.count * 4 > table.slots.length) rehash(table);
	return id;
}

/** Appends a name without making it known, as local symbols want it; returns where it starts. */
export function addName(table: NameTable, { bytes }: Names, offset: number): number {
	const start = table.size;
	let end = offset;
	while (bytes[end]! > 0) end++;
	table.size = start + (end - offset) + 1;
	if (table.size > table.names.bytes.length) {
		const larger = new Uint8Array(Math.max(table.size, table.names.bytes.length * 2));
		larger.set(table.names.bytes);
		table.names = namesIn(larger);
	}
	const to = table.names.bytes;
	for (let i = 0; i < end - offset; i++) to[start + i] = bytes[offset + i]!;
	return start;
}

/** The column with room for twice as many. */
export function doubled(column: Uint32Array): Uint32Array {
	const larger = new Uint32Array(column.length * 2);
	larger.set(column);
	return larger;
}

function rehash(table: NameTable): void {
	const old = table.slots;
	const slots = new Int32Array(old.length * 2);
	const mask = slots.length - 2;
	for (let i = 0; i < old.length; i += 2) {
		if (old[i] === 0) continue;
		let slot = (old[i + 1]! << 1) & mask;
		while (slots[slot] !== 0) slot = (slot + 2) & mask;
		slots[slot] = old[i]!;
		slots[slot + 1] = old[i + 1]!;
	}
	table.slots = slots;
}
