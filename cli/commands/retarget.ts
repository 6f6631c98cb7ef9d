// `patchbay retarget`: calls in files of real machines to other functions, or to none.

import { isArchive, isThinArchive } from "../../linker/elf/archive.ts";
import { symbolName } from "../../linker/elf/symbols.ts";
import { hexBytes } from "../../linker/hex.ts";
import type { Change, PlannedSite, RetargetPlan } from "../../linker/retarget/retarget.ts";
import { resetArchive, retargetArchive } from "../../linker/retarget/retarget-archive.ts";
import { resetFile, retargetFile } from "../../linker/retarget/retarget-file.ts";
import { type Command, ExitCode, UsageError, writeJson } from "../shell/command.ts";
import { isRegularFile, modeOf, readBytes, writeFile } from "../shell/files.ts";
import { parseChanges, texts } from "../shell/options.ts";
import { plural, table } from "../shell/table.ts";
import { styled, type Terminal } from "../shell/terminal.ts";
import { memberBytes, realObjects } from "../sites/real-files.ts";

interface Options {
	readonly set?: readonly Change[];
	readonly only?: readonly string[];
	readonly output?: string;
	readonly dryRun?: true;
	readonly reset?: true;
}

export const retarget: Command<Options> = {
	name: "retarget",
	operands: "<file>",
	brief: "Make calls in a file of a real machine go to other functions.",
	examples: [
		["retarget foo.o --set checksum=checksum_fast -o fast.o", "all calls of checksum in an object"],
		["retarget a.out --set checksum=checksum_fast --dry-run", "only say what would change"],
		["retarget a.out --set trace=null -o quiet", "calls of nothing; link with -Wl,--emit-relocs"],
		["retarget foo.o --set f=g --only main+0x12 -o out.o", "one call, or all in a function"],
		["retarget libfoo.a --set f=g -o libbar.a", "all members of a library; 'libfoo.a(bar.o)' is one"],
		["retarget fast.o --reset -o foo.o", "the file as it was, byte for byte"],
	],
	outputs: ["output"],
	inPlace: true,
	declare(line) {
		line.option(
			"--set <function=other>",
			"make calls of a function calls of another, or of null; may be repeated",
			parseChanges,
		);
		line.option(
			"--only <function>",
			"only calls in this function, or the one at function+0x12 or at a place as listed; may be repeated",
			texts,
		);
		line.option("--reset", "undo everything that was retargeted");
		line.option("--dry-run", "print the plan and write nothing");
		line.option("-o, --output <file>", "the file to write");
	},
	async run(terminal, [file], { set = [], only, output, dryRun, reset, json }) {
		if (reset ? set.length > 0 || only !== undefined : set.length === 0)
			throw new UsageError(
				reset ? "--reset undoes all; it goes without --set and --only" : "--set says what to retarget",
			);
		if (output === undefined && !dryRun) throw new UsageError("-o says what to write; --dry-run writes nothing");
		const { path, member } = operandOf(file!);
		const bytes = readBytes(path);
		const write = (result: Uint8Array): void => {
			if (output !== undefined && !dryRun) writeFile(output, result, modeOf(path));
		};
		const { changes, chosen } = await inLinkersWords(bytes, path, set, only);
		if (!isArchive(bytes)) {
			const { plan, bytes: result } = reset
				? { plan: nothing, bytes: resetFile(bytes, path) }
				: retargetFile(bytes, path, changes, chosen && { only: chosen });
			write(result);
			if (json) await writeJson(terminal, "patchbay/retarget@1", asJson(path, plan));
			else await terminal.write(reset ? undone(path) : await text(terminal, path, plan, dryRun === true));
			return ExitCode.ok;
		}
		if (only !== undefined && member === undefined)
			throw new UsageError(`--only is about one file; name a member: '${path}(MEMBER)'`);
		const where = { member, ...(isThinArchive(bytes) && { contentsOf: (name: string) => memberBytes(path, name) }) };
		const { members, bytes: result } = reset
			? { members: [], bytes: resetArchive(bytes, path, where) }
			: retargetArchive(bytes, path, changes, { ...where, ...(chosen && { only: chosen }) });
		write(result);
		const plans = members.map((each) => asJson(each.file, each.plan));
		if (json) await writeJson(terminal, "patchbay/retarget@1", { file: path, members: plans });
		else if (reset) await terminal.write(undone(path));
		else if (members.length === 0) await terminal.write(`${path}: no member calls what is to be retargeted\n`);
		else for (const each of members) await terminal.write(await text(terminal, each.file, each.plan, dryRun === true));
		return ExitCode.ok;
	},
};

/** The functions that are named as their C++ or Rust program writes them, by the names that linkers know. */
async function inLinkersWords(
	bytes: Uint8Array,
	path: string,
	set: readonly Change[],
	only: readonly string[] | undefined,
): Promise<{ changes: readonly Change[]; chosen: readonly string[] | undefined }> {
	const written = [...set.flatMap(({ from, to }) => [from, to]), ...(only ?? [])];
	if (!written.some((name) => /[(:<]/.test(name))) return { changes: set, chosen: only };
	const { linkageName } = await import("../shell/demangle.ts");
	const names: string[] = [];
	for await (const { symbols } of realObjects({ file: path, bytes }, () => {}))
		for (let i = 1; i < symbols.count; i++) names.push(symbolName(symbols, i));
	const known = (name: string): string => linkageName(names, name, path);
	const place = (text: string): string => {
		const [, name = text, offset = ""] = /^(.*?)(\+0x[0-9a-f]+)$/.exec(text) ?? [];
		return known(name) + offset;
	};
	return { changes: set.map(({ from, to }) => ({ from: known(from), to: known(to) })), chosen: only?.map(place) };
}

const undone = (file: string): string => `${file}: all that was retargeted is undone\n`;

/** A file, or a member of an archive as lists call it: `libfoo.a(bar.o)`. */
function operandOf(file: string): { path: string; member?: string } {
	const [, path, member] = /^(.+)\(([^()]+)\)$/.exec(file) ?? [];
	return path === undefined || isRegularFile(file) ? { path: file } : { path, member: member! };
}

/** What `--reset` plans. */
const nothing: RetargetPlan = { sites: [], left: [], edits: [], symbols: [], references: 0 };

function asJson(file: string, { sites, left, references }: RetargetPlan): object {
	const planned = sites.map((site) => ({ ...site, before: hexBytes(site.before), after: hexBytes(site.after) }));
	return { file, sites: planned, left, references };
}

/** Shows names as their programs write them. */
async function readableNames(): Promise<(text: string) => string> {
	const { demangled } = await import("../shell/demangle.ts");
	return (text) => text.replace(/\b_[ZR]\w+/g, demangled);
}

async function text(
	terminal: Terminal,
	file: string,
	{ sites, left, references }: RetargetPlan,
	dryRun: boolean,
): Promise<string> {
	const readable = await readableNames();
	const done = dryRun ? "to retarget" : "retargeted";
	const title = styled(terminal, "bold", `${file}: ${plural(sites.length, "call site")} ${done}`);
	// In an object it is the relocation that says what is called: its bytes are the same before and after.
	const changes = sites.some(({ before, after }) => hexBytes(before) === hexBytes(after));
	const rows = table<PlannedSite>(
		[
			{ title: "place", text: ({ place }) => place },
			{ title: "in", text: (site) => readable(site.in) },
			{ title: "kind", text: ({ kind }) => kind },
			{ title: "from", text: ({ from, named }) => readable(named === from ? from : `${from} (as ${named})`) },
			{ title: "to", text: ({ to }) => readable(to) },
			{
				title: "bytes",
				text: ({ before, after }) =>
					hexBytes(before) === hexBytes(after) ? hexBytes(before) : `${hexBytes(before)} → ${hexBytes(after)}`,
			},
			...(changes
				? [
						{
							title: "relocation",
							text: ({ relocation: { before, after } }: PlannedSite) => readable(`${before} → ${after}`),
						},
					]
				: []),
		],
		sites,
	);
	const stays = left.map(({ place, in: where, from, why }) =>
		readable(`stays: ${place} in ${where}, a call of ${from}: ${why}`),
	);
	const what = references === 1 ? "is no call and stays" : "are no calls and stay";
	const taken = references > 0 ? [`${plural(references, "reference")} to these functions ${what}`] : [];
	return `${[title, ...(sites.length > 0 ? rows : []), ...stays, ...taken].join("\n")}\n`;
}
