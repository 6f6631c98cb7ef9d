// The check room: a protocol as cards, a scenario beside it, the verdict as one edits, and the way to it as lanes and loom.

import type { ComponentChildren } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";
import { type Lanes, pokesOf, withProtocol } from "../../runtime/check/index.ts";
import type { Room, RoomProps } from "../shell/room.ts";
import { fieldsOf } from "../state/fields.ts";
import { kinds, LAST, type Other, otherQuestionOf, placements, questionOf, type State, stateOf } from "./ask.ts";
import { exampleNames, exampleOf } from "./examples.ts";
import { knownPhases, modelNames, protocolPhases } from "./known.ts";
import { letterOf, Rail } from "./rail.tsx";
import { StandBefore } from "./stand.tsx";
import { type Answered, useLetters, useVerdict } from "./verdict.ts";
import { Way } from "./way.tsx";

function CheckView({ state: link, link: share, go }: RoomProps) {
	const [state, setState] = useState(() => stateOf(link));
	const [said, setSaid] = useState("");
	const { other } = state;
	const main = useVerdict(questionOf(state));
	const compared = useVerdict(other && otherQuestionOf(state, other));
	useLayoutEffect(() => share(state), [state, share]);

	const lanes = lanesIn(main);
	const otherLanes = other === undefined ? undefined : lanesIn(compared);
	const last = Math.max(0, (lanes?.rows.length ?? 1) - 1, (otherLanes?.rows.length ?? 1) - 1);
	const parts = otherLanes === undefined || lanes === undefined ? undefined : parting(lanes, otherLanes);
	const change = (part: Partial<State>): void => setState((now) => ({ ...now, step: LAST, ...part }));
	const changeText = (text: string, words = ""): void => {
		change({ text, other: undefined });
		setSaid(words);
	};
	const side = {
		step: Math.min(state.step, last),
		parts,
		select: (row: number) => setState((now) => ({ ...now, step: row })),
		move: (by: number) =>
			setState((now) => ({ ...now, step: Math.max(0, Math.min(last, Math.min(last, now.step) + by)) })),
	};
	const stand = (row: number, other?: Other) =>
		go("run", { stand: { ...state, ...other, other: undefined, step: LAST }, row });
	return (
		<div class="check">
			<Scenario state={state} text={textIn(main)} change={change} changeText={changeText} />
			<section class="result" aria-label="Protocol and verdict">
				<p class="live" role="status">
					{said}
				</p>
				<div class={other === undefined ? "" : "two"}>
					<div>
						{state.text === "" ? (
							<Rails state={state} change={change} say={setSaid} />
						) : (
							<TextRails text={state.text} change={changeText} />
						)}
						<Result {...main} {...side} stand={stand} {...(other && { title: state.model, prefix: "left-" })} />
					</div>
					{other !== undefined && (
						<OtherSide other={other} change={(other) => setState((now) => ({ ...now, other }))} say={setSaid}>
							<Result {...compared} {...side} stand={(row) => stand(row, other)} title={other.model} prefix="right-" />
						</OtherSide>
					)}
				</div>
			</section>
		</div>
	);
}

function lanesIn({ answer }: Answered): Lanes | undefined {
	return answer !== undefined && "lanes" in answer ? answer.lanes : undefined;
}

function textIn({ answer }: Answered): string | { readonly why: string } {
	return answer !== undefined && "text" in answer ? answer.text : { why: "" };
}

/** The first step in which two ways differ. */
function parting(one: Lanes, two: Lanes): number {
	const same = (row: Lanes["rows"][number], i: number) => row.who === two.rows[i]?.who && row.text === two.rows[i].text;
	const at = one.rows.findIndex((row, i) => !same(row, i));
	return at < 0 ? one.rows.length : at;
}

interface ResultProps extends Answered {
	readonly step: number;
	readonly parts: number | undefined;
	readonly title?: string;
	readonly prefix?: string;
	select(row: number): void;
	move(by: number): void;
	stand(row: number): void;
}

/** A verdict, and the way to it. Beside the way stands what can be seen before the selected step. */
function Result({ answer, stale, progress, step, title, stand, ...way }: ResultProps) {
	const lanes = lanesIn({ answer, stale, progress });
	const selected = Math.min(step, Math.max(0, (lanes?.rows.length ?? 1) - 1));
	return (
		<div class="side">
			{title !== undefined && <h2>{title}</h2>}
			<Sentence answer={answer} stale={stale} progress={progress} />
			{lanes !== undefined && lanes.rows.length > 0 && (
				<div class={`find${stale ? " was" : ""}`}>
					<Way lanes={lanes} selected={selected} {...way} stand={() => stand(selected)} />
					<StandBefore lanes={lanes} row={selected} stand={() => stand(selected)} />
				</div>
			)}
		</div>
	);
}

interface RailsProps {
	readonly state: State;
	change(part: Partial<State>): void;
	say(words: string): void;
}

function Rails({ state, change, say }: RailsProps) {
	const letters = useLetters(state.phases, state.cpus);
	return (
		<>
			<Rail
				name="Phases of the protocol"
				phases={state.phases}
				letters={letters ?? []}
				known={knownPhases}
				change={(phases, words) => {
					change({ phases });
					say(words);
				}}
			/>
			{state.second !== undefined && (
				<Rail
					name="Phases of the second patcher"
					phases={state.second}
					known={knownPhases}
					change={(second, words) => {
						change({ second });
						say(words);
					}}
				/>
			)}
		</>
	);
}

/** The protocols of a text: a rail for each. */
function TextRails({ text, change }: { text: string; change(text: string, words?: string): void }) {
	return (
		<>
			{pokesOf(text).map(({ protocol, line }, i) => (
				<Rail
					key={i}
					name={`Phases of the poke in line ${line}`}
					phases={typeof protocol === "string" ? (protocolPhases[protocol] ?? []) : protocol}
					known={knownPhases}
					change={(phases, words) => {
						try {
							change(withProtocol(text, i, phases), words);
						} catch (error) {
							change(text, (error as Error).message);
						}
					}}
				/>
			))}
		</>
	);
}

interface OtherProps {
	readonly other: Other;
	change(other: Other | undefined): void;
	say(words: string): void;
	readonly children: ComponentChildren;
}

function OtherSide({ other, change, say, children }: OtherProps) {
	const { phases, model } = other;
	return (
		<section class="other" aria-label="Compared with">
			<div class="bar">
				<ProtocolChoice
					name="Protocol to compare with"
					phases={phases}
					choose={(phases) => change({ model, phases })}
				/>
				<select
					aria-label="Machine to compare with"
					value={model}
					onChange={({ currentTarget }) => change({ phases, model: currentTarget.value })}
				>
					{modelNames.map((name) => (
						<option key={name}>{name}</option>
					))}
				</select>
				<button type="button" onClick={() => change(undefined)}>
					End the comparison
				</button>
			</div>
			<Rail
				name="Phases to compare with"
				phases={phases}
				known={knownPhases}
				change={(phases, words) => {
					change({ phases, model });
					say(words);
				}}
			/>
			{children}
		</section>
	);
}

interface ChoiceProps {
	readonly name: string;
	readonly phases: readonly string[];
	choose(phases: readonly string[]): void;
}

function ProtocolChoice({ name, phases, choose }: ChoiceProps) {
	const named = Object.entries(protocolPhases).find(([, all]) => all.join() === phases.join())?.[0];
	return (
		<select
			aria-label={name}
			value={named ?? ""}
			onChange={({ currentTarget }) => {
				const chosen = protocolPhases[currentTarget.value];
				if (chosen !== undefined) choose(chosen);
			}}
		>
			{named === undefined && <option value="">your own</option>}
			{Object.keys(protocolPhases).map((one) => (
				<option key={one}>{one}</option>
			))}
		</select>
	);
}

interface ScenarioProps {
	readonly state: State;
	readonly text: string | { readonly why: string };
	change(part: Partial<State>): void;
	changeText(text: string): void;
}

/** The scenario as a form and as text. Who edits the text leaves the form, and comes back to what it was. */
function Scenario({ state, text, change, changeText }: ScenarioProps) {
	return (
		<form class="scenario" aria-label="Scenario" onSubmit={(event) => event.preventDefault()}>
			{state.text === "" ? (
				<Parts state={state} change={change} />
			) : (
				<p>
					The text below is the scenario.{" "}
					<button type="button" onClick={() => change({ text: "" })}>
						Back to the form
					</button>
				</p>
			)}
			<label class="line">
				Example
				<select
					value=""
					onChange={async ({ currentTarget }) => {
						const { value } = currentTarget;
						currentTarget.value = "";
						changeText(await exampleOf(value));
					}}
				>
					<option value="">choose…</option>
					{exampleNames.map((name) => (
						<option key={name}>{name}</option>
					))}
				</select>
			</label>
			<details open={state.text !== ""}>
				<summary>The scenario as text</summary>
				{typeof text === "string" || state.text !== "" ? (
					<textarea
						aria-label="The scenario as text"
						spellcheck={false}
						rows={18}
						value={state.text === "" ? String(text) : state.text}
						onInput={({ currentTarget }) => changeText(currentTarget.value)}
					/>
				) : (
					<p>{text.why}</p>
				)}
			</details>
		</form>
	);
}

function Parts({ state, change }: Pick<ScenarioProps, "state" | "change">) {
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
	const { phases, model, second, unlocked, other } = state;
	return (
		<>
			<div class="line">
				Protocol
				<ProtocolChoice name="Protocol" phases={phases} choose={(phases) => change({ phases })} />
			</div>
			{choose(
				"model",
				"Machine",
				modelNames.map((name) => [name, letterOf[name] === undefined ? name : `${name} (${letterOf[name]})`] as const),
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
			<fieldset>
				<legend>Besides</legend>
				<label>
					<input
						type="checkbox"
						checked={second !== undefined}
						onChange={() => change({ second: second === undefined ? phases : undefined, unlocked: false })}
					/>
					second patcher
				</label>
				<label>
					<input
						type="checkbox"
						disabled={second === undefined}
						checked={unlocked}
						onChange={() => change({ unlocked: !unlocked })}
					/>
					without lock
				</label>
				<label>
					<input
						type="checkbox"
						checked={other !== undefined}
						onChange={() => change({ other: other === undefined ? { phases, model } : undefined })}
					/>
					compare
				</label>
			</fieldset>
		</>
	);
}

function Sentence({ answer, stale, progress }: Answered) {
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
		["Enter", "on a step: stands there in Run"],
	],
};
