// The machine code, with the bytes that memory holds now. Rows keep the boundaries that the linker made, so a patched site
// stays one row.

import { useEffect, useRef } from "preact/hooks";
import { ageOf, glyphs, hexByte } from "../loom/age.ts";
import type { CodeLine, RunView } from "./question.ts";

interface CodeProps {
	readonly view: RunView;
	/** The site that is pointed at. */
	readonly lit: number | undefined;
	light(site: number | undefined): void;
	/** Goes on until a CPU is about to execute the instruction at an address. */
	runTo(address: number): void;
}

export function Code({ view, lit, light, runTo }: CodeProps) {
	const box = useRef<HTMLElement>(null);
	const pcs = view.cpus.map(({ pc }) => pc).join();
	useEffect(() => {
		if (pcs === "") return;
		const here = box.current?.querySelector<HTMLElement>(".here");
		if (here === null || here === undefined || box.current === null) return;
		const { top, bottom } = here.getBoundingClientRect();
		const frame = box.current.getBoundingClientRect();
		if (top < frame.top || bottom > frame.bottom) box.current.scrollTop += top - frame.top - frame.height / 3;
	}, [pcs]);
	const here = new Map<number, string>();
	for (const [cpu, { pc, status }] of view.cpus.entries())
		if (status !== "halted" && status !== "idle") here.set(pc, `${here.get(pc) ?? ""}${cpu}`);
	return (
		// biome-ignore lint/a11y/noNoninteractiveTabindex: an area that scrolls must be reached by keyboard
		<section class="code" ref={box} tabIndex={0} aria-label="Machine code">
			{view.code.map((line) => (
				<Line
					key={line.address}
					line={line}
					cpus={here.get(line.address)}
					view={view}
					lit={lit}
					light={light}
					runTo={runTo}
				/>
			))}
		</section>
	);
}

interface LineProps extends CodeProps {
	readonly line: CodeLine;
	readonly cpus: string | undefined;
}

function Line({ line, cpus, view, lit, light, runTo }: LineProps) {
	const { address, label, bytes, text, site } = line;
	const story = site === undefined ? undefined : view.stories[site];
	const name = `${cpus === undefined ? "" : " here"}${site === undefined ? "" : " site"}${site !== undefined && site === lit ? " lit" : ""}`;
	return (
		<>
			{label !== undefined && <h2>{label}:</h2>}
			<div
				class={`line${name}`}
				onPointerEnter={() => light(site)}
				onPointerLeave={() => site !== undefined && light(undefined)}
			>
				<b class="flag">{cpus}</b>
				<button
					type="button"
					class="address"
					title="run to here"
					aria-label={`Run to ${address.toString(16)}`}
					onClick={() => runTo(address)}
				>
					{address.toString(16)}
				</button>
				<span class="hex">
					{bytes.map((byte, i) => {
						const age = story === undefined ? "same" : ageOf(byte, story.old[i]!, story.new[i]!);
						return (
							<span key={i} class={age} title={age === "same" ? undefined : age}>
								{hexByte(byte)}
								{glyphs[age]}
							</span>
						);
					})}
				</span>
				<span>{text}</span>
			</div>
		</>
	);
}
