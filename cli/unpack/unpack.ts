// Files that are compressed, whole (`kvm.ko.xz`) or behind a loader (`bzImage`): what they were before. Decompressors are
// loaded when a file needs them.

import { gunzipSync } from "node:zlib";
import { LinkError } from "../../linker/errors.ts";
import { bootPayload, isBootImage } from "./boot-image.ts";
import { type Compression, compressionOf, isPacked, startsWith } from "./packed.ts";

/** More than this is not taken from a compressed file, of which few bytes may stand for many. */
const MOST_UNPACKED = 2 ** 30;
/** How often a file may be packed: a boot image that was compressed once more is two. */
const MOST_LAYERS = 3;

/** Each gives what the first stream of the bytes stands for.
 * @throws Error for a damaged one, or one that stands for more than `most` bytes */
const decompressors: Readonly<Record<Compression, (bytes: Uint8Array, most: number) => Promise<Uint8Array>>> = {
	gzip: async (bytes, most) => new Uint8Array(gunzipSync(bytes, { maxOutputLength: most })),
	xz: async (bytes, most) => (await import("./xz.ts")).unxz(bytes, most),
	zstd: async (bytes, most) => (await import("./zstd.ts")).unzstd(bytes, most),
};

/** How kernels may be compressed too, which is not opened. */
const unopened: readonly (readonly [name: string, starts: readonly number[]])[] = [
	["bzip2", [0x42, 0x5a, 0x68]],
	["LZMA", [0x5d, 0, 0]],
	["LZO", [0x89, 0x4c, 0x5a, 0x4f]],
	["LZ4", [0x02, 0x21, 0x4c, 0x18]],
];

/** What a compressed file was before, layer by layer.
 * @throws LinkError for one that is damaged, too long, or compressed by what is not opened */
export async function unpack(file: string, bytes: Uint8Array): Promise<Uint8Array> {
	let inner = bytes;
	for (let layer = 0; isPacked(inner); layer++) {
		if (layer === MOST_LAYERS) throw new LinkError(`${file}: is compressed more than ${MOST_LAYERS} times`);
		inner = await opened(file, inner);
	}
	return inner;
}

async function opened(file: string, bytes: Uint8Array): Promise<Uint8Array> {
	const isBoot = isBootImage(bytes);
	const payload = isBoot ? bootPayload(file, bytes) : bytes;
	const what = isBoot ? "is a boot image whose kernel is" : "is";
	const compression = compressionOf(payload);
	if (compression === undefined) {
		const name = unopened.find(([, starts]) => startsWith(payload, starts))?.[0];
		const how =
			name === undefined ? "not compressed by gzip, xz or zstd" : `compressed by ${name}, which is not opened`;
		throw new LinkError(`${file}: ${what} ${how}; decompress it first`);
	}
	try {
		return await decompressors[compression](payload, MOST_UNPACKED);
	} catch (error) {
		throw new LinkError(
			`${file}: ${what} compressed by ${compression}, and cannot be decompressed: ${(error as Error).message}`,
		);
	}
}
