// What a lesson is: text, a room that it happens in, a task, and a judge that asks the library whether the task is done.

import { type State as CheckState, questionOf, startChecker, stateOf } from "../check/ask.ts";
import type { Checked } from "../check/question.ts";
import { settingOf, startRunner } from "../run/ask.ts";
import { sourceOf } from "../run/programs.ts";
import type { Opened, RunView } from "../run/question.ts";

export interface Judged {
	readonly done: boolean;
	/** What was found, and why that is or is not what the task asks for. */
	readonly words: string;
}

interface Told {
	readonly title: string;
	readonly text: readonly string[];
	/** Who said what about it, where and when. */
	readonly said: readonly string[];
	readonly task: string;
	/** The state of the room, as a link has it. */
	readonly start: object;
}

export type Found = Exclude<Checked, { readonly problem: string } | { readonly superseded: true }>;

export type Lesson = Told &
	(
		| { readonly room: "run"; judge(view: RunView): Judged }
		| { readonly room: "check"; judge(found: Found, state: CheckState): Judged }
	);

/** Carries out what the room's state says once more, and asks the lesson's judge about the result. */
export async function judged(lesson: Lesson, state: unknown): Promise<Judged> {
	return lesson.room === "run" ? lesson.judge(await runOf(state)) : judgedCheck(lesson, state);
}

async function runOf(state: unknown): Promise<RunView> {
	const { setting, at, asked } = settingOf(state);
	const { own, ...program } = setting;
	const source = own ?? (await sourceOf(setting.name));
	const runner = startRunner();
	try {
		const opened = await runner.ask<Opened | { readonly problem: { readonly reason: string } }>({
			open: { ...program, source, asked },
			at,
		});
		if ("problem" in opened) throw new Error(opened.problem.reason);
		return opened.view;
	} finally {
		runner.stop();
	}
}

async function judgedCheck(lesson: Lesson & { readonly room: "check" }, link: unknown): Promise<Judged> {
	const state = stateOf(link);
	const checker = startChecker();
	try {
		const checked = await checker.ask<Checked>(questionOf(state));
		if ("problem" in checked) throw new Error(checked.problem);
		if ("superseded" in checked) throw new Error("another question came first");
		return lesson.judge(checked, state);
	} finally {
		checker.stop();
	}
}
