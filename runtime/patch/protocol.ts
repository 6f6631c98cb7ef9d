// A protocol is data: an ordered list of phases. `plan` expands it over a batch of sites into steps.

export type Part = "breakpoint" | "tail" | "head" | "whole";

export type Phase =
	/** Store this part of every site: BRK over the first byte, the bytes after it, the new first byte, or all at once. */
	| { readonly kind: "write"; readonly part: Part }
	/** Every CPU executes a serializing instruction before the next phase begins. */
	| { readonly kind: "sync"; readonly how: "serialize" }
	/** Hand the batch to the breakpoint trap, or take it back. */
	| { readonly kind: "trap"; readonly arm: boolean };

export interface Protocol {
	readonly name: string;
	readonly brief: string;
	readonly phases: readonly Phase[];
}

export const write = (part: Part): Phase => ({ kind: "write", part });
export const sync = (how: "serialize"): Phase => ({ kind: "sync", how });
export const arm = (): Phase => ({ kind: "trap", arm: true });
export const disarm = (): Phase => ({ kind: "trap", arm: false });
