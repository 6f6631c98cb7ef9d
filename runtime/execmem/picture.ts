// A picture of a process's address space: one row per area or mapping, as text and as SVG. Both are drawn from the lines
// of maps.ts, so they show what is mapped, nothing else.

import { hexWord } from "../../linker/hex.ts";
import { percent } from "../../linker/percent.ts";
import { inXml } from "../../linker/xml.ts";
import { LARGE_PAGE } from "../machine/page-entry.ts";
import type { MapLine, MapPiece } from "./maps.ts";
import { memoryTypes, type TypeName, typeNames } from "./memory-types.ts";

/** A large page, or the small pages that follow each other. */
interface Row extends Pick<MapLine, "address" | "bytes" | "page" | "type" | "name" | "permissions"> {
	readonly pieces: readonly MapPiece[];
}

/** How much of a cell is in use: nothing, less than a third, two thirds, all of it, all. */
const shades = ["·", "░", "▒", "▓", "█"];
/** A cell that is, for the most part, freed after init. */
const INIT = "▞";
const LEGEND = `${shades[0]} free   ░▒▓ in part   █ in use   ${INIT} freed after init`;

/** A head that says what the columns are, a row for each area or mapping, and what the cells mean.
 * @param width columns */
export function pictureText(lines: readonly MapLine[], width: number): string[] {
	const rows = rowsOf(lines);
	const labels = rows.map(({ address, name, page, permissions }) =>
		[hexWord(address), permissions, page === LARGE_PAGE ? "2M" : "4K", shortName(name)].join(" "),
	);
	const title = "address    rwx pages name";
	const margin = Math.min(Math.max(title.length, ...labels.map((label) => label.length)), Math.max(20, width >> 1));
	const cells = Math.max(8, width - margin - 8);
	const texts = rows.map((row, i) => {
		const used = row.pieces.reduce((sum, piece) => sum + overlap(row, piece), 0) / row.bytes;
		const share = isPool(row.type) ? percent(used) : sizeText(row.bytes);
		return `${clip(labels[i]!, margin).padEnd(margin)} ${share.padStart(6)} ${cellsOf(row, cells)}`;
	});
	const head = `${clip(title, margin).padEnd(margin)} in use ${axisText(cells)}`;
	return [head, ...texts, LEGEND].map((line) => line.slice(0, width));
}

/** What a row's cells are over: its own bytes, in the order of addresses. */
function axisText(cells: number): string {
	const what = ["each row's own bytes, first to last", "bytes of the row", "bytes"].find(
		({ length }) => length + 4 <= cells,
	);
	const text = what === undefined ? "" : ` ${what} `;
	const left = (cells - text.length - 2) >> 1;
	return `├${"─".repeat(left)}${text}${"─".repeat(cells - text.length - 2 - left)}┤`;
}

function cellsOf(row: Row, count: number): string {
	if (!isPool(row.type)) return "█".repeat(count);
	const used = new Float64Array(count);
	const init = new Float64Array(count);
	const cell = row.bytes / count;
	for (const piece of row.pieces) {
		const start = Math.max(0, piece.address - row.address);
		const end = Math.min(row.bytes, piece.address + piece.bytes - row.address);
		for (let i = Math.floor(start / cell); i < count && i * cell < end; i++) {
			const share = (Math.min(end, (i + 1) * cell) - Math.max(start, i * cell)) / cell;
			used[i]! += share;
			if (isInit(piece.type)) init[i]! += share;
		}
	}
	return Array.from(used, (share, i) => (init[i]! > share / 2 ? INIT : shadeOf(share))).join("");
}

/** Anything shows, and only what is full looks full; the ends of pieces are rounded to 64 bytes. */
function shadeOf(share: number): string {
	return share === 0 ? shades[0]! : share > 0.98 ? shades[4]! : shades[1 + Math.min(2, Math.floor(share * 3))]!;
}

const colours: Readonly<Record<MapLine["type"], string>> = {
	text: "#1f6fb4",
	rodata: "#7b8a9a",
	roAfterInit: "#8a6fb0",
	data: "#2e8b57",
	initText: "#8fc1e8",
	initData: "#9bd4ae",
	probes: "#c23b5a",
	trampolines: "#d98324",
	jit: "#b59f12",
	image: "#44505c",
	stack: "#7c5a3c",
	other: "#a0a0a0",
};

const BAR = { left: 330, width: 620 };
const ROW = 24;
const TOP = 72;

/** A file of its own: legible on any background, with what each thing is where the pointer rests. */
export function pictureSvg(lines: readonly MapLine[], title: string): string {
	const rows = rowsOf(lines);
	const used = new Set(rows.flatMap(({ type, pieces }) => [type, ...pieces.map((piece) => piece.type)]));
	const types = ([...typeNames, "image", "stack", "other"] as const).filter((type) => used.has(type));
	const width = BAR.left + BAR.width + 20;
	const height = TOP + rows.length * ROW + 40;
	return [
		`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="monospace" font-size="12">`,
		`<title>${inXml(title)}</title>`,
		`<rect width="${width}" height="${height}" fill="#ffffff"/>`,
		`<text x="16" y="26" font-size="15" font-weight="bold" fill="#222222">${inXml(title)}</text>`,
		`<text x="16" y="44" fill="#5a6570">address    rwx pages</text>`,
		`<text x="${BAR.left - 12}" y="44" text-anchor="end" fill="#5a6570">name</text>`,
		...axisSvg(),
		...rows.flatMap(rowSvg),
		...legendSvg(types, TOP + rows.length * ROW + 14),
		"</svg>",
		"",
	].join("\n");
}

/** Over the rows: each has a scale of its own, from its first byte to its last. */
function axisSvg(): string[] {
	const ticks = [0, 0.25, 0.5, 0.75, 1];
	const label = `<text x="${BAR.left}" y="44" fill="#5a6570">share of the row's own bytes, in the order of addresses</text>`;
	return [
		label,
		...ticks.map((at) => {
			const x = BAR.left + at * BAR.width;
			return `<text x="${x}" y="62" text-anchor="middle" fill="#5a6570">${percent(at)}</text><path d="M${x} 66v5" stroke="#5a6570"/>`;
		}),
	];
}

function rowSvg(row: Row, i: number): string[] {
	const y = TOP + i * ROW;
	const middle = y + 15;
	const size = row.page === LARGE_PAGE ? "2M" : "4K";
	const label = `${hexWord(row.address)} ${row.permissions} ${size}`;
	const x = (address: number): number => BAR.left + ((address - row.address) / row.bytes) * BAR.width;
	const parts = isPool(row.type)
		? marks(row)
		: [{ start: row.address, end: row.address + row.bytes, type: row.type, title: row.name }];
	return [
		`<text x="16" y="${middle}" fill="#222222">${label}</text>`,
		`<text x="${BAR.left - 12}" y="${middle}" text-anchor="end" fill="#222222">${inXml(clip(shortName(row.name), 18))}</text>`,
		`<rect x="${BAR.left}" y="${y + 2}" width="${BAR.width}" height="${ROW - 5}" fill="#edf0f2" stroke="#b8c0c8"><title>${inXml(`${row.name} ${sizeText(row.bytes)} at ${hexWord(row.address)}`)}</title></rect>`,
		...parts.map(
			({ start, end, type, title }) =>
				`<rect x="${x(start).toFixed(2)}" y="${y + 3}" width="${Math.max(0.6, x(end) - x(start)).toFixed(2)}" height="${ROW - 7}" fill="${colours[type]}"><title>${inXml(title)}</title></rect>`,
		),
	];
}

interface Mark {
	readonly start: number;
	readonly end: number;
	readonly type: MapLine["type"];
	readonly title: string;
}

/** Pieces; those that are too narrow to be told apart, as one. */
function marks(row: Row): Mark[] {
	const pixel = row.bytes / BAR.width;
	const all: (Mark & { readonly count: number })[] = [];
	for (const piece of row.pieces) {
		const start = Math.max(row.address, piece.address);
		const end = Math.min(row.address + row.bytes, piece.address + piece.bytes);
		const last = all.at(-1);
		if (last?.type === piece.type && end - last.start < 2 * pixel) {
			const count = last.count + 1;
			all[all.length - 1] = {
				...last,
				end,
				count,
				title: `${count} pieces of ${piece.type} at ${hexWord(last.start)}`,
			};
		} else all.push({ start, end, type: piece.type, title: titleOf(piece), count: 1 });
	}
	return all;
}

function titleOf({ type, address, bytes, name }: MapPiece): string {
	return `${type} ${hexWord(address)}, ${bytes.toLocaleString("en-US")} bytes${name === "" ? "" : `: ${name}`}`;
}

function legendSvg(types: readonly MapLine["type"][], y: number): string[] {
	let x = 16;
	return types.map((type) => {
		const at = x;
		x += 26 + type.length * 7.5 + 14;
		return `<rect x="${at}" y="${y}" width="14" height="12" fill="${colours[type]}"/><text x="${at + 20}" y="${y + 11}" fill="#222222">${type}</text>`;
	});
}

function rowsOf(lines: readonly MapLine[]): Row[] {
	return lines.flatMap((line) => {
		if (line.space !== 0) return [];
		const bytes = line.page === LARGE_PAGE ? LARGE_PAGE : line.bytes;
		return Array.from({ length: line.bytes / bytes }, (_, i) => {
			const row = { ...line, address: line.address + i * bytes, bytes };
			return { ...row, pieces: line.pieces.filter((piece) => overlap(row, piece) > 0) };
		});
	});
}

/** Bytes of a row that a piece has. */
function overlap(row: Pick<Row, "address" | "bytes">, piece: Pick<MapPiece, "address" | "bytes">): number {
	const end = Math.min(row.address + row.bytes, piece.address + piece.bytes);
	return Math.max(0, end - Math.max(row.address, piece.address));
}

function isPool(type: MapLine["type"]): type is TypeName {
	return type in memoryTypes;
}

function isInit(type: TypeName): boolean {
	return type === "initText" || type === "initData";
}

function sizeText(bytes: number): string {
	return bytes >= LARGE_PAGE ? `${bytes / 2 ** 20}M` : `${Math.ceil(bytes / 1024)}K`;
}

/** A segment's file without its folders. */
function shortName(name: string): string {
	return name.replace(/^\S*\//, "");
}

function clip(text: string, width: number): string {
	return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}
