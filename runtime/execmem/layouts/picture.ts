// The near space of each layout, drawn: what lies where when all modules are loaded, as text and as SVG.

import { hexWord } from "../../../linker/hex.ts";
import type { LayoutResult } from "./compare.ts";
import type { PartName } from "./layout.ts";

const letters: Readonly<Record<PartName, string>> = { text: "T", rodata: "r", data: "d", initText: "i", initData: "i" };
const colours: Readonly<Record<PartName, string>> = {
	text: "#1f6fb4",
	rodata: "#7b8a9a",
	data: "#2e8b57",
	initText: "#8fc1e8",
	initData: "#9bd4ae",
};

export const LEGEND = "T text   r constants   d data   - mapped, not in use   · free";

/** Cells of the same size from the beginning of the space to what is used last, each with what it has most of.
 * @param cells how many */
export function cellsOf({ space }: LayoutResult, cells: number): (PartName | "mapped" | "free")[] {
	const { start, end } = space.spaces.near.range;
	const size = (end - start) / cells;
	const held = Array.from({ length: cells }, () => new Map<PartName | "mapped", number>());
	const add = (what: PartName | "mapped", from: number, to: number): void => {
		for (let i = Math.max(0, Math.floor((from - start) / size)); i < cells && start + i * size < to; i++) {
			const bytes = Math.min(to, start + (i + 1) * size) - Math.max(from, start + i * size);
			if (bytes > 0) held[i]!.set(what, (held[i]!.get(what) ?? 0) + bytes);
		}
	};
	for (const pool of space.pools) for (const free of pool.free.runs) add("mapped", free.start, free.end);
	for (const parts of space.placed.values())
		for (const { part, address, bytes } of parts) add(part, address, address + bytes);
	return held.map((each) => [...each].sort(([, a], [, b]) => b - a)[0]?.[0] ?? "free");
}

/** What a line begins with: the address of its first cell. */
const ADDRESS = "0x00000000 ".length;

/** Lines that go on from each other, each with the address that it begins at.
 * @param width columns @param rows lines */
export function pictureLines(result: LayoutResult, width: number, rows: number): string[] {
	const { start, end } = result.space.spaces.near.range;
	const cells = width - ADDRESS;
	const text = cellsOf(result, cells * rows)
		.map((what) => (what === "free" ? "·" : what === "mapped" ? "-" : letters[what]))
		.join("");
	return Array.from({ length: rows }, (_, i) => {
		const address = Math.round(start + (i * (end - start)) / rows);
		return `${hexWord(address)} ${text.slice(i * cells, (i + 1) * cells)}`;
	});
}

const SVG = { width: 960, left: 120, row: 34, top: 40, cells: 420 };

/** One strip for each layout, legible on any background. */
export function pictureOfLayouts(results: readonly LayoutResult[]): string {
	const cell = (SVG.width - SVG.left - 10) / SVG.cells;
	const strips = results.flatMap((result, i) => {
		const y = SVG.top + i * SVG.row;
		const name = `<text x="10" y="${y + 16}">${result.layout.name}</text>`;
		const fills = cellsOf(result, SVG.cells).map((what, n) => {
			const colour = what === "free" ? "none" : what === "mapped" ? "#d8c9a3" : colours[what];
			const x = (SVG.left + n * cell).toFixed(2);
			return `<rect x="${x}" y="${y}" width="${cell.toFixed(2)}" height="22" fill="${colour}"/>`;
		});
		const frame = `<rect x="${SVG.left}" y="${y}" width="${(cell * SVG.cells).toFixed(2)}" height="22" fill="none" stroke="#808080"/>`;
		return [name, ...fills.filter((rect) => !rect.includes('fill="none"')), frame];
	});
	const below = SVG.top + results.length * SVG.row;
	const height = below + 40;
	const axis = results.slice(0, 1).flatMap(({ space }) => axisOf(space.spaces.near.range, below, cell * SVG.cells));
	return [
		`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${SVG.width} ${height}" font-family="sans-serif" font-size="13" fill="#808080">`,
		`<text x="10" y="20">What lies near the image: blue text, grey constants, green data, sand mapped and not in use</text>`,
		...strips,
		...axis,
		"</svg>\n",
	].join("\n");
}

/** Under the strips: how far from the beginning of the space. */
function axisOf({ start, end }: { readonly start: number; readonly end: number }, y: number, width: number): string[] {
	const ticks = [0, 0.25, 0.5, 0.75, 1].map((at) => {
		const x = (SVG.left + at * width).toFixed(2);
		const mebibytes = ((end - start) * at) / 2 ** 20;
		const anchor = at === 0 ? "start" : at === 1 ? "end" : "middle";
		return `<path d="M${x} ${y - 10}v5" stroke="#808080"/><text x="${x}" y="${y + 8}" text-anchor="${anchor}">${mebibytes}</text>`;
	});
	const middle = SVG.left + width / 2;
	return [
		...ticks,
		`<text x="${middle}" y="${y + 28}" text-anchor="middle">MiB from the first address of the space, ${hexWord(start)}</text>`,
	];
}
