// A card for each CPU: where it is, its registers with what changed, and beside them what the program printed.

import type { CpuView, RunView } from "./question.ts";

export function Cpus({ view, before }: { view: RunView; before: RunView | undefined }) {
	return (
		// biome-ignore lint/a11y/noNoninteractiveTabindex: an area that scrolls must be reached by keyboard
		<section class="cpus" tabIndex={0} aria-label="CPUs and output">
			{view.cpus.map((cpu, i) => (
				<Card key={i} cpu={cpu} index={i} before={before?.cpus[i]} next={view.next === `cpu${i}`} />
			))}
			<section class="output" aria-label="Output">
				<h2>Output</h2>
				<pre>{view.output.join("\n")}</pre>
			</section>
		</section>
	);
}

function Card({
	cpu,
	index,
	before,
	next,
}: {
	cpu: CpuView;
	index: number;
	before: CpuView | undefined;
	next: boolean;
}) {
	return (
		<section class={`cpu${next ? " next" : ""}`} aria-label={`CPU ${index}`}>
			<h2>
				cpu{index} <span>{cpu.status}</span>
				{cpu.masked && <span>, interrupts masked</span>}
				{cpu.pending && <span>, an interrupt waits</span>}
			</h2>
			<p>
				<code>{cpu.place}</code> · {cpu.instructions.toLocaleString("en")} instructions
			</p>
			<dl class="registers">
				{cpu.registers.map((value, r) => {
					const was = before?.registers[r];
					const changed = was !== undefined && was !== value;
					return (
						<div key={r} class={changed ? "changed" : ""} title={changed ? `was ${hexWord(was)}` : undefined}>
							<dt>{r === 15 ? "sp" : `r${r}`}</dt>
							<dd>{hexWord(value)}</dd>
						</div>
					);
				})}
			</dl>
		</section>
	);
}

function hexWord(value: number): string {
	return (value >>> 0).toString(16);
}
