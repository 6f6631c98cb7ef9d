// Binary search, written once for what is not in an innermost loop.

/** How many of `length` elements come before a border, when all that do lie in front of all that do not: the index of the
 * first that does not. @param isBefore asked for an index; true up to the border, false from there on */
export function countBefore(length: number, isBefore: (index: number) => boolean): number {
	let low = 0;
	let high = length;
	while (low < high) {
		const middle = (low + high) >>> 1;
		if (isBefore(middle)) low = middle + 1;
		else high = middle;
	}
	return low;
}
