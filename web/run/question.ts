// What the run room asks its worker, and what it is answered.

import type { Changed } from "../../runtime/patch/index.ts";
import type { Question } from "../check/question.ts";

export interface Program {
	readonly source: string;
	readonly name: string;
	readonly protocol: string;
	readonly model: string;
	readonly fetch: string;
	readonly cpus: number;
	readonly seed: number;
	/** What was asked by hand: the step, the key, and what it shall call. */
	readonly asked: readonly Asked[];
}

export interface Asked {
	readonly at: number;
	readonly key: string;
	readonly to: string;
}

/** A way to go: to a place; so many steps on from where the way before it ended, or back; until something happens; or an
 * update that is asked for. */
export type Go =
	| { readonly to: number }
	| { readonly by: number }
	| { readonly until: "phase" | "patch" | "trap" | "print" | "cpu"; readonly cpu?: number }
	/** To where some CPU is about to execute the instruction at an address. */
	| { readonly here: number }
	| { readonly ask: { readonly key: string; readonly to: string } };

/** A way of the checker's to stand on: its question, and a step of the way or a place of the run. */
export interface StandAt {
	readonly question: Question;
	readonly row: number | undefined;
	readonly at: number;
}

export type RunQuestion =
	| { readonly open: Program; readonly at: number }
	| { readonly standAt: StandAt }
	| { readonly go: Go }
	| { readonly plan: string }
	/** Ends the ways that were asked for before, where they have come to. */
	| { readonly stop: true };

export interface ProblemAt {
	readonly line: number | undefined;
	readonly column: number | undefined;
	readonly length: number;
	readonly reason: string;
}

export interface Opened {
	readonly sites: readonly SiteInfo[];
	readonly keys: readonly string[];
	readonly view: RunView;
	/** The program's text, where the question did not bring it. */
	readonly source?: string;
	/** The verdict whose way this is. */
	readonly verdict?: string;
}

export interface SiteInfo {
	readonly address: number;
	readonly place: string;
	readonly key: string;
	readonly line: number | undefined;
	readonly length: number;
}

/** A target of a key: how many sites and trampolines change at how many rounds of interrupts, or why it is refused. */
export interface TargetInfo {
	readonly name: string;
	readonly plan: (Changed & { readonly syncs: number }) | { readonly refused: string };
}

export interface CodeLine {
	readonly address: number;
	readonly label: string | undefined;
	readonly bytes: readonly number[];
	readonly text: string;
	/** Index into the sites. */
	readonly site: number | undefined;
	readonly line: number | undefined;
}

export interface CpuView {
	readonly status: string;
	readonly pc: number;
	readonly place: string;
	readonly line: number | undefined;
	readonly registers: readonly number[];
	readonly clock: number;
	readonly instructions: number;
	readonly masked: boolean;
	readonly pending: boolean;
}

export interface Happened {
	readonly who: string;
	readonly text: string;
	readonly phase: string | undefined;
	/** Cycles. */
	readonly clock: number;
}

/** What happened to one site, for its loom. */
export interface SiteStory {
	readonly old: readonly number[];
	readonly new: readonly number[];
	readonly rows: readonly Happened[];
	readonly memory: readonly (readonly number[])[];
	/** Rows in which a CPU ran the new bytes for the first time. */
	readonly firsts: readonly number[];
	/** By CPU: the values that each byte may be fetched with. */
	readonly seen: readonly (readonly (readonly {
		readonly value: number;
		readonly age: number;
		readonly by: string;
	}[])[])[];
}

export interface RunView {
	readonly at: number;
	readonly length: number;
	/** Why the run ends where it does; undefined while it goes on. */
	readonly end: string | undefined;
	/** Who goes next. */
	readonly next: string | undefined;
	readonly cpus: readonly CpuView[];
	readonly code: readonly CodeLine[];
	readonly calls: readonly (string | null)[];
	readonly stories: readonly SiteStory[];
	readonly output: readonly string[];
	readonly last: Happened | undefined;
	readonly happened: number;
	readonly patching: readonly { readonly phase: string; readonly done: number; readonly of: number }[];
	readonly asked: readonly Asked[];
	readonly cycles: number;
}
