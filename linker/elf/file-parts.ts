// A file of which only parts are in memory: most of a big object is relocations, which are passed over in pieces.

/** What gives the bytes of a file as they are needed. */
export interface FileParts {
	/** As long as the file; zeros where nothing was loaded. */
	readonly bytes: Uint8Array;
	/** After: the bytes of the file from `start` to `end`, as far as there are any, are in `bytes`. */
	readonly load: (start: number, end: number) => void;
	/** Fills `into` with what the file has from `start` on. */
	readonly read: (start: number, into: Uint8Array) => void;
}

/** A file that is in memory already. */
export function wholeFile(bytes: Uint8Array): FileParts {
	return { bytes, load() {}, read: (start, into) => into.set(bytes.subarray(start, start + into.length)) };
}
