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

/** Carries out a case. @returns the first thing that went wrong */
export function runStress(
	one: StressCase,
	methods: Partial<Methods> = {},
	progress?: (done: number) => void,
): { readonly failure: StressFailure | undefined; readonly counts: StressCounts } {
	const stage = setUp(one, methods);
	const { length } = one.calls;
	for (const [at, call] of one.calls.entries()) {
		const what = tried(stage, call, at % DEEP === 0 || at === length - 1);
		if (what !== undefined) return { failure: { at, what }, counts: stage.counts };
		progress?.(at + 1);
	}
	stage.counts.shootdowns = stage.execmem.counts.shootdowns;
	return { failure: undefined, counts: stage.counts };
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
