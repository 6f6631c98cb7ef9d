// What may be attached to a machine to look at it: data that observers fill and take away. Nothing of it is part of the
// machine's state, and no run depends on it; this file imports nothing.

/** Addresses whose fetches are noted, and what was noted. */
export interface Watch {
	/** Virtual, of address space 0. */
	readonly addresses: Set<number>;
	/** In the order in which they happened; whoever watches takes them away. */
	readonly sightings: Sighting[];
}

/** A CPU fetched these bytes to execute them. */
export interface Sighting {
	readonly cpu: number;
	readonly address: number;
	readonly bytes: Uint8Array;
	/** Ticks. */
	readonly clock: number;
}

/** A CPU fetched a unit that it may see in several ways. */
export interface FetchNote {
	readonly cpu: number;
	/** Physical. */
	readonly unit: number;
	/** The values that it could have had, oldest first, as two words each. */
	readonly options: readonly (readonly [number, number])[];
	/** Which of them it was. */
	readonly taken: number;
}

/** Entries for pages of one size, or of both. */
export interface TlbPart {
	readonly entries: number;
	/** Entries that one page may be in. */
	readonly ways: number;
}

/** The first-level instruction TLB of a processor. */
export interface TlbShape {
	readonly name: string;
	readonly small: TlbPart;
	/** `shared`: both sizes lie in the same entries. */
	readonly large: TlbPart | "shared";
	readonly source: string;
}

/** An instruction TLB, or one per CPU, that only counts: it changes nothing in what CPUs see. */
export interface InstructionTlb {
	readonly shape: TlbShape;
	/** As the page table has them, or as if all text were mapped by 4 KiB. */
	readonly pages: "as mapped" | "small";
	/** Over all CPUs. */
	readonly counts: { changes: number; misses: number };
	/** Per CPU, or for all: tags (1 + page number) of small pages, then of large ones, each set with the latest first. */
	readonly tags: readonly Int32Array[];
	/** The same way: the tag looked up last. */
	readonly last: Int32Array;
}
