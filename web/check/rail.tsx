// The protocol as cards on a rail: what is written is bold, what is waited for dashed. Cards are moved by hand or by key.
// Under each card is a letter for every machine, ringed where something breaks without the card.

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Letter, Letters } from "./question.ts";

interface RailProps {
	/** The name of the protocol. */
	readonly name: string;
	readonly phases: readonly string[];
	/** On which machines each phase is needed, as far as it is known. */
	readonly letters?: Letters | undefined;
	/** What may be added. */
	readonly known: readonly string[];
	change(phases: readonly string[], said: string): void;
}

export function Rail({ name, phases, letters, known, change }: RailProps) {
	const list = useRef<HTMLOListElement>(null);
	const [dragged, setDragged] = useState<number>();
	/** The card that has the focus when the change that was made is drawn. */
	const next = useRef<number | undefined>(undefined);
	const focus = (card: number): void => list.current?.querySelectorAll<HTMLElement>(".card")[card]?.focus();
	useLayoutEffect(() => {
		if (next.current !== undefined) focus(next.current);
		next.current = undefined;
	}, [phases]);
	const move = (from: number, to: number): void => {
		if (to < 0 || to >= phases.length || from === to) return;
		next.current = to;
		change(
			phases.toSpliced(from, 1).toSpliced(to, 0, phases[from]!),
			`${phases[from]} is now ${to + 1} of ${phases.length}`,
		);
	};
	const remove = (card: number): void => {
		next.current = Math.max(0, Math.min(card, phases.length - 2));
		change(phases.toSpliced(card, 1), `${phases[card]} is removed; ${phases.length - 1} are left`);
	};
	const onKey = (event: KeyboardEvent, card: number): void => {
		const step = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : 0;
		if (step !== 0) {
			event.preventDefault();
			if (event.altKey) move(card, card + step);
			else focus(Math.min(phases.length - 1, Math.max(0, card + step)));
		} else if (event.key === "Delete" || event.key === "Backspace") {
			event.preventDefault();
			remove(card);
		}
	};
	/** The card whose middle is nearest to a pointer. */
	const cardAt = (x: number, y: number): number => {
		const cards = [...(list.current?.querySelectorAll(".card") ?? [])];
		const far = (card: Element): number => {
			const { left, top, width, height } = card.getBoundingClientRect();
			return Math.hypot(left + width / 2 - x, 3 * (top + height / 2 - y));
		};
		return cards.reduce((best, card, i) => (far(card) < far(cards[best]!) ? i : best), 0);
	};
	return (
		<ol class="rail" ref={list} aria-label={name}>
			{phases.map((phase, i) => (
				<li key={`${i}.${phase}`}>
					{letters !== undefined && <Needed letters={letters[i] ?? {}} />}
					<button
						type="button"
						class={`card ${phase.split(" ")[0]}${dragged === i ? " dragged" : ""}`}
						aria-label={`${phase}, ${i + 1} of ${phases.length}${neededOn(letters?.[i])}`}
						onKeyDown={(event) => onKey(event, i)}
						onPointerDown={(event) => {
							event.currentTarget.setPointerCapture(event.pointerId);
							setDragged(i);
						}}
						onPointerUp={(event) => {
							if (dragged !== undefined) move(dragged, cardAt(event.clientX, event.clientY));
							setDragged(undefined);
						}}
						onPointerCancel={() => setDragged(undefined)}
					>
						{phase}
					</button>
					<button type="button" class="remove" aria-label={`Remove ${phase}`} tabIndex={-1} onClick={() => remove(i)}>
						×
					</button>
				</li>
			))}
			<li>
				<select
					aria-label="Add a phase"
					value=""
					onChange={({ currentTarget }) => {
						const phase = currentTarget.value;
						currentTarget.value = "";
						next.current = phases.length;
						change([...phases, phase], `${phase} is added at the end`);
					}}
				>
					<option value="">+ add</option>
					{known.map((phase) => (
						<option key={phase}>{phase}</option>
					))}
				</select>
			</li>
		</ol>
	);
}

/** A letter for each machine. */
export const letterOf: Readonly<Record<string, string>> = {
	ideal: "I",
	x86: "X",
	"amd-quad": "Q",
	arm: "A",
	riscv: "R",
	alpha: "α",
};

const words: Readonly<Record<Letter["verdict"], string>> = {
	needed: "needed",
	"not needed": "not needed",
	untouched: "the whole protocol is not safe there",
};

function Needed({ letters }: { letters: Letters[number] }) {
	return (
		<span class="letters" aria-hidden="true">
			{Object.entries(letterOf).map(([model, letter]) => {
				const known = letters[model];
				const why = known?.why === undefined ? "" : `: ${known.why}`;
				const title = known === undefined ? "not known yet" : `${words[known.verdict]}${why}`;
				return (
					<i key={model} class={known?.verdict.replace(" ", "-") ?? "open"} title={`${model}: ${title}`}>
						{known?.verdict === "untouched" ? "–" : letter}
					</i>
				);
			})}
		</span>
	);
}

function neededOn(letters: Letters[number] = {}): string {
	const needed = Object.keys(letters).filter((model) => letters[model]!.verdict === "needed");
	return needed.length === 0 ? "" : `, needed on ${needed.join(", ")}`;
}
