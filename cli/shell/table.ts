// Tables and bars of text.

import { printable } from "../../linker/errors.ts";
import type { Changed } from "../../runtime/patch/index.ts";

export interface Column<Row> {
	readonly title: string;
	readonly align?: "left" | "right";
	readonly text: (row: Row) => string;
}

/** Lines without trailing blanks; `decorate` styles a padded cell. */
export function table<Row>(
	columns: readonly Column<Row>[],
	rows: readonly Row[],
	decorate: (text: string, column: number, row: Row | undefined) => string = (text) => text,
): string[] {
	const cells = rows.map((row) => columns.map((column) => printable(column.text(row))));
	const widths = columns.map(({ title }, i) => Math.max(title.length, ...cells.map((row) => row[i]!.length)));
	const pad = (text: string, i: number): string => {
		if (columns[i]!.align === "right") return text.padStart(widths[i]!);
		return i === columns.length - 1 ? text : text.padEnd(widths[i]!);
	};
	const line = (texts: readonly string[], row: Row | undefined): string =>
		texts
			.map((text, i) => decorate(pad(text, i), i, row))
			.join("  ")
			.trimEnd();
	return [
		line(
			columns.map(({ title }) => title),
			undefined,
		),
		...cells.map((texts, i) => line(texts, rows[i])),
	];
}

const eighths = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/** A bar of `value / most` of `width` columns, in eighths; anything above zero shows. */
export function bar(value: number, most: number, width: number): string {
	if (!(value > 0) || !(most > 0)) return "";
	const units = Math.max(1, Math.round((Math.min(value, most) / most) * width * 8));
	return "█".repeat(units >> 3) + eighths[units & 7]!;
}

/** `12,345`, and with decimals `12,345.67`. */
export function count(value: number, decimals = 0): string {
	const [whole, fraction] = value.toFixed(decimals).split(".");
	const grouped = whole!.replace(/\B(?=(\d{3})+$)/g, ",");
	return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}

/** `2 sites`, and with the jumps of trampolines, which are no sites, `2 sites and 1 trampoline`. */
export function changedText({ sites, trampolines }: Changed): string {
	const jumps = trampolines === 0 ? "" : ` and ${plural(trampolines, "trampoline")}`;
	return `${plural(sites, "site")}${jumps}`;
}

/** Below so many calls a mean or a ratio gets a caution: a first wrong prediction of 35 cycles is then more than a thirtieth
 * of a cycle of each. */
export const FEW_CALLS = 1000;

/** A line when what was just said rests on few calls, and none otherwise; also none for no call, of which nothing is said. */
export function caution(calls: number): string[] {
	if (calls === 0 || calls >= FEW_CALLS) return [];
	const least = count(FEW_CALLS);
	return [`Caution: this rests on ${plural(calls, "call")}. Below ${least}, what happens once may outweigh the rest.`];
}

/** `1 key`, `2 keys`. */
export function plural(value: number, noun: string, many = `${noun}s`): string {
	return `${count(value)} ${value === 1 ? noun : many}`;
}
