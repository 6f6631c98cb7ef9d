// Interned symbol names, as bytes: open addressing over typed arrays, no JavaScript string per name. A link looks up
// every mention of every global symbol here. The names lie behind each other as in an ELF string table, and become one.

export interface NameTable {
	count: number;
	/** NUL-terminated names; byte 0 is the empty name. */
	bytes: Uint8Array;
	size: number;
	/** Per id: where its name starts in `bytes`. */
	start: Uint32Array;
	/** Pairs {id + 1 or 0 when free, hash}: looking for a name touches little memory beside. Their number is a power of
	 * two and at least twice `count`. */
	slots: Int32Array;
}

/** @param expected how many names there may be; more are fine */
export function newNameTable(expected: number): NameTable {
	const capacity = 2 ** Math.ceil(Math.log2(expected + 64));
	return {
		count: 0,
		bytes: new Uint8Array(capacity * 16),
		size: 1,
		start: new Uint32Array(capacity),
		slots: new Int32Array(capacity * 4),
	};
}

/** The id of the NUL-terminated name at `offset`; ids count up from 0 in the order of first mention. */
export function intern(table: NameTable, strings: Uint8Array, offset: number): number {
	const hash = hashOf(strings, offset);
	const slot = slotOf(table, hash, strings, offset);
	const known = table.slots[slot]!;
	return known > 0 ? known - 1 : add(table, slot, hash, strings, offset);
}

/** The id of a name, or -1 when nothing has mentioned it. */
export function idOf(table: NameTable, name: string): number {
	const bytes = encoder.encode(`${name}\0`);
	return table.slots[slotOf(table, hashOf(bytes, 0), bytes, 0)]! - 1;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function nameOf(table: NameTable, id: number): string {
	const start = table.start[id]!;
	return decoder.decode(table.bytes.subarray(start, table.bytes.indexOf(0, start)));
}

/** A signed 32-bit number. */
function hashOf(strings: Uint8Array, offset: number): number {
	let hash = 0x811c9dc5 | 0;
	for (let i = offset; strings[i]! > 0; i++) hash = Math.imul(hash ^ strings[i]!, 0x01000193);
	return hash ^ (hash >>> 15);
}

/** The index in `slots` of the pair that holds the name, or of the free one where it belongs. */
function slotOf({ slots, bytes, start }: NameTable, hash: number, strings: Uint8Array, offset: number): number {
	const mask = slots.length - 2;
	let slot = (hash << 1) & mask;
	for (let known = slots[slot]!; known > 0; known = slots[slot]!) {
		if (slots[slot + 1] === hash && isSame(bytes, start[known - 1]!, strings, offset)) break;
		slot = (slot + 2) & mask;
	}
	return slot;
}

/** A table that ends without NUL ends its last name. */
function isSame(bytes: Uint8Array, start: number, strings: Uint8Array, offset: number): boolean {
	let i = 0;
	while (bytes[start + i]! > 0 && bytes[start + i] === strings[offset + i]) i++;
	return bytes[start + i] === (strings[offset + i] ?? 0);
}

function add(table: NameTable, slot: number, hash: number, strings: Uint8Array, offset: number): number {
	const id = table.count++;
	if (id === table.start.length) table.start = doubled(table.start);
	table.start[id] = addName(table, strings, offset);
	table.slots[slot] = id + 1;
	table.slots[slot + 1] = hash;
	if (table.count * 4 > table.slots.length) rehash(table);
	return id;
}

/** Appends a NUL-terminated name without making it known, as local symbols want it; returns where it starts. */
export function addName(table: NameTable, strings: Uint8Array, offset: number): number {
	const start = table.size;
	let end = offset;
	while (strings[end]! > 0) end++;
	table.size = start + (end - offset) + 1;
	if (table.size > table.bytes.length) {
		const larger = new Uint8Array(Math.max(table.size, table.bytes.length * 2));
		larger.set(table.bytes);
		table.bytes = larger;
	}
	for (let i = offset, to = start; i < end; i++, to++) table.bytes[to] = strings[i]!;
	return start;
}

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
