// The answers of the checker's worker while one edits: the last one stays until there is a newer one.

import { useEffect, useRef, useState } from "preact/hooks";
import type { Asker } from "../state/ask.ts";
import { startChecker } from "./ask.ts";
import type { Checked, Letters, Progress, Question } from "./question.ts";

/** Milliseconds after an edit in which nothing is asked: who drags goes through many protocols. */
const PATIENCE = 80;
const PATIENCE_FOR_LETTERS = 400;

export interface Answered {
	readonly answer: Checked | undefined;
	/** The answer is to an earlier question. */
	readonly stale: boolean;
	readonly progress: Progress | undefined;
}

/** @param question nothing is asked without one */
export function useVerdict(question: Question | undefined): Answered {
	const [answer, setAnswer] = useState<Checked>();
	const [answered, setAnswered] = useState("");
	const [progress, setProgress] = useState<Progress>();
	const asker = useChecker();
	const asked = question === undefined ? "" : JSON.stringify(question);
	useEffect(() => {
		if (asked === "") return;
		const timer = setTimeout(async () => {
			const given = await asker()
				.ask<Checked>(JSON.parse(asked), setProgress)
				.catch((error: Error): Checked => ({ problem: `the checker failed: ${error.message}` }));
			if ("superseded" in given) return;
			setAnswer(given);
			setAnswered(asked);
			setProgress(undefined);
		}, PATIENCE);
		return () => clearTimeout(timer);
	}, [asked]);
	return { answer, stale: answered !== asked, progress };
}

/** On which models each phase is needed, as far as it is known. */
export function useLetters(phases: readonly string[], cpus: number): Letters | undefined {
	const [known, setKnown] = useState<{ readonly of: string; readonly letters: Letters }>();
	const asker = useChecker();
	const asked = JSON.stringify({ letters: { phases, cpus } });
	useEffect(() => {
		const timer = setTimeout(async () => {
			const tell = (letters: Letters) => setKnown({ of: asked, letters });
			const given = await asker()
				.ask<{ letters?: Letters }>(JSON.parse(asked), tell)
				.catch(() => ({}));
			if ("letters" in given && given.letters !== undefined) tell(given.letters);
		}, PATIENCE_FOR_LETTERS);
		return () => clearTimeout(timer);
	}, [asked]);
	return known?.of === asked ? known.letters : undefined;
}

/** A worker of one's own, which starts when something is asked. */
function useChecker(): () => Asker {
	const made = useRef<Asker | undefined>(undefined);
	useEffect(() => () => made.current?.stop(), []);
	return () => (made.current ??= startChecker());
}
