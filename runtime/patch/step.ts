// The atomic steps of a patch. Nothing else ever writes code bytes: a plan is a list of these, and the very same steps
// are run, checked and replayed.

import type { Permissions } from "../machine/memory.ts";

/** One site to change: `bytes` replace `old`, which are of the same length and one instruction (or RET and filler). */
export interface Edit {
	readonly address: number;
	readonly old: Uint8Array;
	readonly bytes: Uint8Array;
}

/** What every other CPU is asked to do: execute an instruction barrier, flush its TLB, stop until released. The patching
 * CPU does the first two itself. */
export type Request = "serialize" | "flush" | "park";

export type Step =
	/** Waits until nobody else patches text. */
	| { readonly kind: "lock" }
	| { readonly kind: "unlock" }
	/** One atomic store through an alias that no CPU has mapped; never crosses an aligned 8 bytes. */
	| { readonly kind: "store"; readonly address: number; readonly bytes: Uint8Array }
	/** Cache maintenance by address, on models that need it: data to where fetches look, old code out of every cache. */
	| { readonly kind: "clean" | "invalidate"; readonly address: number }
	/** Interrupts every CPU that may execute. */
	| { readonly kind: "interrupt"; readonly request: Request }
	/** Goes on once every CPU that was asked has done it. */
	| { readonly kind: "await" }
	/** Lets parked CPUs go on; each executes an instruction barrier first if so said. */
	| { readonly kind: "release"; readonly serialize: boolean }
	/** From here on a breakpoint at one of the plan's sites executes the new instruction instead. */
	| { readonly kind: "arm" }
	| { readonly kind: "disarm" }
	/** Changes what the pages of the plan's sites permit. While they are not executable, a CPU that faults there retries. */
	| { readonly kind: "protect"; readonly address: number; readonly bytes: number; readonly permissions: Permissions };

/** What a patcher carries out. */
export interface Plan {
	readonly steps: readonly Step[];
	/** Sorted by address. */
	readonly edits: readonly Edit[];
}
