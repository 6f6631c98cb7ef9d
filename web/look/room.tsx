// The look room: what calls and updates cost, where a program lies, and the trace of a run, each as a picture that one can take
// along.

import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { protocolPhases } from "../check/known.ts";
import { programNames, sourceOf } from "../run/programs.ts";
import type { Room, RoomProps } from "../shell/room.ts";
import type { Asker } from "../state/ask.ts";
import { fieldsOf } from "../state/fields.ts";
import { type LookState, lookOf, MOST_ZOOM, NOT_YET, startLooker } from "./ask.ts";
import { CallBars, CostLines, difference, lineOf, TraceLanes } from "./draw.tsx";
import { Export } from "./export.tsx";
import { type ChartName, charts, type Looked, type LookQuestion } from "./question.ts";

function LookView({ state: link, link: share }: RoomProps) {
	const [state, setState] = useState(() => lookOf(link));
	const { chart, program, protocol, cpus } = state;
	const looked = useLooked(chart, program, protocol, cpus);
	useLayoutEffect(() => share(state), [state, share]);
	const change = (part: Partial<LookState>): void => setState((now) => ({ ...now, ...part }));
	return (
		<div class="look">
			<nav aria-label="Pictures">
				{Object.entries(charts).map(([name, title]) => (
					<button
						type="button"
						key={name}
						aria-current={name === chart ? "true" : undefined}
						onClick={() => change({ chart: name as ChartName, guess: 0 })}
					>
						{title}
					</button>
				))}
			</nav>
			<div class="settings">
				{chart !== "cost" && (
					<Choice name="Program" value={program} all={programNames} choose={(program) => change({ program })} />
				)}
				{(chart === "trace" || chart === "cost") && (
					<Choice
						name="Protocol"
						value={protocol}
						all={Object.keys(protocolPhases).filter((name) => name !== "early")}
						choose={(protocol) => change({ protocol })}
					/>
				)}
				{chart !== "calls" && (
					<label>
						CPUs
						<input
							type="number"
							min="1"
							max="8"
							value={cpus}
							onChange={({ currentTarget }) =>
								change({ cpus: fieldsOf({ cpus: currentTarget.valueAsNumber }).number("cpus", 2, 1, 8) })
							}
						/>
					</label>
				)}
			</div>
			{state.guess === NOT_YET ? (
				<Guess guess={(guess) => change({ guess })} />
			) : (
				<Shown looked={looked} state={state} change={change} />
			)}
		</div>
	);
}

function useLooked(chart: ChartName, program: string, protocol: string, cpus: number): Looked | undefined {
	const [looked, setLooked] = useState<{ readonly of: string; readonly what: Looked }>();
	const asker = useRef<Asker | undefined>(undefined);
	const of = JSON.stringify([chart, program, protocol, cpus]);
	useEffect(() => {
		const made = startLooker();
		asker.current = made;
		return () => made.stop();
	}, []);
	useEffect(() => {
		const ask = async (): Promise<void> => {
			const question = questionFor(chart, { name: program, source: await sourceOf(program) }, protocol, cpus);
			const tell = (what: Looked): void => {
				if (!("superseded" in what)) setLooked({ of, what });
			};
			tell(
				await asker
					.current!.ask<Looked>(question, tell)
					.catch((error: Error): Looked => ({ problem: `it failed: ${error.message}` })),
			);
		};
		ask();
	}, [of]);
	return looked?.of === of ? looked.what : undefined;
}

function questionFor(
	chart: ChartName,
	source: { readonly name: string; readonly source: string },
	protocol: string,
	cpus: number,
): LookQuestion {
	switch (chart) {
		case "calls":
			return { calls: source };
		case "cost":
			return { cost: { protocols: [protocol], cpus: [...new Set([1, cpus])] } };
		case "space":
			return { space: { ...source, cpus } };
		case "trace":
			return { trace: { ...source, protocol, cpus } };
	}
}

interface ShownProps {
	readonly looked: Looked | undefined;
	readonly state: LookState;
	change(part: Partial<LookState>): void;
}

function Shown({ looked, state, change }: ShownProps) {
	const { program, zoom, left, guess } = state;
	if (looked === undefined || "superseded" in looked) return <p class="wait">Measuring…</p>;
	if ("problem" in looked)
		return (
			<p class="verdict problem" role="alert">
				{looked.problem}
			</p>
		);
	if ("calls" in looked) {
		const [first, , , last] = looked.calls;
		return (
			<Picture name={`${program}-calls`} title={`Cycles of ${program}, by the way its calls are made`}>
				<CallBars costs={looked.calls} />
				<p>
					{guess > 0 && `You guessed ${guess} % more. `}
					With pointers and retpolines the program takes {difference(last!.cycles / first!.cycles - 1)} against static
					calls.
				</p>
			</Picture>
		);
	}
	if ("cost" in looked)
		return (
			<Picture name="updates" title="Cycles from the first step of an update to its last">
				<CostLines rows={looked.cost} />
				<table>
					<thead>
						<tr>
							{["", "sites", "cycles", "rounds of interrupts"].map((title) => (
								<th key={title}>{title}</th>
							))}
						</tr>
					</thead>
					<tbody>
						{looked.cost.map((row) => (
							<tr key={`${lineOf(row)} ${row.sites}`}>
								<th>{lineOf(row)}</th>
								<td>{row.sites}</td>
								<td>{Math.round(row.latency).toLocaleString("en")}</td>
								<td>{row.syncs}</td>
							</tr>
						))}
					</tbody>
				</table>
			</Picture>
		);
	if ("space" in looked)
		return (
			<Picture name={`${program}-space`} title={`What is mapped where before ${program} starts`}>
				<Drawn svg={looked.space} />
			</Picture>
		);
	const { trace } = looked;
	return (
		<Picture
			name={`${program}-trace`}
			title={`A run of ${program}, until it ${trace.end === "halted" ? "halted" : `ended: ${trace.end}`}`}
		>
			<div class="settings">
				<label>
					Zoom
					<input
						type="range"
						min="0"
						max={MOST_ZOOM}
						value={zoom}
						onInput={({ currentTarget }) => change({ zoom: currentTarget.valueAsNumber })}
					/>
				</label>
				<label>
					Place
					<input
						type="range"
						min="0"
						max="1000"
						value={left}
						onInput={({ currentTarget }) => change({ left: currentTarget.valueAsNumber })}
					/>
				</label>
				<span>
					{trace.events.length === 0
						? "Nobody patched, trapped or printed."
						: `${trace.events.length} events${trace.of > trace.events.length ? ` of ${trace.of}` : ""}`}
				</span>
			</div>
			<TraceLanes trace={trace} zoom={zoom} left={left} />
		</Picture>
	);
}

function Picture({ name, title, children }: { name: string; title: string; children: ComponentChildren }) {
	const box = useRef<HTMLElement>(null);
	return (
		// biome-ignore lint/a11y/noNoninteractiveTabindex: an area that scrolls must be reached by keyboard
		<section class="picture" ref={box} aria-label={title} tabIndex={0}>
			<h2>{title}</h2>
			{children}
			<Export of={box} name={name} />
		</section>
	);
}

/** A picture that the library drew, parsed as SVG: what it shows are names of a program that comes with the page. */
function Drawn({ svg }: { svg: string }) {
	const box = useRef<HTMLDivElement>(null);
	useLayoutEffect(() => {
		const parsed = new DOMParser().parseFromString(svg, "image/svg+xml").documentElement;
		parsed.setAttribute("role", "img");
		parsed.setAttribute("aria-label", "The address space");
		box.current?.replaceChildren(document.adoptNode(parsed));
	}, [svg]);
	return <div ref={box} />;
}

function Guess({ guess }: { guess(percent: number): void }) {
	const box = useRef<HTMLInputElement>(null);
	return (
		<form
			class="guess"
			onSubmit={(event) => {
				event.preventDefault();
				const value = box.current?.valueAsNumber ?? Number.NaN;
				if (Number.isFinite(value) && value >= 1) guess(Math.round(value));
			}}
		>
			<label>
				How many percent longer does it take with pointers and retpolines?
				<input ref={box} type="number" min="1" max="100000" required />
			</label>
			<button type="submit">Measure it</button>
		</form>
	);
}

interface ChoiceProps {
	readonly name: string;
	readonly value: string;
	readonly all: readonly string[];
	choose(value: string): void;
}

function Choice({ name, value, all, choose }: ChoiceProps) {
	return (
		<label>
			{name}
			<select value={value} onChange={({ currentTarget }) => choose(currentTarget.value)}>
				{all.map((one) => (
					<option key={one}>{one}</option>
				))}
			</select>
		</label>
	);
}

export const look: Room = { View: LookView, keys: [] };
