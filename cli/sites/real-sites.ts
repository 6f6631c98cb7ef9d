// `patchbay sites` for files of real machines: every call that a relocation names, and the tables of code addresses that
// compilers leave.

import { type ElfObject, sectionByName } from "../../linker/elf/index.ts";
import { printable } from "../../linker/errors.ts";
import { RECORD_SECTION } from "../../linker/retarget/retarget-record.ts";
import { countBranches } from "../../linker/sites/branches.ts";
import { countIndirectCalls, type IndirectCalls } from "../../linker/sites/indirect-calls.ts";
import { hasDefined, type Wanted } from "../../linker/sites/wanted.ts";
import { type Address, type PatchTable, pointedAt, readSiteTables } from "../../linker/tables/read.ts";
import { placeText } from "../../linker/tables/words.ts";
import { plural } from "../shell/table.ts";
import { styled, type Terminal } from "../shell/terminal.ts";
import { writeJsonRows } from "./branch-json.ts";
import { type BranchList, listBranches } from "./branch-list.ts";
import { writeText } from "./branch-text.ts";
import { localCallsJson, localCallsText } from "./local-calls.ts";
import { placeJson } from "./place-json.ts";
import type { RealFile } from "./real-files.ts";
import { indirectText, searched } from "./site-counts.ts";

/** What is told of an object. */
interface Told extends BranchList {
	readonly flags: Uint8Array | undefined;
	/** Counted where all calls are asked for. */
	readonly indirect: IndirectCalls | undefined;
}

/** What is to be told of each object, one after the other: they may be large. */
async function* listsOf(
	files: readonly RealFile[],
	wanted: Wanted | undefined,
	terminal: Terminal,
): AsyncGenerator<Told> {
	const note = (text: string): void => terminal.note(text);
	for await (const { object, wanted: flags, locals } of searched(files, wanted, note)) {
		if (sectionByName(object, RECORD_SECTION) !== undefined)
			note(`${object.name}: is retargeted; \`patchbay retarget --reset\` gives the file as it was\n`);
		const list = listBranches(object, flags, note, locals);
		const indirect = wanted === undefined ? countIndirectCalls(object, list.architecture) : undefined;
		yield { ...list, flags, indirect };
	}
}

export async function writeTexts(
	files: readonly RealFile[],
	wanted: Wanted | undefined,
	terminal: Terminal,
): Promise<void> {
	for await (const list of listsOf(files, wanted, terminal)) {
		const { object } = list;
		const tables = readSiteTables(object);
		const keys = new Set(list.table.callees.map(({ symbol }) => symbol)).size;
		const others = list.locals.length === 0 ? "" : `, and ${plural(list.locals.length, "local call")}`;
		const title = `${object.name}: ${list.architecture.name}, ${plural(list.table.count, "call site")} of ${plural(keys, "key")}${others}`;
		await terminal.write(`${styled(terminal, "bold", title)}\n`);
		if (list.indirect !== undefined) await terminal.write(indirectText(list.indirect));
		if (list.table.count > 0) await writeText(list, terminal);
		else if (wanted !== undefined) await terminal.write(instead(list, wanted, list.flags));
		await terminal.write(localCallsText(object, list.locals));
		for (const known of tables) await terminal.write(tableText(object, known));
	}
}

const none = new Uint8Array(0);

/** What there is when what was asked for is not. */
function instead({ object, architecture, locals }: BranchList, wanted: Wanted, flags: Uint8Array | undefined): string {
	const calls = Array.from(countBranches(object, architecture).values()).reduce((sum, each) => sum + each, 0);
	const what =
		"prefix" in wanted
			? `calls a function whose name starts with ${wanted.prefix}`
			: `calls ${wanted.names.join(" or ")}`;
	// A function that is there and that nothing calls: compilers inline what they can see.
	const isThere = "names" in wanted && locals.length === 0 && hasDefined(object, flags ?? none);
	const inlined = isThere ? " (inlined?)" : "";
	return `  nothing ${what}${inlined}; --all lists all ${plural(calls, "call")}\n`;
}

function tableText(object: ElfObject, known: PatchTable): string {
	const rows = known.entries.map(
		(entry) => `  ${entry.map((address) => `${address.name} ${printable(addressText(object, address))}`).join(", ")}\n`,
	);
	return `${known.section}: ${known.entries.length} ${known.entries.length === 1 ? "entry" : "entries"}\n${rows.join("")}`;
}

function addressText(object: ElfObject, address: Address): string {
	const flags = address.flags === 0 ? "" : ` (flags ${address.flags})`;
	return placeText(object, pointedAt(object, address)) + flags;
}

/** One object a line. */
export async function writeJsonLines(
	files: readonly RealFile[],
	wanted: Wanted | undefined,
	terminal: Terminal,
): Promise<void> {
	for await (const list of listsOf(files, wanted, terminal)) {
		await writeJsonRows(list, terminal, (first) => (first ? "" : "\n"));
		if (list.table.count > 0) await terminal.write("\n");
		for (const line of localCallsJson(list.object, list.locals)) await terminal.write(`${line}\n`);
	}
}

/** The rows of all files as elements of a JSON array that others end. Returns what else was found
 * on the way: tables, and of all calls how many go where nothing says.
 * @param opening the array's beginning, written when the first file has been read @param some whether it has elements already */
export async function writeJsonElements(
	files: readonly RealFile[],
	wanted: Wanted | undefined,
	terminal: Terminal,
	opening: string,
	some: boolean,
): Promise<{ tables: object[]; indirect?: object[] }> {
	const tables: object[] = [];
	const indirect: object[] = [];
	let any = some;
	let unwritten = opening;
	for await (const list of listsOf(files, wanted, terminal)) {
		const { object, table } = list;
		if (list.indirect !== undefined) indirect.push({ file: object.name, ...list.indirect });
		for (const known of readSiteTables(object)) tables.push(tableJson(object, known));
		await terminal.write(unwritten);
		unwritten = "";
		await writeJsonRows(list, terminal, (first) => (first && !any ? "\n" : ",\n"));
		any ||= table.count > 0;
		for (const element of localCallsJson(object, list.locals)) {
			await terminal.write(`${any ? "," : ""}\n${element}`);
			any = true;
		}
	}
	await terminal.write(unwritten);
	return { tables, ...(wanted === undefined && { indirect }) };
}

function tableJson(object: ElfObject, { section, index, entries }: PatchTable): object {
	const named = entries.map((entry) =>
		Object.fromEntries(entry.map((address) => [address.name, addressText(object, address)])),
	);
	const places = entries.map((entry) =>
		Object.fromEntries(entry.map((address) => [address.name, placeJson(object, pointedAt(object, address))])),
	);
	return { file: object.name, section, sectionIndex: index, entries: named, places };
}
