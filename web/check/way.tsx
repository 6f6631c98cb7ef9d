// The way of a verdict: a row for each step, in the lane of who took it, and beside them the loom of the site.

import type { LaneRow, Lanes } from "../../runtime/check/index.ts";
import { type Cut, Loom, type SeenSpan, type Woven } from "../loom/loom.tsx";
import { isTorn } from "./torn.ts";

interface WayProps {
	readonly lanes: Lanes;
	readonly selected: number;
	select(row: number): void;
	/** Selects the step that is so many behind the selected one. */
	move(by: number): void;
	/** Opens the machine as it stands before the selected step. */
	stand(): void;
	/** The first step that is another one in the way that this is compared with. */
	readonly parts?: number | undefined;
	/** What ids begin with, where there are two ways. */
	readonly prefix?: string;
}

export function Way({ lanes, selected, select, move, stand, parts, prefix = "" }: WayProps) {
	const { rows, cpus, patchers } = lanes;
	const heads = [...patchers.map((_, i) => `patcher${i}`), ...Array.from({ length: cpus }, (_, i) => `cpu${i}`)];
	const onKey = (event: KeyboardEvent): void => {
		if (event.key === "Enter") {
			event.preventDefault();
			stand();
		}
		const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
		if (step === 0) return;
		event.preventDefault();
		move(step);
	};
	return (
		<div class="way">
			<div>
				<div class="heads" aria-hidden="true">
					<span class="number">#</span>
					{heads.map((head) => (
						<span key={head}>{head}</span>
					))}
				</div>
				<div
					class="steps"
					role="listbox"
					tabIndex={0}
					aria-label="Steps"
					aria-activedescendant={`${prefix}step${selected}`}
					onKeyDown={onKey}
				>
					{rows.map((row, i) => (
						// biome-ignore lint/a11y/useKeyWithClickEvents: the list takes the keys for its options
						<div
							key={i}
							id={`${prefix}step${i}`}
							role="option"
							tabIndex={-1}
							aria-selected={i === selected}
							class={`step${row.broken === undefined ? "" : " broken"}${i === parts ? " parts" : ""}`}
							onClick={() => select(i)}
						>
							<span class="number">{i + 1}</span>
							{heads.map((head) => (
								<span key={head} class={head === row.who ? "act" : ""} data-who={head}>
									{head === row.who && <StepText row={row} />}
								</span>
							))}
						</div>
					))}
				</div>
			</div>
			{lanes.sites.map((site, i) => (
				<figure key={site.address}>
					<figcaption class="heads">{site.place}</figcaption>
					<Loom site={wovenOf(lanes, i, selected)} selected={selected} label={wordsOf(lanes, i)} />
				</figure>
			))}
		</div>
	);
}

function StepText({ row }: { row: LaneRow }) {
	return (
		<>
			<span class="unseen">{row.who}: </span>
			<span class="text">{row.text}</span>
			{row.merged !== undefined && <small title={row.merged.join("\n")}>+{row.merged.length}</small>}
			{row.broken !== undefined && <b class="breaks">✗ {row.broken}</b>}
		</>
	);
}

function wovenOf({ sites, rows, stands }: Lanes, site: number, selected: number): Woven {
	const { address, old, new: becomes } = sites[site]!;
	const cuts = rows.flatMap((row, i): Cut[] => {
		if (row.read === undefined || row.pc !== address || row.read.length < old.length) return [];
		return [{ row: i, torn: isTorn(row), knots: row.read.map(({ value, stand }) => ({ value, row: stand })) }];
	});
	const memory = stands.map((stand) => stand.memory[site]!);
	const cpu = rows[selected]?.kind === "patch" ? undefined : rows[selected]?.index;
	const seen = cpu === undefined ? [] : spansOf(memory, stands[selected]!.views[cpu]![site]!, selected);
	return { old, new: becomes, memory, cuts, seen, at: selected };
}

type Views = Lanes["stands"][number]["views"][number][number];

/** Where the oldest value that a CPU may see was still in memory. */
function spansOf(memory: readonly (readonly number[])[], bytes: Views, at: number): SeenSpan[] {
	return bytes.flatMap(({ values }, byte): SeenSpan[] => {
		const oldest = values[0];
		const differs = values.some(({ value }) => value !== values.at(-1)!.value);
		if (oldest === undefined || !differs) return [];
		const since = memory.slice(0, at + 1).findLastIndex((held) => held[byte] === oldest.value);
		return [{ byte, since: Math.max(0, since), held: oldest.by === "hold" }];
	});
}

/** The loom for who cannot see it. */
function wordsOf({ sites, rows }: Lanes, site: number): string {
	const stores = rows.filter(({ kind, text }) => kind === "patch" && text.startsWith("store")).length;
	const last = rows.at(-1);
	const torn =
		last?.read !== undefined && isTorn(last)
			? `; the last step fetches bytes of different moments: ${last.read.map(({ value }) => value.toString(16)).join(" ")}`
			: "";
	return `The bytes of ${sites[site]!.place} through ${rows.length} steps and ${stores} stores${torn}.`;
}
