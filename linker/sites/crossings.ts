// Which lines an instruction crosses: a store that replaces it is then not one that hardware makes atomic. A relocatable
// file knows its final addresses only as far as its sections are aligned.

/** Bytes of a word, a fetch block of older processors, a cache line, a page. */
export const lineSizes = [8, 16, 64, 4096] as const;

/** Bit `i` for each of `lineSizes` that the bytes [at, at + length) cross; it is an instruction, of less than 16. */
export function crossings(at: number, length: number): number {
	const page = lineSizes[3];
	return within[((length & 15) << 6) | (at & 63)]! | ((at & (page - 1)) + length > page ? 8 : 0);
}

/** The same for what is shorter than a page, by length and place in a cache line. */
const within = Uint8Array.from({ length: 16 << 6 }, (_, i) => {
	const crosses = (size: number) => (i & (size - 1)) + (i >> 6) > size;
	return (crosses(lineSizes[0]) ? 1 : 0) | (crosses(lineSizes[1]) ? 2 : 0) | (crosses(lineSizes[2]) ? 4 : 0);
});

/** Bit `i` for each of `lineSizes` where an offset in a section of this alignment says where in a line it will be. */
export function knownCrossings(align: number): number {
	let bits = 0;
	for (const [i, size] of lineSizes.entries()) if (align >= size) bits |= 1 << i;
	return bits;
}
