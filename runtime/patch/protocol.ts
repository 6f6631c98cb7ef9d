// A protocol is data: an ordered list of phases. `plan` expands it over a batch of sites into steps.

import type { Permissions } from "../machine/memory.ts";
import type { Request } from "./step.ts";

/** BRK or SPIN over the first byte, the bytes after it, the new first byte, or all at once. */
export type Part = "breakpoint" | "spin" | "tail" | "head" | "whole";

export type Phase =
	/** Store this part of every site, with the cache maintenance that the model needs for it. */
	| { readonly kind: "write"; readonly part: Part }
	/** Every CPU does this before the next phase begins. */
	| { readonly kind: "sync"; readonly request: Request }
	/** Parked CPUs go on. */
	| { readonly kind: "release"; readonly serialize: boolean }
	/** Hand the batch to the breakpoint trap, or take it back. */
	| { readonly kind: "trap"; readonly arm: boolean }
	/** Change the permissions of the pages that hold the sites. */
	| { readonly kind: "protect"; readonly permissions: Permissions };

export interface Protocol {
	readonly name: string;
	readonly brief: string;
	/** `aligned`: every site must lie inside an aligned 8 bytes. `quiet`: nobody else may be executing. */
	readonly requires?: "aligned" | "quiet";
	readonly phases: readonly Phase[];
}

export const write = (part: Part): Phase => ({ kind: "write", part });
export const sync = (request: Request): Phase => ({ kind: "sync", request });
export const release = (): Phase => ({ kind: "release", serialize: true });
export const arm = (): Phase => ({ kind: "trap", arm: true });
export const disarm = (): Phase => ({ kind: "trap", arm: false });

/** @param rights a subset of `rwx`; none unmaps */
export function protect(rights: "" | "r" | "rw" | "rx"): Phase {
	const has = (letter: string): boolean => rights.includes(letter);
	return { kind: "protect", permissions: { r: has("r"), w: has("w"), x: has("x") } };
}

/** A phase in a few words. */
export function phaseText(phase: Phase): string {
	switch (phase.kind) {
		case "write":
			return `write ${phase.part}`;
		case "sync":
			return `sync ${phase.request}`;
		case "release":
			return phase.serialize ? "release" : "release unserialized";
		case "trap":
			return phase.arm ? "arm" : "disarm";
		case "protect": {
			const { r, w, x } = phase.permissions;
			return `protect ${r ? `r${w ? "w" : ""}${x ? "x" : ""}` : "none"}`;
		}
	}
}
