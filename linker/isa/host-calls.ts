// The numbers of `ecall`: the contract between compiled programs and whatever runs them.

/** The number that an `ecall` carries. Arguments are in r0 and r1, and a result comes back in r0. */
export const HostCall = {
	/** Print r0 as a signed / an unsigned number, or r1 bytes of UTF-8 at r0; values of one line are separated by a space. */
	printInt: 1,
	printUint: 2,
	printText: 3,
	/** End the line. */
	printEnd: 4,
	/** Take the space out between the last two values of the line. */
	printJoin: 5,
	/** Retarget the key at r0 to the function at r1 (0: null). */
	update: 8,
	/** Retarget the key at r0 to its default. */
	reset: 9,
	/** r0 = the function the key at r0 calls now (0: null). */
	query: 10,
	/** Enable, disable, increment or decrement the static key at r0: r1 is the index in `toggles`. */
	toggle: 11,
	/** A traced function was entered: its address + 5 and its return address are on the stack. */
	traceEntry: 12,
	/** A traced function returns: the word at the stack pointer becomes where to. */
	traceReturn: 13,
	/** A trampoline of a probe: the return address on the stack is behind the CALL that stands in for the instruction. */
	probe: 16,
} as const;

/** What `HostCall.toggle` can do to a static key. */
export const toggles = ["disable", "enable", "decrement", "increment"] as const;
/** One of `toggles`. */
export type Toggle = (typeof toggles)[number];
