// The numbers of `ecall`: the contract between compiled programs and whatever runs them.

export const HostCall = {
	/** Print r0 as a signed / an unsigned number, or r1 bytes of UTF-8 at r0; values of one line are separated by a space. */
	printInt: 1,
	printUint: 2,
	printText: 3,
	/** End the line. */
	printEnd: 4,
	/** Retarget the key at r0 to the function at r1 (0: null). */
	update: 8,
	/** Retarget the key at r0 to its default. */
	reset: 9,
	/** r0 = the function the key at r0 calls now (0: null). */
	query: 10,
} as const;
