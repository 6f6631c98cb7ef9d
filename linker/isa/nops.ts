// Filler that does nothing, in as few instructions as there are.

import { requireCount } from "../errors.ts";
import { encode } from "./encode.ts";

/** `length` bytes: five-byte NOPs, then single ones. @throws ArgumentError when that is no length */
export function nops(length: number): Uint8Array {
	requireCount("bytes of NOPs", length);
	const bytes = new Uint8Array(length);
	const long = encode("nop5");
	const end = length - (length % long.length);
	for (let at = 0; at < end; at += long.length) bytes.set(long, at);
	return bytes.fill(encode("nop")[0]!, end);
}
