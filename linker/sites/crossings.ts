// Which lines an instruction crosses: a store that replaces it is then not one that hardware makes atomic. A relocatable
// file knows its final addresses only as far as its sections are aligned.

/** Bytes of a word, a fetch block of older processors, a cache line, a page. */
export const lineSizes = [8, 16, 64, 4096] as const;

/** Bit `i` for each of `lineSizes` that the bytes [at, at + length) cross. */
export function crossings(at: number, length: number): number {
	const [word, fetch, line, page] = lineSizes;
	return (
		((at & (word - 1)) + length > word ? 1 : 0) |
		((at & (fetch - 1)) + length > fetch ? 2 : 0) |
		((at & (line - 1)) + length > line ? 4 : 0) |
		((at & (page - 1)) + length > page ? 8 : 0)
	);
}

/** Bit `i` for each of `lineSizes` where an offset in a section of this alignment says where in a line it will be. */
export function knownCrossings(align: number): number {
	let bits = 0;
	for (const [i, size] of lineSizes.entries()) if (align >= size) bits |= 1 << i;
	return bits;
}
