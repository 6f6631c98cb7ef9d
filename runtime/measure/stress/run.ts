// The abuser: random calls of an execmem under CPUs that never stop and see the oldest that they may, every invariant looked
// at after each, and the code that was written executed and its results compared.

import type { Methods } from "../../execmem/pieces.ts";
import type { StressCall, StressCase } from "./case.ts";
import { judge } from "./judge.ts";
import { perform } from "./players.ts";
import { type Stage, type StressCounts, setUp } from "./stage.ts";

export interface StressFailure {
	/** Index of the call after which it was seen. */
	readonly at: number;
	readonly what: string;
}

/** Every byte of free memory is looked at after every so many calls, and after the last. */
const DEEP = 16;

/** What came of a case: the first thing that went wrong, if any, and what was done. */
export interface StressResult {
	readonly failure: StressFailure | undefined;
	readonly counts: StressCounts;
}

/** A case that is being carried out. */
export interface Stressing {
	/** Calls that were made. */
	readonly done: number;
	/** Makes so many more calls. @returns what came of the case when it is over */
	advance(calls: number): StressResult | undefined;
}

/** Begins a case, for who wants to look at something else between its calls. */
export function stressing(one: StressCase, methods: Partial<Methods> = {}): Stressing {
	const stage = setUp(one, methods);
	const { length } = one.calls;
	let done = 0;
	return {
		get done() {
			return done;
		},
		advance(calls) {
			for (const end = Math.min(length, done + calls); done < end; done++) {
				const what = tried(stage, one.calls[done]!, done % DEEP === 0 || done === length - 1);
				if (what !== undefined) return { failure: { at: done, what }, counts: stage.counts };
			}
			if (done < length) return undefined;
			stage.counts.shootdowns = stage.execmem.counts.shootdowns;
			return { failure: undefined, counts: stage.counts };
		},
	};
}

/** Carries out a case. @returns the first thing that went wrong */
export function runStress(one: StressCase, methods: Partial<Methods> = {}): StressResult {
	return stressing(one, methods).advance(one.calls.length)!;
}

function tried(stage: Stage, call: StressCall, deep: boolean): string | undefined {
	stage.counts.calls++;
	try {
		const what = perform(stage, call);
		markGone(stage);
		return what ?? judge(stage, deep);
	} catch (error) {
		return (error as Error).message;
	}
}

/** What was freed and is flushed by now. */
function markGone({ slots, execmem }: Stage): void {
	for (const piece of slots)
		if (piece?.state === "freed" && execmem.pieces.get(piece.address)?.state !== "freed") piece.state = "gone";
}
