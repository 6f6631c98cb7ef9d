// What the check room asks its worker, and what it is answered.

import type { Lanes, Verdict } from "../../runtime/check/index.ts";

export interface Question {
	readonly phases: readonly string[];
	readonly kind: string;
	readonly placement: string;
	readonly cpus: number;
	readonly model: string;
}

export type Checked =
	| { readonly verdict: Omit<Verdict, "scenario">; readonly lanes: Lanes | undefined; readonly took: number }
	| { readonly problem: string }
	/** Something newer was asked meanwhile. */
	| { readonly superseded: true };

export interface Progress {
	readonly found: number;
	readonly expanded: number;
}
