// Where the run stands, and ways to go on from there or back. Under it one sentence says what happened last.

import type { ComponentChildren } from "preact";
import type { Go, RunView } from "./question.ts";

interface TransportProps {
	readonly view: RunView | undefined;
	/** The step that a long way has come to. */
	readonly busy: number | undefined;
	go(how: Go): void;
	readonly children: ComponentChildren;
}

export function Transport({ view, busy, go, children }: TransportProps) {
	const at = view?.at ?? 0;
	const length = Math.max(view?.length ?? 0, 1);
	const isOver = view?.end !== undefined;
	const button = (text: string, name: string, how: Go, disabled = false) => (
		<button type="button" title={name} disabled={view === undefined || disabled} onClick={() => go(how)}>
			{text}
		</button>
	);
	return (
		<div class="transport">
			<div class="bar">
				{button("start", "To the beginning", { to: 0 }, at === 0)}
				{button("◀ back", "A step back", { by: -1 }, at === 0)}
				{button("step ▶", "A step", { by: 1 }, isOver)}
				{button("phase", "To the next phase of a patcher", { until: "phase" }, isOver)}
				{button("patcher", "To the next step of a patcher", { until: "patch" }, isOver)}
				{button("trap", "To the next trap", { until: "trap" }, isOver)}
				{button("output", "To the next line of output", { until: "print" }, isOver)}
				{button("end", "To the end", { to: 1e12 }, isOver)}
				<input
					type="range"
					class="slider"
					aria-label="Place in the run"
					min="0"
					max={length}
					value={at}
					onChange={({ currentTarget }) => go({ to: Number(currentTarget.value) })}
				/>
				<output>
					{busy !== undefined && busy > 0
						? `running: step ${busy.toLocaleString("en")}`
						: `step ${at.toLocaleString("en")}`}
					{view?.end !== undefined || view?.at !== view?.length ? ` of ${length.toLocaleString("en")}` : ""}
				</output>
				{children}
			</div>
			<ol class="phases" aria-label="Phases under way">
				{view?.patching.map(({ phase, done, of }, i) => (
					<li key={`${i}.${phase}`} class={done === of ? "done" : done > 0 || isNext(view, i) ? "now" : ""}>
						{phase}
						<span role="img" aria-label={`${done} of ${of} steps`}>
							{"●".repeat(done)}
							{"○".repeat(of - done)}
						</span>
					</li>
				))}
			</ol>
			<p class="sentence" role="status">
				{sentenceOf(view)}
			</p>
		</div>
	);
}

function isNext({ patching }: RunView, i: number): boolean {
	return patching.findIndex(({ done, of }) => done < of) === i;
}

function sentenceOf(view: RunView | undefined): string {
	if (view === undefined) return "Compiling…";
	const { last, end, next, cycles, happened } = view;
	const when = `${Math.round(cycles).toLocaleString("en")} cycles. `;
	const what =
		last === undefined
			? "Nobody patched yet. "
			: `${happened}. event: ${last.who}: ${last.text}${last.phase === undefined || last.phase === last.text ? "" : ` (${last.phase})`}. `;
	return `${when}${what}${end === undefined ? `Next: ${next ?? "nobody"}.` : `The run ended: ${end}.`}`;
}
