// The learn room: a lesson's text and task above the real room that it happens in.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { check } from "../check/room.tsx";
import { look } from "../look/room.tsx";
import { run } from "../run/room.tsx";
import type { Room, RoomProps } from "../shell/room.ts";
import { fieldsOf } from "../state/fields.ts";
import { type Judged, judged, type Lesson } from "./lesson.ts";
import { lessons } from "./lessons.ts";

const roomsOf = { run, check, look } as const;

/** What links called the lessons while they had numbers only. */
const numbered = ["bytes", "plain-stores", "breakpoint", "machines"];

/** The number of the lesson that a link opens. */
function numberIn(state: unknown): number {
	const fields = fieldsOf(state);
	const name = fields.has("lesson") ? fields.text("lesson", numbered[fields.number("lesson", 1, 1, 4) - 1]!) : "";
	return (
		1 +
		Math.max(
			0,
			lessons.findIndex((lesson) => lesson.name === name),
		)
	);
}

/** The lessons that were done since the page was opened: who visits another room finds them done. */
let doneBefore: readonly number[] = [];

function LearnView({ state, link, go: goToRoom }: RoomProps) {
	const [number, setNumber] = useState(() => numberIn(state));
	const brought = useRef((state as { room?: unknown } | null | undefined)?.room);
	const heading = useRef<HTMLHeadingElement>(null);
	const [done, setDone] = useState(doneBefore);
	useEffect(() => {
		doneBefore = done;
	}, [done]);
	const go = (to: number): void => {
		brought.current = undefined;
		setNumber(to);
		setTimeout(() => heading.current?.focus());
	};
	return (
		<div class="learn">
			<nav aria-label="Lessons">
				<ol>
					{lessons.map(({ title }, i) => (
						<li key={title}>
							<button type="button" aria-current={i + 1 === number ? "step" : undefined} onClick={() => go(i + 1)}>
								{i + 1}. {title}
								{done.includes(i + 1) && " ✓"}
								{done.includes(i + 1) && <span class="unseen">done</span>}
							</button>
						</li>
					))}
				</ol>
			</nav>
			<LessonView
				key={number}
				number={number}
				lesson={lessons[number - 1]!}
				heading={heading}
				brought={brought.current}
				link={link}
				goToRoom={goToRoom}
				finish={() => setDone((now) => [...now, number])}
				next={number < lessons.length ? () => go(number + 1) : undefined}
			/>
		</div>
	);
}

interface LessonProps {
	readonly number: number;
	readonly lesson: Lesson;
	readonly heading: { current: HTMLHeadingElement | null };
	/** The state of the room that a link brought. */
	readonly brought: unknown;
	link(state: unknown): void;
	readonly goToRoom: RoomProps["go"];
	/** Marks the lesson as done. */
	finish(): void;
	readonly next: (() => void) | undefined;
}

function LessonView({ number, lesson, heading, brought, link, goToRoom, finish, next }: LessonProps) {
	const { title, text, said, task, start, room } = lesson;
	const [answer, setAnswer] = useState<Judged>();
	const [asking, setAsking] = useState(false);
	const [begun] = useState(brought ?? start);
	const now = useRef<unknown>(begun);
	const isShown = useRef(true);
	useEffect(
		() => () => {
			isShown.current = false;
		},
		[],
	);
	const linkRoom = useCallback(
		(state: unknown) => {
			now.current = state;
			link({ lesson: lesson.name, room: state });
		},
		[lesson, link],
	);
	const ask = async (): Promise<void> => {
		setAsking(true);
		const given = await judged(lesson, now.current).catch(
			(error: Error): Judged => ({ done: false, words: `This cannot be judged: ${error.message}` }),
		);
		if (!isShown.current) return;
		if (given.done) finish();
		setAsking(false);
		setAnswer(given);
	};
	const { View } = roomsOf[room];
	return (
		<>
			<article class="lesson" aria-labelledby="lesson">
				<h2 id="lesson" tabIndex={-1} ref={heading}>
					{number}. {title}
				</h2>
				<div class="told">
					{text.map((words) => (
						<Words key={words} words={words} />
					))}
				</div>
				<section class="said-there" aria-label="Who said what">
					{said.map((words) => (
						<Words key={words} words={words} />
					))}
				</section>
				<div class="task">
					<Words words={task} />
					<button type="button" disabled={asking} onClick={ask}>
						Is it done?
					</button>
					{answer?.done === true && next !== undefined && (
						<button type="button" onClick={next}>
							Next lesson
						</button>
					)}
					<p class={answer?.done === true ? "judged done" : "judged"} role="status">
						{asking
							? "Looking…"
							: answer === undefined
								? ""
								: `${answer.done ? "✓ Done." : "Not yet."} ${answer.words}`}
					</p>
				</div>
			</article>
			<Teaching lesson={lesson} />
			<View state={begun} link={linkRoom} go={goToRoom} />
		</>
	);
}

/** What somebody wants to know who teaches the lesson. */
function Teaching({ lesson: { shows, questions } }: { lesson: Lesson }) {
	return (
		<details class="teaching">
			<summary>For teachers</summary>
			<p>{shows}</p>
			<dl>
				{questions.map(([question, answer]) => (
					<div key={question}>
						<dt>{question}</dt>
						<dd>{answer}</dd>
					</div>
				))}
			</dl>
		</details>
	);
}

/** A paragraph; what stands between backticks is code. */
function Words({ words }: { words: string }) {
	return <p>{words.split("`").map((part, i) => (i % 2 === 0 ? part : <code key={i}>{part}</code>))}</p>;
}

export const learn: Room = { View: LearnView, keys: [...run.keys, ...check.keys] };
