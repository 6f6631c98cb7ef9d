// The tables of places that are patched, as text and as JSON: what `patchbay tables` prints. A kernel has a hundred thousand
// such places, so lists are written piece by piece.

import type { ElfObject } from "../../linker/elf/object.ts";
import { printable } from "../../linker/errors.ts";
import { hexBytes } from "../../linker/hex.ts";
import {
	bareText,
	type Change,
	changeOf,
	describeEntry,
	type FeatureNames,
	type PatchedWhen,
	type PatchTable,
	placeText,
	pointedAt,
	type TableEntry,
} from "../../linker/tables/index.ts";
import { count, plural, table } from "../shell/table.ts";
import { styled, type Terminal } from "../shell/terminal.ts";
import { placeJson } from "../sites/place-json.ts";
import type { SafeProtocols } from "./table-protocols.ts";

/** A file and the tables of it that are to be told of. */
export interface TabledFile {
	readonly object: ElfObject;
	readonly tables: readonly PatchTable[];
	readonly names: FeatureNames;
	/** Says how each place may be changed. */
	readonly protocols?: Protocols;
}

/** What `--protocols` adds, loaded when it is asked for: it brings the simulated machine. */
export type Protocols = typeof import("./table-protocols.ts");

/** Rows that are laid out and written at once. */
const PIECE = 4096;

/** Per table its name, how many places it has and when they are patched. */
export async function writeSummary(terminal: Terminal, { object, tables }: TabledFile): Promise<void> {
	const total = tables.reduce((sum, { entries }) => sum + entries.length, 0);
	const title = printable(`${object.name}: ${plural(total, "entry", "entries")} of ${plural(tables.length, "table")}`);
	await terminal.write(`${styled(terminal, "bold", title)}\n`);
	if (tables.length === 0) return;
	const lines = table<PatchTable>(
		[
			{ title: "entries", align: "right", text: ({ entries }) => count(entries.length) },
			{ title: "table", text: ({ format }) => format.name },
			{ title: "section", text: ({ section }) => section },
			{ title: "patched", text: ({ format }) => format.when },
			{ title: "what it is", text: ({ format }) => format.brief },
		],
		tables,
	);
	await terminal.write(`${lines.join("\n")}\n`);
}

export async function writeTables(terminal: Terminal, file: TabledFile): Promise<void> {
	await writeSummary(terminal, file);
	const changes = new Map<string, Change>();
	for (const each of file.tables) {
		const { format, entries, section } = each;
		const title = `${format.name} (${section}): ${plural(entries.length, "entry", "entries")}, ${whenText(format.when)}`;
		await terminal.write(`\n${styled(terminal, "bold", printable(title))}\n${format.brief}\n`);
		for (let first = 0; first < entries.length; first += PIECE) {
			const rows = entries
				.slice(first, first + PIECE)
				.map((entry) => describeEntry(file.object, each, entry, file.names));
			await terminal.write(`${table(columnsFor(file, each, changes), rows).join("\n")}\n`);
		}
	}
	if (file.protocols !== undefined) await writeProtocols(terminal, file.protocols, changes);
}

/** Under the lists: what is safe for each way that a place is changed. */
async function writeProtocols(
	terminal: Terminal,
	{ safeProtocols }: Protocols,
	changes: ReadonlyMap<string, Change>,
): Promise<void> {
	for (const [name, change] of changes) {
		const safe = safeProtocols(change);
		if (safe === undefined) continue;
		const lines = Object.entries(safe).map(([model, names]) => `  on ${model}: ${names.join(", ") || "none"}\n`);
		await terminal.write(`\n${styled(terminal, "bold", `${name}: protocols that are safe`)}\n${lines.join("")}`);
	}
}

const whenText = (when: PatchedWhen): string => (when === "never" ? "not to be patched" : `patched ${when}`);

/** @param changes gets the ways that rows are changed, by name */
function columnsFor({ object, protocols }: TabledFile, { format }: PatchTable, changes: Map<string, Change>) {
	const changeText = (entry: TableEntry): string => {
		const change = changeOf(object.machine, format, entry);
		const name = protocols!.changeName(change);
		changes.set(name, change);
		return name;
	};
	return [
		{ title: "place", text: ({ at }: TableEntry) => bareText(object, at) },
		{ title: "in", text: ({ at }: TableEntry) => (at.symbol === 0 ? "" : placeText(object, at)) },
		{ title: "crosses", text: ({ crosses, crossesIfAligned }: TableEntry) => crossText(crosses, crossesIfAligned) },
		{ title: "now", text: ({ now }: TableEntry) => now },
		{ title: "says", text: ({ says }: TableEntry) => says },
		...(protocols === undefined ? [] : [{ title: "change", text: changeText }]),
	];
}

function crossText(certain: readonly number[], possible: readonly number[]): string {
	return [...certain.map(String), ...possible.map((size) => `${size}?`)].join(" ");
}

/** The object of a file, an element of a JSON array. */
export async function writeJsonFile(terminal: Terminal, file: TabledFile): Promise<void> {
	const { object, tables, protocols } = file;
	const safe: Record<string, SafeProtocols> = {};
	await terminal.write(`{"file":${JSON.stringify(object.name)},"machine":${object.machine},"tables":[`);
	for (const [i, each] of tables.entries()) {
		const { format, section, index, entries } = each;
		const head = { table: format.name, section, sectionIndex: index, patched: format.when };
		await terminal.write(`${i === 0 ? "" : ","}\n${JSON.stringify(head).slice(0, -1)},"entries":[`);
		for (let first = 0; first < entries.length; first += PIECE) {
			const rows = entries.slice(first, first + PIECE).map((entry) => {
				const described = describeEntry(object, each, entry, file.names);
				const row = entryJson(file, each, described, entry);
				return JSON.stringify(protocols === undefined ? row : { ...row, ...changeJson(file, each, described, safe) });
			});
			await terminal.write(`${first === 0 ? "" : ","}\n${rows.join(",\n")}`);
		}
		await terminal.write("]}");
	}
	await terminal.write(protocols === undefined ? "]}" : `],"safe":${JSON.stringify(safe)}}`);
}

/** @param safe gets the protocols that are safe, by the name of the change */
function changeJson(
	{ object, protocols }: TabledFile,
	{ format }: PatchTable,
	entry: TableEntry,
	safe: Record<string, SafeProtocols>,
): object {
	const change = changeOf(object.machine, format, entry);
	const name = protocols!.changeName(change);
	const found = protocols!.safeProtocols(change);
	if (found !== undefined) safe[name] = found;
	return { change: name };
}

function entryJson(
	{ object }: TabledFile,
	{ shape }: PatchTable,
	{ at, bytes, instruction, now, crosses, crossesIfAligned, says }: TableEntry,
	entry: PatchTable["entries"][number],
): object {
	const fields = Object.fromEntries(
		entry.slice(1).map((field, i) => {
			const isNumber = shape.fields[i + 1]!.is === "number";
			if (isNumber) return [field.name, field.value];
			return [field.name, { ...placeJson(object, pointedAt(object, field)), flags: field.flags }];
		}),
	);
	return {
		...placeJson(object, at),
		bytes: hexBytes(bytes),
		kind: instruction.kind,
		now,
		goesTo: instruction.target === undefined ? null : placeJson(object, instruction.target),
		crosses,
		crossesIfAligned,
		says,
		fields,
	};
}
