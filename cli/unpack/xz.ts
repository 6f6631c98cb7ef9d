// An xz stream, by xz-decompress: xz-embedded as WebAssembly. It waits for ever for what is cut off, has no bound, and knows
// no filter for branches, which kernels for x86 are compressed with. So the stream is walked first (xz-stream.ts), and blocks
// with that filter are given to it as streams of their own without.

import { crc32 } from "node:zlib";
import xz from "xz-decompress";
import { joined } from "../../linker/elf/words.ts";
import { undoX86Filter } from "./x86-filter.ts";
import { blockAsStream, readStream } from "./xz-stream.ts";

/** What the first stream stands for. A few bytes may follow it, but no other stream.
 * @throws Error for a damaged stream, one that stands for more than `most` bytes, and one with other filters */
export async function unxz(bytes: Uint8Array, most: number): Promise<Uint8Array> {
	const stream = readStream(bytes);
	const size = stream.blocks.reduce((sum, each) => sum + each.size, 0);
	if (size > most) throw new Error(`it stands for more than ${most} bytes`);
	if (!stream.blocks.some(({ isFiltered }) => isFiltered)) return decode(bytes.subarray(0, stream.end));
	const pieces: Uint8Array[] = [];
	for (const block of stream.blocks) {
		const plain = await decode(blockAsStream(bytes, block));
		if (block.isFiltered) undoX86Filter(plain);
		if (crc32(plain) !== block.crc32) throw new Error("the data are damaged");
		pieces.push(plain);
	}
	return joined(pieces);
}

async function decode(stream: Uint8Array): Promise<Uint8Array> {
	const compressed = new ReadableStream<Uint8Array>({
		start(controller) {
			controller.enqueue(stream);
			controller.close();
		},
	});
	const pieces: Uint8Array[] = [];
	// It enqueues an empty piece wherever it wants more, and views of one buffer.
	for await (const piece of new xz.XzReadableStream(compressed)) pieces.push(piece.slice());
	return joined(pieces);
}
