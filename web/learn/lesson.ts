// What a lesson is: text, a room that it happens in, a task, and a judge that asks the library whether the task is done.

import { type State as CheckState, questionOf, startChecker, stateOf } from "../check/ask.ts";
import type { Checked } from "../check/question.ts";
import { type LookState, lookOf, startLooker } from "../look/ask.ts";
import type { CallCost, Looked } from "../look/question.ts";
import { settingOf, startRunner } from "../run/ask.ts";
import { sourceOf } from "../run/programs.ts";
import type { Opened, RunView } from "../run/question.ts";

export interface Judged {
	readonly done: boolean;
	/** What was found, and why that is or is not what the task asks for. */
	readonly words: string;
}

interface Told {
	/** What a link calls it: it stays when other lessons come before it. */
	readonly name: string;
	readonly title: string;
	readonly text: readonly string[];
	/** Who said what about it, where and when. */
	readonly said: readonly string[];
	readonly task: string;
	/** For who teaches it: what it shows, and questions with their answers. */
	readonly shows: string;
	readonly questions: readonly (readonly [question: string, answer: string])[];
	/** The state of the room, as a link has it. */
	readonly start: object;
}

export type Found = Exclude<Checked, { readonly problem: string } | { readonly superseded: true }>;

export type Lesson = Told &
	(
		| { readonly room: "run"; judge(view: RunView): Judged }
		| { readonly room: "check"; judge(found: Found, state: CheckState): Judged }
		| { readonly room: "look"; judge(found: readonly CallCost[], state: LookState): Judged }
	);

/** Carries out what the room's state says once more, and asks the lesson's judge about the result. */
export async function judged(lesson: Lesson, state: unknown): Promise<Judged> {
	switch (lesson.room) {
		case "run":
			return lesson.judge(await runOf(state));
		case "check":
			return judgedCheck(lesson, state);
		case "look":
			return judgedLook(lesson, state);
	}
}

async function judgedLook(lesson: Lesson & { readonly room: "look" }, link: unknown): Promise<Judged> {
	const state = lookOf(link);
	const looker = startLooker();
	try {
		const source = await sourceOf(state.program);
		const looked = await looker.ask<Looked>({ calls: { name: state.program, source } });
		if (!("calls" in looked)) throw new Error("problem" in looked ? looked.problem : "nothing was measured");
		return lesson.judge(looked.calls, state);
	} finally {
		looker.stop();
	}
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
