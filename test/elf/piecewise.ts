// A file in memory as one that is read in parts.

import type { FileParts } from "../../linker/elf/file-parts.ts";

/** What is not loaded is not there. */
export function piecewise(file: Uint8Array): FileParts {
	const bytes = new Uint8Array(file.length);
	const read: FileParts["read"] = (start, into) => into.set(file.subarray(start, start + into.length));
	return { bytes, read, load: (start, end) => read(start, bytes.subarray(start, end)) };
}
