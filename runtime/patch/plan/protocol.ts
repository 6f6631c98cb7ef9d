// A protocol is data: an ordered list of phases. `plan` expands it over a batch of sites into steps.

import type { Permissions } from "../../machine/page-entry.ts";
import type { Request } from "./step.ts";

/** BRK or SPIN over the first byte, the bytes after it, the new first byte, or all at once. */
export type Part = "breakpoint" | "spin" | "tail" | "head" | "whole";

/** One line of a protocol. A plan carries each phase out for all sites of its batch before the next begins. */
export type Phase =
	/** Store this part of every site, with the cache maintenance that the model needs for it. */
	| { readonly kind: "write"; readonly part: Part }
	/** Every CPU does this before the next phase begins; `unless` fetches look where stores go. */
	| { readonly kind: "sync"; readonly request: Request; readonly unless?: "coherent" }
	/** Parked CPUs go on. */
	| { readonly kind: "release"; readonly serialize: boolean }
	/** Hand the batch to the breakpoint trap, or take it back. */
	| { readonly kind: "trap"; readonly arm: boolean }
	/** Change the permissions of the pages that hold the sites. */
	| { readonly kind: "protect"; readonly permissions: Permissions }
	/** What follows fills memory or gives it back (runtime/execmem/fills). All bytes at once, into memory that no CPU can
	 * execute. */
	| { readonly kind: "copy" }
	/** Breakpoints over the whole stretch, which no CPU can execute. */
	| { readonly kind: "poison" }
	/** The cache maintenance that the model needs for the whole stretch. */
	| { readonly kind: "maintain" }
	/** The mapping of the stretch permits this from now on. */
	| { readonly kind: "map"; readonly permissions: Permissions }
	/** No mapping of the memory, of whoever, permits more than this. */
	| { readonly kind: "restrict"; readonly permissions: Permissions }
	/** The memory never was text, as far as anybody can tell. */
	| { readonly kind: "retire" };

/** How code is changed under running CPUs: phases, in order, and what has to hold before. */
export interface Protocol {
	readonly name: string;
	readonly brief: string;
	/** `aligned`: every site must lie inside an aligned 8 bytes. `quiet`: nobody else may be executing. */
	readonly requires?: "aligned" | "quiet";
	readonly phases: readonly Phase[];
}

/** Stores this part of every site. */
export const write = (part: Part): Phase => ({ kind: "write", part });
/** Asks every other CPU to do this, and waits until all have. */
export const sync = (request: Request): Phase => ({ kind: "sync", request });
/** Lets parked CPUs go on, through an instruction barrier. */
export const release = (): Phase => ({ kind: "release", serialize: true });
/** Enters the sites into what the breakpoint trap knows: from here on it executes their new instructions. */
export const arm = (): Phase => ({ kind: "trap", arm: true });
/** Takes the sites out of what the breakpoint trap knows. */
export const disarm = (): Phase => ({ kind: "trap", arm: false });

/** Fills the stretch with its bytes, while no CPU can execute it. */
export const copy = (): Phase => ({ kind: "copy" });
/** Fills the stretch with breakpoints, while no CPU can execute it. */
export const poison = (): Phase => ({ kind: "poison" });
/** Does the cache maintenance that the model needs for the whole stretch. */
export const maintain = (): Phase => ({ kind: "maintain" });
/** Declares that the stretch is not text any more. */
export const retire = (): Phase => ({ kind: "retire" });
/** A `sync` that is left out on models whose fetches look where stores go. */
export const syncUnlessCoherent = (request: Request): Phase => ({ kind: "sync", request, unless: "coherent" });

/** A subset of `rwx`; none unmaps. */
type Rights = "" | "r" | "rw" | "rx";

/** Changes what the pages that hold the sites permit. */
export const protect = (rights: Rights): Phase => ({ kind: "protect", permissions: permissionsOf(rights) });
/** Maps the stretch with these rights. */
export const map = (rights: Rights): Phase => ({ kind: "map", permissions: permissionsOf(rights) });
/** Takes from every mapping of the stretch's memory what exceeds these rights. */
export const restrict = (rights: Rights): Phase => ({ kind: "restrict", permissions: permissionsOf(rights) });

export function permissionsOf(rights: Rights): Permissions {
	return { r: rights.includes("r"), w: rights.includes("w"), x: rights.includes("x") };
}

/** A phase in a few words. */
export function phaseText(phase: Phase): string {
	switch (phase.kind) {
		case "write":
			return `write ${phase.part}`;
		case "sync":
			return `sync ${phase.request}${phase.unless === undefined ? "" : ` unless ${phase.unless}`}`;
		case "release":
			return phase.serialize ? "release" : "release unserialized";
		case "trap":
			return phase.arm ? "arm" : "disarm";
		case "copy":
		case "poison":
		case "maintain":
		case "retire":
			return phase.kind;
		case "protect":
		case "map":
		case "restrict": {
			const { r, w, x } = phase.permissions;
			return `${phase.kind} ${r ? `r${w ? "w" : ""}${x ? "x" : ""}` : "none"}`;
		}
	}
}
