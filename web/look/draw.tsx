// Charts as plain SVG: bars, lines on logarithmic axes, and lanes of a trace. What is drawn is also there as a table or in words.

import { percent } from "../../linker/percent.ts";
import type { CallCost, Trace, UpdateRow } from "./question.ts";

const count = (value: number): string => Math.round(value).toLocaleString("en");

export function CallBars({ costs }: { costs: readonly CallCost[] }) {
	const most = Math.max(...costs.map(({ cycles }) => cycles));
	const first = costs[0]!.cycles;
	return (
		<svg
			class="chart"
			viewBox={`0 0 760 ${costs.length * 44 + 10}`}
			width="760"
			role="img"
			aria-label="Cycles by way of calling"
		>
			{costs.map(({ way, cycles }, i) => (
				<g key={way}>
					<text class="label" x="0" y={i * 44 + 28}>
						{way}
					</text>
					<rect
						class={i === 0 ? "bar first" : "bar"}
						x="220"
						y={i * 44 + 8}
						width={(cycles / most) * 360}
						height="30"
					/>
					<text class="label" x={228 + (cycles / most) * 360} y={i * 44 + 28}>
						{`${count(cycles)} · ${difference(cycles / first - 1)}`}
					</text>
				</g>
			))}
		</svg>
	);
}

/** More or less than something. */
export function difference(share: number): string {
	return `${share < 0 ? "−" : "+"}${percent(Math.abs(share), 1)}`;
}

const PLOT = { left: 84, top: 14, width: 560, height: 300 };
/** Lines are told apart by dashes and marks before colours. */
const dashes = ["", "7 4", "2 3", "10 3 2 3"];

/** Latency over sites, a line for each protocol, number of CPUs, and way of batching. */
export function CostLines({ rows }: { rows: readonly UpdateRow[] }) {
	const keys = [...new Set(rows.map(lineOf))];
	const x = scale(
		rows.map(({ sites }) => sites),
		PLOT.left,
		PLOT.left + PLOT.width,
	);
	const y = scale(
		rows.map(({ latency }) => latency),
		PLOT.top + PLOT.height,
		PLOT.top,
	);
	return (
		<svg
			class="chart"
			viewBox={`0 0 920 ${PLOT.top + PLOT.height + 44}`}
			width="920"
			role="img"
			aria-label="Cycles of an update over the number of sites"
		>
			{powers(
				rows.map(({ latency }) => latency),
				10,
			).map((value) => (
				<g key={value}>
					<path class="grid" d={`M${PLOT.left} ${y(value)}H${PLOT.left + PLOT.width}`} />
					<text class="label end" x={PLOT.left - 8} y={y(value) + 4}>
						{count(value)}
					</text>
				</g>
			))}
			{[...new Set(rows.map(({ sites }) => sites))].map((value) => (
				<text class="label middle" key={value} x={x(value)} y={PLOT.top + PLOT.height + 20}>
					{value}
				</text>
			))}
			<text class="label middle" x={PLOT.left + PLOT.width / 2} y={PLOT.top + PLOT.height + 38}>
				sites; cycles of the update upwards, both logarithmic
			</text>
			{keys.map((key, i) => {
				const line = rows.filter((row) => lineOf(row) === key);
				const last = line.at(-1)!;
				return (
					<g key={key} class={`line line${i % 4}`}>
						<polyline
							points={line.map(({ sites, latency }) => `${x(sites)},${y(latency)}`).join(" ")}
							stroke-dasharray={dashes[i % 4]}
						/>
						{line.map(({ sites, latency }) => (
							<Mark key={sites} kind={i} x={x(sites)} y={y(latency)} />
						))}
						<text class="label" x={x(last.sites) + 10} y={y(last.latency) + 4 + (last.batched ? 0 : -6)}>
							{key}
						</text>
					</g>
				);
			})}
		</svg>
	);
}

function Mark({ kind, x, y }: { kind: number; x: number; y: number }) {
	if (kind % 2 === 0) return <circle cx={x} cy={y} r="4" />;
	return <rect x={x - 4} y={y - 4} width="8" height="8" />;
}

export function lineOf({ protocol, cpus, batched }: UpdateRow): string {
	return `${protocol}, ${cpus} ${cpus === 1 ? "CPU" : "CPUs"}, ${batched ? "together" : "one by one"}`;
}

function scale(values: readonly number[], from: number, to: number): (value: number) => number {
	const [low, high] = [Math.log(Math.max(1, Math.min(...values))), Math.log(Math.max(2, ...values))];
	return (value) => from + ((Math.log(Math.max(1, value)) - low) / Math.max(1e-9, high - low)) * (to - from);
}

function powers(values: readonly number[], base: number): number[] {
	const [low, high] = [Math.max(1, Math.min(...values)), Math.max(2, ...values)];
	const all: number[] = [];
	for (let at = base ** Math.ceil(Math.log(low) / Math.log(base)); at <= high; at *= base) all.push(at);
	return all;
}

const LANE = 34;
const WIDTH = 1100;
const LEFT = 80;
/** Units that an event is wide at least, so that one can see it. */
const LEAST = 3;

/** A lane for each CPU and patcher, time to the right. @param zoom steps of a factor of two @param left thousandths */
export function TraceLanes({ trace, zoom, left }: { trace: Trace; zoom: number; left: number }) {
	const { lanes, events } = trace;
	const end = Math.max(1, ...events.map(({ clock, duration }) => clock + duration));
	const span = end / 2 ** zoom;
	const begin = (end - span) * (left / 1000);
	const x = (clock: number): number => LEFT + ((clock - begin) / span) * (WIDTH - LEFT - 10);
	const shown = events.filter(({ clock, duration }) => clock + duration >= begin && clock <= begin + span);
	return (
		<svg
			class="chart trace"
			viewBox={`0 0 ${WIDTH} ${lanes.length * LANE + 34}`}
			width={WIDTH}
			role="img"
			aria-label={`${shown.length} events in ${lanes.length} lanes, from cycle ${count(begin)} to ${count(begin + span)}`}
		>
			{lanes.map((lane, i) => (
				<g key={lane}>
					<text class="label" x="0" y={i * LANE + 22}>
						{lane}
					</text>
					<path class="grid" d={`M${LEFT} ${(i + 1) * LANE}H${WIDTH}`} />
				</g>
			))}
			{shown.map(({ lane, kind, text, clock, duration }, i) => {
				const from = Math.max(LEFT, x(clock));
				const width = Math.max(LEAST, Math.min(WIDTH, x(clock + duration)) - from);
				return (
					<g key={i} class={`event ${kind}`}>
						<rect x={from} y={lane * LANE + 6} width={width} height={LANE - 12}>
							<title>{`${text}, at cycle ${count(clock)}`}</title>
						</rect>
						{width > 7 * text.length && (
							<text x={from + 4} y={lane * LANE + 21}>
								{text}
							</text>
						)}
					</g>
				);
			})}
			<text class="label" x={LEFT} y={lanes.length * LANE + 24}>
				{`cycle ${count(begin)}`}
			</text>
			<text class="label end" x={WIDTH} y={lanes.length * LANE + 24}>
				{`cycle ${count(begin + span)}`}
			</text>
		</svg>
	);
}
