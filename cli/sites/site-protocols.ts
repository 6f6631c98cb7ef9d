// How each call site of a real object can be changed under running threads, and why: `patchbay sites --protocol`.

import { type ElfObject, ET_REL } from "../../linker/elf/object.ts";
import { hexAddress } from "../../linker/hex.ts";
import { branchKinds } from "../../linker/sites/arch/index.ts";
import { calleeName, calleeOf } from "../../linker/sites/branches.ts";
import { functionPlace } from "../../linker/sites/place.ts";
import type { Wanted } from "../../linker/sites/wanted.ts";
import { table } from "../shell/table.ts";
import type { Terminal } from "../shell/terminal.ts";
import { type BranchList, listBranches } from "./branch-list.ts";
import { localCallRows } from "./local-calls.ts";
import type { RealFile } from "./real-files.ts";
import { searched } from "./site-counts.ts";

export interface SiteProtocol {
	readonly file: string;
	readonly place: string;
	readonly in: string;
	readonly callee: string;
	readonly kind: string;
	/** Undecided: the linker decides it by where it puts the section. */
	readonly protocol: "one store" | "breakpoint" | "undecided" | "none";
	readonly why: string;
}

/** One store replaces a displacement that lies in aligned bytes of this number (docs/native.md). */
const WITHIN = 16;

/** Another function is called by one store where the displacement lies in an aligned 16 bytes. */
function protocolOf(
	{ object, architecture, table, sections }: BranchList,
	i: number,
): [SiteProtocol["protocol"], string] {
	const index = table.section[i]!;
	const { form, length } = architecture.branches[table.branch[i]!]!;
	if (form === undefined) return ["none", "goes through a pointer"];
	if (architecture.align === 4) return ["one store", "is an aligned word"];
	const section = object.sections[index]!;
	if (object.type === ET_REL && section.align < WITHIN)
		return ["undecided", `${section.name} is aligned to ${Math.max(1, section.align)}`];
	const { data, origin } = sections[index]!;
	const at = table.offset[i]!;
	const bytes = data.subarray(at, at + length);
	if (architecture.fitsOneStore(at + origin, bytes, bytes)) return ["one store", `lies within ${WITHIN}`];
	return ["breakpoint", `crosses ${WITHIN}`];
}

function rowOf(list: BranchList, i: number): SiteProtocol {
	const { object, architecture, sections } = list;
	const index = list.table.section[i]!;
	const value = list.table.offset[i]! + sections[index]!.origin;
	const [protocol, why] = protocolOf(list, i);
	return {
		file: object.name,
		place: object.type === ET_REL ? `${object.sections[index]!.name}+${hexAddress(value)}` : hexAddress(value),
		in: placeIn(object, list.holder[i]!, value),
		callee: calleeName(object, calleeOf(list.table, i)),
		kind: branchKinds[architecture.branches[list.table.branch[i]!]!.kind]!,
		protocol,
		why,
	};
}

const placeIn = (object: ElfObject, symbol: number, value: number): string =>
	symbol === 0 ? "" : functionPlace(object, symbol, value);

/** Prints a table per object, or all as JSON. */
export async function writeProtocols(
	files: readonly RealFile[],
	wanted: Wanted | undefined,
	terminal: Terminal,
	json: boolean,
): Promise<void> {
	const note = (text: string): void => terminal.note(text);
	const all: SiteProtocol[] = [];
	for await (const { object, wanted: flags, locals } of searched(files, wanted, note)) {
		const list = listBranches(object, flags, note, locals);
		const rows = Array.from({ length: list.table.count }, (_, i) => rowOf(list, i));
		for (const row of localCallRows(object, list.locals))
			rows.push({ file: object.name, ...row, protocol: "none", why: "was resolved by the assembler" });
		if (json) all.push(...rows);
		else await terminal.write(textOf(object, rows));
	}
	if (json) await terminal.write(`${JSON.stringify({ schema: "patchbay/sites-protocol@1", sites: all })}\n`);
}

function textOf({ name }: ElfObject, rows: readonly SiteProtocol[]): string {
	const counts = ["one store", "breakpoint", "undecided", "none"].flatMap((protocol) => {
		const count = rows.filter((row) => row.protocol === protocol).length;
		return count === 0 ? [] : [`${count} ${protocol}`];
	});
	const title = `${name}: ${counts.length === 0 ? "no call sites" : counts.join(", ")}\n`;
	if (rows.length === 0) return title;
	const columns = (["place", "in", "callee", "kind", "protocol", "why"] as const).map((title) => ({
		title,
		text: (row: SiteProtocol) => row[title],
	}));
	return `${title}${table(columns, rows).join("\n")}\n`;
}
