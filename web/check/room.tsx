// The check room: a protocol as cards, a scenario beside it, the verdict as one edits, and the way to it as lanes and loom.

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Room, RoomProps } from "../shell/room.ts";
import type { Asker } from "../state/ask.ts";
import { fieldsOf } from "../state/fields.ts";
import { kinds, LAST, placements, type State, startChecker, stateOf } from "./ask.ts";
import { knownPhases, modelNames, protocolPhases } from "./known.ts";
import type { Checked, Progress } from "./question.ts";
import { Rail } from "./rail.tsx";
import { StandBefore } from "./stand.tsx";
import { Way } from "./way.tsx";

/** After an edit nothing is asked for a moment: who drags goes through many protocols. */
const PATIENCE = 80;

function CheckView({ state: link, link: share }: RoomProps) {
	const [state, setState] = useState(() => stateOf(link));
	const [answer, setAnswer] = useState<Checked>();
	const [progress, setProgress] = useState<Progress>();
	const [stale, setStale] = useState(true);
	const [said, setSaid] = useState("");
	const asker = useRef<Asker | undefined>(undefined);
	const { step, ...question } = state;
	const asked = JSON.stringify(question);

	useEffect(() => {
		const made = startChecker();
		asker.current = made;
		return () => made.stop();
	}, []);
	useEffect(() => {
		setStale(true);
		const timer = setTimeout(async () => {
			const given = await asker.current
				?.ask<Checked>(JSON.parse(asked), setProgress)
				.catch((error: Error): Checked => ({ problem: `the checker failed: ${error.message}` }));
			if (given === undefined || "superseded" in given) return;
			setAnswer(given);
			setProgress(undefined);
			setStale(false);
		}, PATIENCE);
		return () => clearTimeout(timer);
	}, [asked]);
	useLayoutEffect(() => share(state), [state, share]);

	const lanes = answer !== undefined && "lanes" in answer ? answer.lanes : undefined;
	const last = Math.max(0, (lanes?.rows.length ?? 1) - 1);
	const selected = Math.min(step, last);
	const change = (part: Partial<State>): void => setState((now) => ({ ...now, step: LAST, ...part }));
	return (
		<div class="check">
			<Scenario state={state} change={change} />
			<section class="result" aria-label="Protocol and verdict">
				<Rail
					phases={state.phases}
					known={knownPhases}
					change={(phases, words) => {
						change({ phases });
						setSaid(words);
					}}
				/>
				<p class="live" role="status">
					{said}
				</p>
				<Sentence answer={answer} stale={stale} progress={progress} />
				{lanes !== undefined && lanes.rows.length > 0 && (
					<div class={`find${stale ? " was" : ""}`}>
						<Way
							lanes={lanes}
							selected={selected}
							select={(row) => setState((now) => ({ ...now, step: row }))}
							move={(by) =>
								setState((now) => ({ ...now, step: Math.max(0, Math.min(last, Math.min(last, now.step) + by)) }))
							}
						/>
						<StandBefore lanes={lanes} row={selected} />
					</div>
				)}
			</section>
		</div>
	);
}

function Scenario({ state, change }: { state: State; change(part: Partial<State>): void }) {
	const choose = (
		name: "kind" | "placement" | "model",
		title: string,
		all: readonly (readonly [value: string, text: string])[],
	) => (
		<fieldset>
			<legend>{title}</legend>
			{all.map(([value, text]) => (
				<label key={value}>
					<input type="radio" name={name} checked={state[name] === value} onChange={() => change({ [name]: value })} />
					{text}
				</label>
			))}
		</fieldset>
	);
	const named = useMemo(
		() => Object.entries(protocolPhases).find(([, phases]) => phases.join() === state.phases.join())?.[0],
		[state.phases],
	);
	return (
		<form class="scenario" aria-label="Scenario" onSubmit={(event) => event.preventDefault()}>
			<label class="line">
				Protocol
				<select
					value={named ?? ""}
					onChange={({ currentTarget }) => {
						const phases = protocolPhases[currentTarget.value];
						if (phases !== undefined) change({ phases });
					}}
				>
					{named === undefined && <option value="">your own</option>}
					{Object.keys(protocolPhases).map((name) => (
						<option key={name}>{name}</option>
					))}
				</select>
			</label>
			{choose(
				"model",
				"Machine",
				modelNames.map((name) => [name, name] as const),
			)}
			{choose("kind", "Site", Object.entries(kinds))}
			{choose("placement", "Place", Object.entries(placements))}
			<label class="line">
				CPUs
				<input
					type="number"
					min="1"
					max="3"
					value={state.cpus}
					onChange={({ currentTarget }) =>
						change({ cpus: fieldsOf({ cpus: currentTarget.valueAsNumber }).number("cpus", 2, 1, 3) })
					}
				/>
			</label>
		</form>
	);
}

function Sentence({
	answer,
	stale,
	progress,
}: {
	answer: Checked | undefined;
	stale: boolean;
	progress: Progress | undefined;
}) {
	if (answer === undefined || "superseded" in answer)
		return <p class="verdict">Checking{progress === undefined ? "" : ` (${progress.found} states)`}…</p>;
	if ("problem" in answer)
		return (
			<p class="verdict problem" role="alert">
				{answer.problem}
			</p>
		);
	const { verdict, why, states, steps, depth, assumptions } = answer.verdict;
	const way = verdict === "safe" ? " Below is one of the ways in which everybody finishes." : "";
	return (
		<div class={`verdict ${verdict}${stale ? " was" : ""}`} role="status">
			<p>
				<b>{stale ? `was ${verdict}` : verdict}</b>
				{why === undefined ? "" : ` · ${why}`} · {states.toLocaleString("en")} states, {steps.toLocaleString("en")}{" "}
				steps, depth {depth} · {answer.took.toFixed(0)} ms.{way}
				{stale && progress !== undefined && ` Checking: ${progress.found.toLocaleString("en")} states…`}
			</p>
			{assumptions.length > 0 && (
				<details>
					<summary>It rests on {assumptions.length} assumptions</summary>
					<ul>
						{assumptions.map((one) => (
							<li key={String(one)}>{String(one)}</li>
						))}
					</ul>
				</details>
			)}
		</div>
	);
}

export const check: Room = {
	View: CheckView,
	keys: [
		["← →", "go from card to card"],
		["Alt ← →", "move a card"],
		["Delete", "remove a card"],
		["↑ ↓", "go through the steps"],
	],
};
