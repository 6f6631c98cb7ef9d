// Bytes of a process by stretches: places that lie near each other are read and written together, for every call of the kernel
// costs as much as copying a page.

import type { Memory } from "./memory.ts";

/** Some bytes at an address. */
export interface Extent {
	readonly address: number;
	readonly length: number;
}

/** A stretch of memory, with its bytes. */
export interface Range {
	readonly address: number;
	readonly bytes: Uint8Array;
}

/** As the kernel copies; of machines with larger ones it divides those. */
export const PAGE = 4096;

/** Reads all places. A stretch never holds a whole page without one: writing it back would give the process a copy of that page.
 * @param places sorted by address */
export function readRanges(memory: Pick<Memory, "read">, places: readonly Extent[]): Range[] {
	const ranges: Range[] = [];
	for (let first = 0; first < places.length; ) {
		const { address } = places[first]!;
		let end = address + places[first]!.length;
		let next = first + 1;
		while (next < places.length && isNear(end, places[next]!.address)) {
			end = Math.max(end, places[next]!.address + places[next]!.length);
			next++;
		}
		ranges.push({ address, bytes: memory.read(address, end - address) });
		first = next;
	}
	return ranges;
}

/** Whether they lie in the same page or in neighbours. */
function isNear(end: number, next: number): boolean {
	return Math.floor(next / PAGE) - Math.floor((end - 1) / PAGE) <= 1;
}

/** The bytes of a place, a view of the range it was read with. */
export function bytesAt(ranges: readonly Range[], { address, length }: Extent): Uint8Array {
	let low = 0;
	let high = ranges.length - 1;
	while (low < high) {
		const middle = (low + high + 1) >>> 1;
		if (ranges[middle]!.address <= address) low = middle;
		else high = middle - 1;
	}
	const range = ranges[low]!;
	return range.bytes.subarray(address - range.address, address - range.address + length);
}

export function isSame(a: Uint8Array, b: Uint8Array): boolean {
	return Buffer.compare(a, b) === 0;
}
