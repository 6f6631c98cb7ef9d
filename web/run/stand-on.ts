// The way of a verdict as a run. The checker is loaded for it, and is not for other programs.

import { type Checking, checking, onTape, type Standing } from "../../runtime/check/index.ts";
import { BOUNDS } from "../check/bounds.ts";
import type { Question } from "../check/question.ts";
import { scenarioFor, textFor } from "../check/scenario.ts";

export interface StandingOn extends Standing {
	readonly source: string;
	/** In words. */
	readonly verdict: string;
}

/** @throws LinkError where the verdict has no way that one can stand on */
export function standOn(question: Question): StandingOn {
	const verdict = toEnd(checking(scenarioFor(question), { bounds: BOUNDS }));
	const text = textFor(question);
	return {
		...onTape(verdict),
		source: typeof text === "string" ? text : verdict.scenario.program,
		verdict: verdict.why === undefined ? verdict.verdict : `${verdict.verdict}, ${verdict.why}`,
	};
}

function toEnd(checked: Checking): NonNullable<ReturnType<Checking["advance"]>> {
	for (;;) {
		const verdict = checked.advance(100_000);
		if (verdict !== undefined) return verdict;
	}
}
