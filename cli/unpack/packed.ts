// Whether a file is compressed, and how. It loads no decompressor: commands ask this of every file.

import { isBootImage } from "./boot-image.ts";

/** What opens what begins so. */
export type Compression = "gzip" | "xz" | "zstd";

const magics: readonly (readonly [Compression, readonly number[]])[] = [
	["gzip", [0x1f, 0x8b]],
	["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]],
	["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
];

export function startsWith(bytes: Uint8Array, starts: readonly number[]): boolean {
	return starts.every((byte, i) => bytes[i] === byte);
}

export function compressionOf(start: Uint8Array): Compression | undefined {
	return magics.find(([, magic]) => startsWith(start, magic))?.[0];
}

/** Whether `unpack` opens a file that begins like this. */
export function isPacked(start: Uint8Array): boolean {
	return isBootImage(start) || compressionOf(start) !== undefined;
}
