// Words of 32 bits, little-endian: as bytes, and where a program has them.

import { Cpu } from "./layout.ts";
import { readVirtual } from "./memory.ts";
import { physicalIn } from "./page-table.ts";
import { getCpu, type Machine } from "./state.ts";
import { loadedByte } from "./store-buffer.ts";

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

/** Signed, as a CPU itself would load it: a store of its own that waits in its buffer counts. Undefined where nothing is
 * mapped. */
export function loadedWord(machine: Machine, cpu: number, address: number): number | undefined {
	const space = getCpu(machine, cpu, Cpu.space);
	let word = 0;
	for (let i = 0; i < 4; i++) {
		const physical = physicalIn(machine, space, (address + i) >>> 0);
		if (physical < 0) return undefined;
		word |= loadedByte(machine, cpu, physical) << (8 * i);
	}
	return word;
}
