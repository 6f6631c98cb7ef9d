// What the linker calls things.

import {
	KEY_PREFIX,
	OPERATION_PREFIX,
	POINTER_PREFIX,
	RETURN,
	RETURN0,
	SAVER_PREFIX,
	STATIC_KEY_PREFIX,
	TRAMPOLINE_PREFIX,
} from "../../format/static-calls.ts";
import type { Target } from "../ir.ts";
import type { FunctionBinding, Key, StaticKey, Table, Variable } from "../types/bindings.ts";

export const symbolOf = ({ name }: FunctionBinding | Variable | Table): string => name;

/** The two words of a key, pointer or operation: what it calls now, and its default. */
export const slotOf = ({ form, name }: Key): string => slotPrefixes[form] + name;
const slotPrefixes = { static: KEY_PREFIX, ffp: POINTER_PREFIX, paravirt: OPERATION_PREFIX };

/** Calls the function and keeps all registers but that of the result. */
export const saverOf = (fn: FunctionBinding): string => SAVER_PREFIX + symbolOf(fn);

export const trampolineOf = ({ name }: Key): string => TRAMPOLINE_PREFIX + name;

/** The two words of a static key: how many users it has now, and at the start. */
export const staticKeySlot = ({ name }: StaticKey): string => STATIC_KEY_PREFIX + name;

/** Supplied by the linker: functions that return at once. */
export { RETURN0 };
export const INDIRECT_THUNK = "__indirect_thunk_r14";

/** The function that a word of the key holds for a target; undefined for 0, a static call's null. */
export function targetSymbol(key: Key, target: Target): string | undefined {
	if (target === "ret0") return RETURN0;
	if (target === "null") return key.form === "ffp" ? RETURN : undefined;
	return symbolOf(target);
}
