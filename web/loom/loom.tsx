// The loom and the cut. Each byte of a site is a band, time runs down, a row is a step; a store ends a band and begins the
// next. A fetch is a line through the bands with a knot on each value it took: level when all are of one moment, a zigzag
// when it is torn.

import { ageOf, glyphs, hexByte } from "./age.ts";

/** A site through the rows: `memory[i]` is what it holds before row i; the last one is what it holds at the end. */
export interface Woven {
	readonly old: readonly number[];
	readonly new: readonly number[];
	readonly memory: readonly (readonly number[])[];
	readonly cuts: readonly Cut[];
	/** What somebody may still see before a row. */
	readonly seen?: readonly SeenSpan[];
	/** Which row that is. */
	readonly at?: number;
}

export interface Cut {
	readonly row: number;
	readonly torn: boolean;
	/** For every byte, its value, and the row before which memory held it. */
	readonly knots: readonly { readonly value: number; readonly row: number }[];
}

/** A CPU may see values of a byte that are as old as before a row. */
export interface SeenSpan {
	readonly byte: number;
	readonly since: number;
	readonly held: boolean;
}

export const ROW = 36;
/** A loom is as wide as its steps leave room for. */
const isNarrow = matchMedia("(max-width: 700px)").matches;
const BYTE = isNarrow ? 33 : 44;
const GAP = isNarrow ? 3 : 6;
const LEFT = isNarrow ? 3 : 10;

const xOf = (byte: number): number => LEFT + byte * (BYTE + GAP);
/** Where what a row stores begins, or what it fetches is. */
const middle = (row: number): number => ROW * row + ROW / 2;

export function Loom({ site, selected, label }: { site: Woven; selected?: number; label: string }) {
	const bytes = site.old.length;
	const rows = site.memory.length - 1;
	const width = xOf(bytes) + LEFT;
	const height = ROW * Math.max(1, rows);
	return (
		<svg class="loom" width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={label}>
			<defs>
				<pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
					<line x1="0" y1="0" x2="0" y2="6" class="hatch" />
				</pattern>
			</defs>
			{selected !== undefined && <rect class="row" x="0" y={ROW * selected} width={width} height={ROW} />}
			{site.old.map((_, byte) => bandsOf(site, byte).map((band) => <Band key={`${byte}.${band.from}`} {...band} />))}
			{site.at !== undefined && site.seen?.map((span) => <Bracket key={span.byte} span={span} at={site.at!} />)}
			{site.cuts.map((cut) => (
				<CutLine key={cut.row} cut={cut} bold={cut.torn || cut.row === selected} />
			))}
		</svg>
	);
}

interface BandProps {
	readonly byte: number;
	readonly value: number;
	readonly age: ReturnType<typeof ageOf>;
	/** Rows whose stores begin and end it. */
	readonly from: number;
	readonly to: number | undefined;
	readonly rows: number;
}

function bandsOf({ memory, old, new: becomes }: Woven, byte: number): BandProps[] {
	const rows = memory.length - 1;
	const bands: BandProps[] = [];
	let from = 0;
	for (let i = 1; i <= memory.length; i++) {
		if (i < memory.length && memory[i]![byte] === memory[from]![byte]) continue;
		const value = memory[from]![byte]!;
		const age = ageOf(value, old[byte]!, becomes[byte]!);
		bands.push({ byte, value, age, from, to: i < memory.length ? i : undefined, rows });
		from = i;
	}
	return bands;
}

function Band({ byte, value, age, from, to, rows }: BandProps) {
	const top = from === 0 ? 1 : middle(from - 1) + 2;
	const bottom = to === undefined ? ROW * Math.max(1, rows) - 1 : middle(to - 1) - 2;
	const round = age === "old" ? 7 : age === "same" ? 3 : 0;
	return (
		<g class={`band ${age}`}>
			<rect x={xOf(byte)} y={top} width={BYTE} height={Math.max(4, bottom - top)} rx={round} />
			<text x={xOf(byte) + BYTE / 2} y={top + 17}>
				{hexByte(value)} {glyphs[age]}
			</text>
		</g>
	);
}

/** Reaches from the oldest value that may be seen to the present; a hook says that only a queue holds it. */
function Bracket({ span, at }: { span: SeenSpan; at: number }) {
	const x = xOf(span.byte) + BYTE + 2;
	const top = Math.max(4, middle(span.since) - 8);
	const hook = span.held ? `M${x - 8} ${top + 6} q0 -8 8 -6` : `M${x - 5} ${top} h5`;
	return <path class="bracket" d={`${hook} M${x} ${top} V${middle(at)} h-5`} />;
}

function CutLine({ cut, bold }: { cut: Cut; bold: boolean }) {
	const points = cut.knots.map(({ value, row }, byte) => ({
		value,
		x: xOf(byte) + BYTE / 2,
		y: row === cut.row ? middle(row) : ROW * row + 12,
	}));
	return (
		<g class={`cut${cut.torn ? " torn" : ""}${bold ? " bold" : ""}`}>
			<polyline points={points.map(({ x, y }) => `${x},${y}`).join(" ")} />
			{bold &&
				points.map(({ value, x, y }) => (
					<g key={x}>
						<circle cx={x} cy={y} r="12" />
						<text x={x} y={y + 4}>
							{hexByte(value)}
						</text>
					</g>
				))}
		</g>
	);
}
