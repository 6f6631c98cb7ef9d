// What the check room asks its worker, and what it is answered.

import type { Lanes, Verdict } from "../../runtime/check/index.ts";

export interface Question {
	readonly phases: readonly string[];
	readonly kind: string;
	readonly placement: string;
	readonly cpus: number;
	readonly model: string;
	/** The phases of somebody who retargets the site at the same time, if there is somebody. */
	readonly second: readonly string[] | undefined;
	/** Neither of the two patchers waits for the other. */
	readonly unlocked: boolean;
	/** A scenario as text, instead of all the others; empty where there is none. */
	readonly text: string;
}

export type Checked =
	| {
			readonly verdict: Omit<Verdict, "scenario">;
			readonly lanes: Lanes | undefined;
			/** Milliseconds. */
			readonly took: number;
			/** The scenario as text, or why it cannot be written as one. */
			readonly text: string | { readonly why: string };
	  }
	| { readonly problem: string }
	/** Something newer was asked meanwhile. */
	| { readonly superseded: true };

export interface Progress {
	readonly found: number;
	readonly expanded: number;
}

/** Asks on which models each phase of a protocol is needed, over every kind of site. */
export interface LettersQuestion {
	readonly letters: { readonly phases: readonly string[]; readonly cpus: number };
}

/** What is known so far: by phase, then by model. */
export type Letters = readonly Readonly<Record<string, Letter>>[];

export interface Letter {
	readonly verdict: "needed" | "not needed" | "untouched";
	/** What breaks without it. */
	readonly why: string | undefined;
}
