// What the look room asks its worker, and what it is answered.

export const charts = {
	calls: "What calls cost",
	cost: "What updates cost",
	space: "Address space",
	trace: "Trace of a run",
} as const;
export type ChartName = keyof typeof charts;

export type LookQuestion =
	| { readonly calls: Source }
	| { readonly cost: { readonly protocols: readonly string[]; readonly cpus: readonly number[] } }
	| { readonly space: Source & { readonly cpus: number } }
	| { readonly trace: Source & { readonly protocol: string; readonly cpus: number } };

export interface Source {
	readonly name: string;
	readonly source: string;
}

/** One way to make the calls of a program. */
export interface CallCost {
	readonly way: string;
	/** Cycles of the whole program, without its updates. */
	readonly cycles: number;
	readonly instructions: number;
}

/** What it costs to change so many sites in one update, or in one each. */
export interface UpdateRow {
	readonly protocol: string;
	readonly cpus: number;
	readonly sites: number;
	readonly batched: boolean;
	/** Cycles from the first step to the last. */
	readonly latency: number;
	/** Rounds of interrupts. */
	readonly syncs: number;
}

export interface Trace {
	/** `cpu0`, `patcher0` */
	readonly lanes: readonly string[];
	readonly events: readonly TraceMark[];
	/** How many there were, where not all are shown. */
	readonly of: number;
	readonly end: string;
}

export interface TraceMark {
	readonly lane: number;
	readonly text: string;
	readonly kind: string;
	/** Cycles. */
	readonly clock: number;
	readonly duration: number;
}

export type Looked =
	| { readonly calls: readonly CallCost[] }
	| { readonly cost: readonly UpdateRow[] }
	/** A picture as SVG text. */
	| { readonly space: string }
	| { readonly trace: Trace }
	| { readonly problem: string }
	| { readonly superseded: true };
