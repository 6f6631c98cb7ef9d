// What functions do with registers: who passes what, and what a call may change. The compiler keeps to it, and patchers
// that set an operation to another function hold that function to it.

/** Where a function leaves its result. */
export const RESULT = 0;
/** Where it leaves the length of a typed array, whose address is the result. */
export const RESULT_LENGTH = 1;
/** So many words of arguments are in the first registers, from r0 on; the others are on the stack. */
export const ARGUMENT_REGISTERS = 6;

/** Where a word of arguments on the stack is from the stack pointer, when the function begins: above the return address,
 * in order. The caller made room for it, and takes it away again.
 * @param index of the word, `ARGUMENT_REGISTERS` or more */
export function argumentOffset(index: number): number {
	return 4 + 4 * (index - ARGUMENT_REGISTERS);
}

/** Calls may change them. */
export const callerSaved: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 7];
/** A function that changes these registers restores them before it returns. */
export const calleeSaved: readonly number[] = [8, 9, 10, 11, 12, 13];
/** For indirect calls and jumps and the linker's thunks; no value is in it across a call of any kind. */
export const SCRATCH = 14;

/** What a call of a paravirt operation may change, by its code in the table of sites: nothing, the register of the
 * result, or what every call may. */
export const clobberKinds = ["none", "result", "all"] as const;
/** One of `clobberKinds`. */
export type Clobbers = (typeof clobberKinds)[number];

/** The registers whose values are lost over a call that promises this, by number. The scratch register always is. */
export function clobberedBy(kind: Clobbers): readonly number[] {
	return kind === "all" ? [...callerSaved, SCRATCH] : kind === "result" ? [RESULT, SCRATCH] : [SCRATCH];
}
