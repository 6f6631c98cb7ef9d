// How long a zstd frame is, as RFC 8878 lays frames out: a header, blocks with their lengths, and perhaps a checksum.

import { viewOf } from "../../linker/elf/words.ts";

/** Flags of the descriptor, the byte behind the magic number. */
const SINGLE_SEGMENT = 0x20;
const CHECKSUM = 4;
const contentSizes = [0, 2, 4, 8];
const dictionarySizes = [0, 1, 2, 4];
/** The type of a block that repeats one byte. */
const REPEATED = 1;
/** More than a length may not follow the frame. */
const MOST_BEHIND = 4;

/** Where the frame at the start ends. @throws Error where it is cut off, or another one follows */
export function endOfFrame(bytes: Uint8Array): number {
	const descriptor = bytes[4] ?? 0;
	const isSingle = (descriptor & SINGLE_SEGMENT) !== 0;
	const content = contentSizes[descriptor >> 6] || (isSingle ? 1 : 0);
	let at = 5 + (isSingle ? 0 : 1) + dictionarySizes[descriptor & 3]! + content;
	for (let isLast = false; !isLast; ) {
		if (at + 3 > bytes.length) throw new Error("it is cut off");
		const head = viewOf(bytes).getUint16(at, true) | (bytes[at + 2]! << 16);
		isLast = (head & 1) !== 0;
		at += 3 + (((head >> 1) & 3) === REPEATED ? 1 : head >> 3);
	}
	if ((descriptor & CHECKSUM) !== 0) at += 4;
	if (at > bytes.length) throw new Error("it is cut off");
	if (at + MOST_BEHIND < bytes.length) throw new Error("it has more than one frame");
	return at;
}
