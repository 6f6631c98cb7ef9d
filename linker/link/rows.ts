// Where the instructions of an image are, as the linker laid them out. A patched site stays one row: whoever decodes memory
// itself falls out of step behind a breakpoint.

import { decode } from "../isa/decode.ts";
import type { Image } from "./image.ts";

/** An instruction of an image, or a byte that is none. */
export interface CodeRow {
	readonly address: number;
	/** Bytes of the instruction; 1 where there is none. */
	readonly length: number;
	/** The function that begins here. */
	readonly label: string | undefined;
}

/** Every instruction of the executable segments, in the order of addresses. @param most rows at most */
export function rowsOf(image: Image, most = Number.POSITIVE_INFINITY): CodeRow[] {
	const labels = new Map(image.symbols.map(({ address, name }) => [address, name]));
	const rows: CodeRow[] = [];
	for (const { address, data, executable } of image.segments) {
		if (!executable) continue;
		for (let at = 0; at < data.length && rows.length < most; ) {
			const length = decode(data, at)?.length;
			const label = labels.get(address + at);
			const isFilling = length === undefined && data[at] === 0 && label === undefined;
			if (!isFilling) rows.push({ address: address + at, length: length ?? 1, label });
			at += length ?? 1;
		}
	}
	return rows;
}
