// A zstd frame, by zstddec: the reference decoder as WebAssembly. It does not tell a damaged frame from a slow one, so it is
// given one whole frame, and stopped when it stands still.

import { ZSTDDecoder } from "zstddec/stream";
import { joined } from "../../linker/elf/words.ts";
import { endOfFrame } from "./zstd-frame.ts";

/** What the first frame stands for. A few bytes may follow it, but no other frame.
 * @throws Error for a damaged frame, or one that stands for more than `most` bytes */
export async function unzstd(bytes: Uint8Array, most: number): Promise<Uint8Array> {
	const decoder = new ZSTDDecoder();
	await decoder.init();
	const pieces: Uint8Array[] = [];
	let size = 0;
	let standing = 0;
	for (const piece of decoder.decodeStreaming([bytes.subarray(0, endOfFrame(bytes))])) {
		// Each step takes or gives something, unless it fails; the last one may give nothing.
		standing = piece.length === 0 ? standing + 1 : 0;
		if (standing > 1) throw new Error("the data are damaged");
		size += piece.length;
		if (size > most) throw new Error(`it stands for more than ${most} bytes`);
		pieces.push(piece);
	}
	return joined(pieces);
}
