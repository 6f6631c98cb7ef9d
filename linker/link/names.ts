// Interned symbol names, as bytes: open addressing over typed arrays, no JavaScript string per name. A link looks up
// every mention of every global symbol here. The names lie behind each other as in an ELF string table, and become one.

export interface NameTable {
	count: number;
	/** NUL-terminated names; byte 0 is the empty name. */
	bytes: Uint8Array;
	size: number;
	/** Per id: where its name starts in `bytes`. */
	start: Uint32Array;
	/** Per id. */
	hash: Uint32Array;
	/** Id + 1, or 0 for a free slot; the length is a power of two, more than twice `count`. */
	slots: Uint32Array;
}

export function newNameTable(): NameTable {
	return {
		count: 0,
		bytes: new Uint8Array(1 << 12),
		size: 1,
		start: new Uint32Array(1 << 8),
		hash: new Uint32Array(1 << 8),
		slots: new Uint32Array(1 << 10),
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

function hashOf(strings: Uint8Array, offset: number): number {
	let hash = 0x811c9dc5;
	for (let i = offset; strings[i]! > 0; i++) hash = Math.imul(hash ^ strings[i]!, 0x01000193);
	return (hash ^ (hash >>> 15)) >>> 0;
}

/** The slot that holds the name's id, or the free one where it belongs. */
function slotOf(table: NameTable, hash: number, strings: Uint8Array, offset: number): number {
	const mask = table.slots.length - 1;
	let slot = hash & mask;
	for (let id = table.slots[slot]! - 1; id >= 0; id = table.slots[slot]! - 1) {
		if (table.hash[id] === hash && isSame(table.bytes, table.start[id]!, strings, offset)) return slot;
		slot = (slot + 1) & mask;
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
	let end = offset;
	while (strings[end]! > 0) end++;
	const id = table.count++;
	if (id === table.start.length) growIds(table);
	table.start[id] = addBytes(table, strings.subarray(offset, end));
	table.hash[id] = hash;
	table.slots[slot] = id + 1;
	if (table.count * 2 > table.slots.length) rehash(table);
	return id;
}

/** Appends a name without making it known, for local symbols; returns where it starts. */
export function addBytes(table: NameTable, name: Uint8Array): number {
	const start = table.size;
	const size = start + name.length + 1;
	if (size > table.bytes.length) {
		const larger = new Uint8Array(Math.max(size, table.bytes.length * 2));
		larger.set(table.bytes);
		table.bytes = larger;
	}
	table.bytes.set(name, start);
	table.size = size;
	return start;
}

function growIds(table: NameTable): void {
	table.start = doubled(table.start);
	table.hash = doubled(table.hash);
}

export function doubled(column: Uint32Array): Uint32Array {
	const larger = new Uint32Array(column.length * 2);
	larger.set(column);
	return larger;
}

function rehash(table: NameTable): void {
	const slots = new Uint32Array(table.slots.length * 2);
	const mask = slots.length - 1;
	for (let id = 0; id < table.count; id++) {
		let slot = table.hash[id]! & mask;
		while (slots[slot] !== 0) slot = (slot + 1) & mask;
		slots[slot] = id + 1;
	}
	table.slots = slots;
}
