// The learn room: a lesson's text and task above the real room that it happens in.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { check } from "../check/room.tsx";
import { run } from "../run/room.tsx";
import type { Room, RoomProps } from "../shell/room.ts";
import { fieldsOf } from "../state/fields.ts";
import { type Judged, judged, type Lesson } from "./lesson.ts";
import { lessons } from "./lessons.ts";

const roomsOf = { run, check } as const;

/** The lessons that were done since the page was opened: who visits another room finds them done. */
let doneBefore: readonly number[] = [];

function LearnView({ state, link, go: goToRoom }: RoomProps) {
	const [number, setNumber] = useState(() => fieldsOf(state).number("lesson", 1, 1, lessons.length));
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
			link({ lesson: number, room: state });
		},
		[number, link],
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
			<View state={begun} link={linkRoom} go={goToRoom} />
		</>
	);
}

/** A paragraph; what stands between backticks is code. */
function Words({ words }: { words: string }) {
	return <p>{words.split("`").map((part, i) => (i % 2 === 0 ? part : <code key={i}>{part}</code>))}</p>;
}

export const learn: Room = { View: LearnView, keys: [...run.keys, ...check.keys] };
