// The atomic steps of a patch. Nothing else ever writes code bytes: a plan is a list of these, and the very same steps
// are run, checked and replayed.

/** One site to change: `bytes` replace `old`, which are of the same length and one instruction (or RET and filler). */
export interface Edit {
	readonly address: number;
	readonly old: Uint8Array;
	readonly bytes: Uint8Array;
}

export type Step =
	/** One atomic store through an alias that no CPU executes from; never crosses an aligned 8 bytes. */
	| { readonly kind: "store"; readonly address: number; readonly bytes: Uint8Array }
	/** Asks every other running CPU to serialize; the patching CPU serializes itself. */
	| { readonly kind: "interrupt" }
	/** Goes on once every CPU that was asked has. */
	| { readonly kind: "await" }
	/** From here on a breakpoint at one of these sites executes the new instruction instead. Sorted by address. */
	| { readonly kind: "arm"; readonly edits: readonly Edit[] }
	| { readonly kind: "disarm" };
