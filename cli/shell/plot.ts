// Curves in a terminal: both axes logarithmic, a letter per curve, `*` where curves meet.

export interface Curve {
	readonly name: string;
	/** One character. */
	readonly mark: string;
	/** Both coordinates above zero. */
	readonly points: readonly (readonly [x: number, y: number])[];
}

export interface PlotSize {
	readonly width: number;
	readonly height: number;
}

/** What a plot and its axes are called. */
export interface PlotTitles {
	readonly plot: string;
	readonly x: string;
	/** With its unit. */
	readonly y: string;
}

/** Lines: the title, a line for each curve's letter, and the curves between labelled axes. */
export function plot(titles: PlotTitles, curves: readonly Curve[], { width, height }: PlotSize): string[] {
	const points = curves.flatMap((curve) => curve.points);
	const column = scale(
		points.map(([x]) => x),
		width - 1,
	);
	const row = scale(
		points.map(([, y]) => y),
		height - 1,
	);
	const grid = Array.from({ length: height }, () => new Array<string>(width).fill(" "));
	for (const { points: own, mark } of curves) {
		for (const [c, r] of trace(own.map(([x, y]) => [column(x), row(y)]))) put(grid, c, height - 1 - r, mark);
	}
	const ticks = ticksOf(
		points.map(([, y]) => y),
		height,
	);
	const margin = Math.max(...[...ticks.values()].map((text) => text.length));
	const label = (i: number): string => `${(ticks.get(i) ?? "").padStart(margin)} ${ticks.has(i) ? "┤" : "│"}`;
	const xs = [...new Set(points.map(([x]) => x))].sort((a, b) => a - b);
	return [
		titles.plot,
		...curves.map(({ name, mark }) => `  ${mark} ${name}`),
		`${titles.y}, logarithmic`,
		...grid.map((cells, i) => `${label(i)}${cells.join("").trimEnd()}`),
		`${" ".repeat(margin)} └${"─".repeat(width)}`,
		`${" ".repeat(margin)}  ${axis(xs, column, width)} ${titles.x}, logarithmic`,
	];
}

/** The numbers of the y axis, by the line that each stands on: both ends, and two between where there is a range. */
function ticksOf(values: readonly number[], height: number): Map<number, string> {
	const [low, high] = [Math.min(...values), Math.max(...values)];
	const lines = low === high ? [height - 1] : [0, 1, 2, 3].map((third) => Math.round((third * (height - 1)) / 3));
	return new Map(lines.map((i) => [i, amount(low * (high / low) ** ((height - 1 - i) / (height - 1)))]));
}

/** From a value to a place between 0 and `last`, by its logarithm. */
function scale(values: readonly number[], last: number): (value: number) => number {
	const low = Math.log(Math.min(...values));
	const range = Math.log(Math.max(...values)) - low;
	return (value) => (range === 0 ? 0 : Math.round(((Math.log(value) - low) / range) * last));
}

/** The points and straight lines between them. */
function trace(points: readonly (readonly [number, number])[]): [number, number][] {
	const cells: [number, number][] = points.slice(0, 1).map(([c, r]) => [c, r]);
	for (const [i, [c, r]] of points.entries()) {
		const [before, height] = points[i - 1] ?? [c, r];
		for (let x = before + 1; x <= c; x++)
			cells.push([x, Math.round(height + ((r - height) * (x - before)) / (c - before))]);
	}
	return cells;
}

function put(grid: string[][], column: number, row: number, mark: string): void {
	const there = grid[row]![column]!;
	grid[row]![column] = there === " " || there === mark ? mark : "*";
}

/** The numbers of the x axis under their columns, those that have room. */
function axis(xs: readonly number[], column: (x: number) => number, width: number): string {
	let text = "";
	for (const x of xs) {
		const label = String(x);
		const at = Math.min(column(x), width - label.length);
		if (text.length === 0 || at > text.length) text = text.padEnd(at) + label;
	}
	return text.padEnd(width);
}

/** `950`, `12k`, `3.4M`. */
function amount(value: number): string {
	const units = ["", "k", "M", "G"];
	let unit = 0;
	let rest = value;
	while (rest >= 1000 && unit < units.length - 1) {
		rest /= 1000;
		unit++;
	}
	return `${rest < 10 && !Number.isInteger(rest) ? rest.toFixed(1) : Math.round(rest)}${units[unit]}`;
}
