// Addresses and bytes as people read them: the same in every message and table.

export function hex(value: number): string {
	return value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}

/** What is `distance` bytes behind something with a name: `main+0x12`, or the name alone where there is no distance. */
export function beyond(name: string, distance: number): string {
	return distance === 0 ? name : `${name}${distance < 0 ? "" : "+"}${hex(distance)}`;
}

/** An address of 64 bits. Those in the upper half of the address space are negative numbers here. */
export function hexAddress(value: number): string {
	return value < 0 ? `0x${BigInt.asUintN(64, BigInt(value)).toString(16)}` : hex(value);
}

/** An address in all its digits, for columns. */
export function hexWord(value: number): string {
	return `0x${value.toString(16).padStart(8, "0")}`;
}

export function hexBytes(bytes: Iterable<number>): string {
	return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}
