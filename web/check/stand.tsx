// How things stand before a step: what memory holds at the site, what each CPU may still fetch there, how far patchers are.

import type { Lanes } from "../../runtime/check/index.ts";
import { ageOf, glyphs, hexByte } from "../loom/age.ts";

type Site = Lanes["sites"][number];

interface StandProps {
	readonly lanes: Lanes;
	readonly row: number;
	/** Opens the machine as it stands here. */
	stand(): void;
}

export function StandBefore({ lanes, row, stand: standHere }: StandProps) {
	const { sites, patchers, rows } = lanes;
	const stand = lanes.stands[row]!;
	const older = rows[row]?.older;
	return (
		<section class="stand" aria-label={`Before step ${row + 1}`}>
			<h2>Before step {row + 1}: what can be fetched</h2>
			{sites.map((site, s) => (
				<div class="cells" key={site.address}>
					<p>
						<b>{site.place}</b> {site.address % 8 > 3 ? "crosses 8 bytes" : ""}
					</p>
					<Bytes name="memory" bytes={stand.memory[s]!.map((value) => [{ value, by: "floor" }])} site={site} />
					{stand.cpus.map((_, cpu) => (
						<Bytes key={cpu} name={`cpu${cpu}`} bytes={stand.views[cpu]![s]!.map(({ values }) => values)} site={site} />
					))}
				</div>
			))}
			{older !== undefined && <p class="why">{older}</p>}
			<p>
				<button type="button" onClick={standHere}>
					Stand here in Run
				</button>
			</p>
			<dl>
				{stand.cpus.map(({ status, place, pending, masked }, cpu) => (
					<div key={cpu}>
						<dt>cpu{cpu}</dt>
						<dd>
							{status} at <code>{place}</code>
							{pending ? ", an interrupt waits" : ""}
							{masked ? ", interrupts masked" : ""}
						</dd>
					</div>
				))}
				{patchers.map((steps, i) => (
					<div key={`patcher${i}`}>
						<dt>patcher{i}</dt>
						<dd>{progressOf(steps, stand.patchers[i]!)}</dd>
					</div>
				))}
			</dl>
		</section>
	);
}

function progressOf(steps: Lanes["patchers"][number], done: number): string {
	const next = steps[done];
	return `${done} of ${steps.length} steps${next === undefined ? ", done" : `; next: ${next.phase ?? next.text}`}`;
}

interface BytesProps {
	readonly name: string;
	readonly bytes: readonly (readonly { readonly value: number; readonly by: string }[])[];
	readonly site: Site;
}

function Bytes({ name, bytes, site }: BytesProps) {
	return (
		<div class="bytes">
			<span class="who">{name}</span>
			{bytes.map((values, i) => (
				<span class={distinct(values).length > 1 ? "byte several" : "byte"} key={i}>
					{distinct(values).map(({ value, by }) => {
						const age = ageOf(value, site.old[i]!, site.new[i]!);
						return (
							<span key={value} class={`cell ${age}`} title={by === "hold" ? `${age}, held by the fetch queue` : age}>
								{hexByte(value)}
								<i>{by === "hold" ? "↰" : glyphs[age]}</i>
							</span>
						);
					})}
				</span>
			))}
		</div>
	);
}

function distinct<T extends { readonly value: number }>(values: readonly T[]): T[] {
	return values.filter(({ value }, i) => values.findIndex((one) => one.value === value) === i);
}
