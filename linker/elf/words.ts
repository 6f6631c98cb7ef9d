// Numbers as ELF stores them: little-endian, sixty-four bits as two's complement. A value outside ±2^53 is not a
// JavaScript number any more; readers check `fitsNumber` on the high half before they believe one.

/** Puts a number within ±2^53 at a place of the view, as 64 bits, signed. */
export function putWord64(view: DataView, at: number, value: number): void {
	const low = value >>> 0;
	view.setUint32(at, low, true);
	view.setInt32(at + 4, (value - low) / 2 ** 32, true);
}

/** Exact only where `fitsNumber` holds for the high half. */
export function getWord64(view: DataView, at: number): number {
	return view.getInt32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
}

/** The same of its halves, unsigned. */
export function wideWord(low: number, high: number): number {
	return high === 0 ? low : (high | 0) * 2 ** 32 + low;
}

/** Whether a sixty-four-bit value with this (signed) high half is exact as a number. */
export function fitsNumber(high: number): boolean {
	return high >= -(2 ** 21) && high < 2 ** 21;
}

/** `getWord64` where it is exact, undefined elsewhere. */
export function exactWord64(view: DataView, at: number): number | undefined {
	return fitsNumber(view.getInt32(at + 4, true)) ? getWord64(view, at) : undefined;
}

/** The next multiple of `align` that is not below `value`. Both may be beyond 32 bits. */
export function alignUp(value: number, align: number): number {
	return align > 1 ? Math.ceil(value / align) * align : value;
}

/** The smallest offset from `at` on that is congruent to `address` modulo `align`, as loaders map whole pages. */
export function congruentUp(at: number, address: number, align: number): number {
	if (align <= 1) return at;
	const difference = (address - at) % align;
	return at + (difference < 0 ? difference + align : difference);
}

/** The bytes as a DataView, wherever in their buffer they lie. */
export function viewOf(bytes: Uint8Array): DataView {
	return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The bytes of all parts, one behind the other. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
	const bytes = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
	let at = 0;
	for (const part of parts) {
		bytes.set(part, at);
		at += part.length;
	}
	return bytes;
}

const isLittleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** The whole words of 32 bits in a view: where they lie, or copies where Node cannot read them there. */
export function wordsOf(view: DataView): Uint32Array {
	const { buffer, byteOffset, byteLength } = view;
	const count = byteLength >>> 2;
	if (isLittleEndian)
		return byteOffset % 4 === 0
			? new Uint32Array(buffer, byteOffset, count)
			: new Uint32Array(buffer.slice(byteOffset, byteOffset + count * 4));
	return Uint32Array.from({ length: count }, (_, i) => view.getUint32(i * 4, true));
}
