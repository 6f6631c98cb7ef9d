// What may be asked of a patcher: one kind of change each for static calls, static keys, traced functions and paravirt
// operations, and the update that does any number of them at once.

import type { Toggle } from "../../../linker/isa/index.ts";
import type { Plan } from "../plan/plan.ts";
import type { Route } from "./site-forms.ts";

/** What an update changes: what a static call or a paravirt operation calls, whether a static key is enabled, which
 * functions are traced. */
export type Change = Retarget | Toggled | Traced | OperationSet;

/** One key and what it shall call: a function's address, 0 for null, undefined for the key's default. */
export interface Retarget {
	/** Address of the key. */
	readonly key: number;
	readonly to: number | undefined | typeof asIs;
	/** How its sites shall call it; when this is not said, a key that calls `to` already is left alone. */
	readonly route?: Route;
}

/** What the key calls now. */
export const asIs = { keep: true } as const;

/** What to do to one static key. */
export interface Toggled {
	/** Address of the key. */
	readonly key: number;
	/** `reset`: as at the start. */
	readonly toggle: Toggle | "reset";
}

/** Whether the functions at these addresses are traced from now on. */
export interface Traced {
	readonly functions: readonly number[];
	readonly traced: boolean;
}

/** One operation and the function that it shall call: its address, 0 for null, undefined for the default. */
export interface OperationSet {
	/** Address of the operation. */
	readonly operation: number;
	readonly to: number | undefined;
}

/** What the key calls, or whether it is enabled, when nobody updated it. */
export const byDefault = { reset: true } as const;

/** A validated update, ready to run. */
export interface Update extends Plan {
	/** What it changes, for people. */
	readonly keys: readonly string[];
}
