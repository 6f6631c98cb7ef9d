// Checks protocols away from the page: a verdict and the states on its way, a little at a time, so that a newer question
// ends an older one; or on which models each phase is needed.

import { problemOf } from "../../linker/compile/index.ts";
import { ablating, checking, lanesOf } from "../../runtime/check/index.ts";
import { models } from "../../runtime/machine/index.ts";
import { BOUNDS } from "./bounds.ts";
import type { Checked, Letter, Letters, LettersQuestion, Question } from "./question.ts";
import { protocolFor, scenarioFor, textFor } from "./scenario.ts";

/** States and steps between two looks at what else is asked. */
const EFFORT = 4000;

let newest = 0;

type Numbered = (Question | LettersQuestion) & { readonly id: number };

export async function receive(data: Numbered): Promise<void> {
	newest = data.id;
	try {
		postMessage({ id: data.id, result: "letters" in data ? await letters(data) : await answer(data) });
	} catch (error) {
		const problem = problemOf(error);
		if (problem === undefined) postMessage({ id: data.id, failed: String(error) });
		else postMessage({ id: data.id, result: { problem: problem.reason } satisfies Checked });
	}
}

/** @returns whether nobody asked for something newer meanwhile */
async function goesOn(id: number): Promise<boolean> {
	await new Promise((go) => setTimeout(go));
	return id === newest;
}

async function answer(question: Question & { readonly id: number }): Promise<Checked> {
	const { id } = question;
	const began = performance.now();
	const checked = checking(scenarioFor(question), { bounds: BOUNDS });
	for (;;) {
		const verdict = checked.advance(EFFORT);
		if (verdict !== undefined) {
			const { scenario: _, ...summary } = verdict;
			const hasWay = verdict.trace !== undefined || verdict.sample !== undefined;
			const lanes = hasWay ? lanesOf(verdict) : undefined;
			return { verdict: summary, lanes, took: performance.now() - began, text: textFor(question) };
		}
		postMessage({ id, progress: { found: checked.found, expanded: checked.expanded } });
		if (!(await goesOn(id))) return { superseded: true };
	}
}

async function letters({ id, letters: { phases, cpus } }: LettersQuestion & { readonly id: number }): Promise<object> {
	const known: Record<string, Letter>[] = phases.map(() => ({}));
	for (const model of models)
		for (const { change, phase, verdict, witness } of ablating(protocolFor(phases), model, cpus)) {
			if (change !== "drop") break;
			known[phase]![model.name] = { verdict, why: witness?.why };
			postMessage({ id, progress: known satisfies Letters });
			if (!(await goesOn(id))) return { superseded: true };
		}
	return { letters: known };
}
