// Words of 32 bits, little-endian: as bytes, and where a program has them.

import { readVirtual } from "./memory.ts";
import type { Machine } from "./state.ts";

export function wordBytes(value: number): Uint8Array {
	const bytes = new Uint8Array(4);
	new DataView(bytes.buffer).setUint32(0, value, true);
	return bytes;
}

/** Unsigned: the first of the bytes. */
export function wordOf(bytes: Uint8Array): number {
	return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
}

/** Signed, as registers are; undefined where nothing is mapped. */
export function readWord(machine: Machine, space: number, address: number): number | undefined {
	const bytes = readVirtual(machine, space, address, 4);
	return bytes && wordOf(bytes) | 0;
}
