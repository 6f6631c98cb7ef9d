// What is fixed about static calls in object files: the names of symbols and sections, as Linux has them, and the flags
// in rows of tables. How the rows look is in rows.ts.

/** A key is a symbol of this prefix and the name in the source: `__SCK__pick`. */
export const KEY_PREFIX = "__SCK__";
/** A trampoline likewise: `__SCT__pick`. Calls of the key name it. */
export const TRAMPOLINE_PREFIX = "__SCT__";

/** The function that runs what a source file has at module level has this prefix and the name of the file. */
export const BEGIN_PREFIX = "__begin__";

/** The table of call sites. */
export const SITES_SECTION = ".static_call_sites";
/** The same table in a program of user space, whose linker puts `__start_` and `__stop_` around what has a name of C. */
export const USER_SITES_SECTION = "static_call_sites";
/** Flags in the low bits of the key's absolute address; keys are therefore aligned to four bytes. */
export const TAIL = 1;
/** The row is of text that is freed after the start. */
export const INIT = 2;
/** All flags of a row. */
export const FLAGS = 3;
/** In user space: the row names a word that holds the key's address, for the key may be another shared object's. */
export const IMPORT = 4;
/** All flags of user space, where keys are aligned to eight bytes. */
export const USER_FLAGS = 7;

/** Static keys: word 0 is how many users it has now, word 1 how many at the start. */
export const STATIC_KEY_PREFIX = "__SK__";
/** The branches that follow static keys, as Linux has them: three signed words, each relative to itself: the address of
 * the instruction, of the label that it jumps to if it does, and of the key with flags added. */
export const LABELS_SECTION = "__jump_table";
/** In the place of TAIL: the way that follows is the one for an enabled key. */
export const EXPECTED = 1;

/** Addresses of the functions that begin with NOP5, one word each. */
export const ENTRIES_SECTION = "__patchable_function_entries";
/** Where such a NOP5 calls when the function is traced, and where a traced function returns to. */
export const TRACE_ENTRY = "__trace_entry";
/** Where a traced function returns to. */
export const TRACE_RETURN = "__trace_return";

/** Calls through a pointer in memory, "fast function pointers": word 0 is what it calls now, word 1 the default. */
export const POINTER_PREFIX = "__FFP__";

/** The words of paravirt operations. */
export const OPERATIONS_SECTION = ".pv_ops";
/** Paravirt operations: word 0 is the function that it calls now, word 1 the default. */
export const OPERATION_PREFIX = "__PV__";
/** The same function, which keeps all registers but that of its result. */
export const SAVER_PREFIX = "__PVS__";
/** Their calls: {address, operation's word} as words, {bytes, clobbers, done} as bytes, one of filler. */
export const OPERATION_CALLS_SECTION = ".pv_sites";
/** Alternatives: {address, replacement, name of the feature} as words, {bytes, bytes of the replacement, done} as bytes, one
 * of filler. A name that begins with `~` is of a feature that must be missing. */
export const ALTERNATIVES_SECTION = ".altinstructions";
/** The code of the replacements: it is copied once, before anything runs, and calls in it are patched along with the copy. */
export const REPLACEMENTS_SECTION = ".altinstr_replacement";

/** Word 0 of a key is the function it calls now, word 1 the default that `reset` restores; 0 is null. */
export const KEY_BYTES = 8;
/** A trampoline and a site are one instruction of this length. */
export const SITE_BYTES = 5;

/** Functions that stand for the two special targets where a jump must have somewhere to go. */
export const RETURN0 = "__static_call_return0";
/** The function that returns at once, in place of null. */
export const RETURN = "__static_call_return";

/** What kind of instruction a call site is: it returns here, is the last of its function, or is that on a condition. */
export type SiteKind = "call" | "tail" | "conditional";
/** Index = the code of a kind in a column. */
export const siteKinds: readonly SiteKind[] = ["call", "tail", "conditional"];

/** Whether a section is freed after the start: `.init.text` and its like. */
export function isInit({ name }: { readonly name: string }): boolean {
	return name.startsWith(".init.");
}
