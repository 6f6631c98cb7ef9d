// What holding tables against code and relocations found, as text and as JSON: `patchbay tables --verify`.

import { type Verified, verifyTable } from "../../linker/tables/index.ts";
import { count, plural, table } from "../shell/table.ts";
import { styled, type Terminal } from "../shell/terminal.ts";
import type { TabledFile } from "./table-list.ts";

/** A table of counts per file, and each mismatch. @returns whether there is none */
export async function writeVerified(terminal: Terminal, files: AsyncIterable<TabledFile>): Promise<boolean> {
	let isSound = true;
	for await (const { object, tables } of files) {
		const verified = tables.map((each) => verifyTable(object, each));
		const wrong = verified.flatMap((each) => each.mismatches.map((mismatch) => ({ ...mismatch, name: nameOf(each) })));
		const title = `${object.name}: ${wrong.length === 0 ? "tables, code and relocations agree" : plural(wrong.length, "mismatch", "mismatches")}`;
		await terminal.write(`${styled(terminal, "bold", title)}\n`);
		if (verified.length > 0) await terminal.write(`${table(columns, verified).join("\n")}\n`);
		for (const { name, place, what } of wrong) await terminal.write(`${name}: ${place}: ${what}\n`);
		isSound &&= wrong.length === 0;
	}
	return isSound;
}

const nameOf = ({ table: { format } }: Verified): string => format.name;

const columns = [
	{ title: "table", text: nameOf },
	{ title: "entries", align: "right" as const, text: ({ table: { entries } }: Verified) => count(entries.length) },
	{ title: "sound", align: "right" as const, text: ({ sound }: Verified) => count(sound) },
	{ title: "relocated fields", align: "right" as const, text: ({ relocated }: Verified) => count(relocated) },
	{
		title: "branches in code",
		align: "right" as const,
		text: ({ branches }: Verified) => (branches === undefined ? "-" : count(branches)),
	},
];

/** The same as JSON. */
export async function writeVerifiedJson(terminal: Terminal, files: AsyncIterable<TabledFile>): Promise<boolean> {
	let isSound = true;
	const all: object[] = [];
	for await (const { object, tables } of files) {
		const verified = tables.map((each) => verifyTable(object, each));
		isSound &&= verified.every(({ mismatches }) => mismatches.length === 0);
		const rows = verified.map(({ table: { format, section, index, entries }, branches, ...counts }) => ({
			table: format.name,
			section,
			sectionIndex: index,
			entries: entries.length,
			branches: branches ?? null,
			...counts,
		}));
		all.push({ file: object.name, tables: rows });
	}
	await terminal.write(`${JSON.stringify({ schema: "patchbay/tables-verify@1", files: all })}\n`);
	return isSound;
}
