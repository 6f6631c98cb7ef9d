// The filter for branches of x86 that xz puts in front of LZMA2 (`xz --x86`): calls and jumps hold the address that they go to
// instead of the distance, since equal bytes compress better.

import { viewOf } from "../../linker/elf/words.ts";

/** CALL or JMP with a displacement of 32 bits, and a byte that such a displacement ends in: it is within ±16 MiB. */
const isBranch = (byte: number): boolean => byte === 0xe8 || byte === 0xe9;
const isSign = (byte: number): boolean => byte === 0 || byte === 0xff;
/** Bytes of a displacement. */
const FIELD = 4;

/** By the branches that began in the three bytes before (1 for the byte before, 2, 4): whether another may be there, and
 * which byte of its displacement then lies in the field of the last of them. */
const mayFollow = [true, true, true, false, true, false, false, false];
const sharedByte = [0, 1, 2, 2, 3, 3, 3, 3];

/** Gives branches their distances back, in place. */
export function undoX86Filter(bytes: Uint8Array): void {
	const view = viewOf(bytes);
	const last = bytes.length - 1 - FIELD;
	let before = 0;
	let previous = -1;
	for (let at = 0; at <= last; at++) {
		if (!isBranch(bytes[at]!)) continue;
		const distance = at - previous;
		before = distance > 3 ? 0 : (before << (distance - 1)) & 7;
		previous = at;
		const isFree = before === 0 || (mayFollow[before] && !isSign(bytes[at + FIELD - sharedByte[before]!]!));
		if (!isFree || !isSign(bytes[at + FIELD]!)) {
			before = (before << 1) | 1;
			continue;
		}
		view.setInt32(at + 1, distanceOf(view.getUint32(at + 1, true), at + 1 + FIELD, before), true);
		at += FIELD;
	}
}

/** The distance for which the filter stored an address of 25 bits with its sign. */
function distanceOf(stored: number, behind: number, before: number): number {
	const shift = 8 * sharedByte[before]!;
	let found = (stored - behind) >>> 0;
	while (before !== 0 && isSign((found >>> (24 - shift)) & 0xff)) {
		const flipped = (found ^ (2 ** (32 - shift) - 1)) >>> 0;
		found = (flipped - behind) >>> 0;
	}
	return (found << 7) >> 7;
}
