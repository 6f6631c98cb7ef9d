// `patchbay retarget`: calls in files of real machines to other functions, or to none.

import { isArchive, isThinArchive } from "../../linker/elf/archive.ts";
import { symbolName } from "../../linker/elf/symbols.ts";
import { hexAddress, hexBytes } from "../../linker/hex.ts";
import type { Change, PlannedSite, RetargetPlan } from "../../linker/retarget/retarget.ts";
import { resetArchive, retargetArchive } from "../../linker/retarget/retarget-archive.ts";
import { type ResetFile, resetFile, retargetFile } from "../../linker/retarget/retarget-file.ts";
import type { Added, ObjectFile } from "../../linker/retarget/with/add-objects.ts";
import { type Command, ExitCode, UsageError, writeJson } from "../shell/command.ts";
import { isRegularFile, modeOf, readBytes, writeFile } from "../shell/files.ts";
import { parseChanges, texts } from "../shell/options.ts";
import { plural, table } from "../shell/table.ts";
import { styled, type Terminal } from "../shell/terminal.ts";
import { memberBytes, realObjects } from "../sites/real-files.ts";

interface Options {
	readonly set?: readonly Change[];
	readonly only?: readonly string[];
	readonly with?: readonly string[];
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
		["retarget a.out --with impl.o --set slow=fast -o b.out", "a function of an object that a.out is linked without"],
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
		line.option(
			"--with <object>",
			"put an object into a linked program, as a segment of its own; may be repeated",
			texts,
		);
		line.option("--reset", "undo everything that was retargeted");
		line.option("--dry-run", "print the plan and write nothing");
		line.option("-o, --output <file>", "the file to write");
	},
	async run(terminal, [file], { set = [], only, with: objectFiles = [], output, dryRun, reset, json }) {
		if (reset ? set.length > 0 || only !== undefined || objectFiles.length > 0 : set.length === 0)
			throw new UsageError(
				reset ? "--reset undoes all; it goes without --set, --only and --with" : "--set says what to retarget",
			);
		if (output === undefined && !dryRun) throw new UsageError("-o says what to write; --dry-run writes nothing");
		const { path, member } = operandOf(file!);
		const bytes = readBytes(path);
		const write = (result: Uint8Array): void => {
			if (output !== undefined && !dryRun) writeFile(output, result, modeOf(path));
		};
		const objects = objectFiles.map((name) => ({ name, bytes: readBytes(name) }));
		const { changes, chosen } = await inLinkersWords(bytes, path, set, only, objects);
		if (reset && !isArchive(bytes)) {
			const back = resetFile(bytes, path);
			write(back.bytes);
			if (json) await writeJson(terminal, "patchbay/retarget@1", { ...asJson(path, nothing), ...undoneJson(back) });
			else await terminal.write(undone(path, dryRun, back));
			return ExitCode.ok;
		}
		if (!isArchive(bytes)) {
			const {
				plan,
				added,
				bytes: result,
			} = retargetFile(bytes, path, changes, {
				...(chosen && { only: chosen }),
				objects,
			});
			write(result);
			if (json) await writeJson(terminal, "patchbay/retarget@1", { ...asJson(path, plan), ...(added && { added }) });
			else await terminal.write((await text(terminal, path, plan, dryRun)) + (added ? addedText(terminal, added) : ""));
			return ExitCode.ok;
		}
		if (objects.length > 0)
			throw new UsageError(`--with is about a linked program; '${path}' is an archive, to which \`ar\` adds members`);
		if (only !== undefined && member === undefined)
			throw new UsageError(`--only is about one file; name a member: '${path}(MEMBER)'`);
		const where = { member, ...(isThinArchive(bytes) && { contentsOf: (name: string) => memberBytes(path, name) }) };
		const { members, bytes: result } = reset
			? { members: [], bytes: resetArchive(bytes, path, where) }
			: retargetArchive(bytes, path, changes, { ...where, ...(chosen && { only: chosen }) });
		write(result);
		const plans = members.map((each) => asJson(each.file, each.plan));
		if (json) await writeJson(terminal, "patchbay/retarget@1", { file: path, members: plans });
		else if (reset) await terminal.write(undone(path, dryRun));
		else if (members.length === 0) await terminal.write(`${path}: no member calls what is to be retargeted\n`);
		else for (const each of members) await terminal.write(await text(terminal, each.file, each.plan, dryRun));
		return ExitCode.ok;
	},
};

/** The functions that are named as their C++ or Rust program writes them, by the names that linkers know. */
async function inLinkersWords(
	bytes: Uint8Array,
	path: string,
	set: readonly Change[],
	only: readonly string[] | undefined,
	objects: readonly ObjectFile[],
): Promise<{ changes: readonly Change[]; chosen: readonly string[] | undefined }> {
	const written = [...set.flatMap(({ from, to }) => [from, to]), ...(only ?? [])];
	if (!written.some((name) => /[(:<]/.test(name))) return { changes: set, chosen: only };
	const { linkageName } = await import("../shell/demangle.ts");
	const names: string[] = [];
	for (const file of [{ file: path, bytes }, ...objects.map((each) => ({ file: each.name, bytes: each.bytes }))])
		for await (const { symbols } of realObjects(file, () => {}))
			for (let i = 1; i < symbols.count; i++) names.push(symbolName(symbols, i));
	const known = (name: string): string => linkageName(names, name, path);
	const place = (text: string): string => {
		const [, name = text, offset = ""] = /^(.*?)(\+0x[0-9a-f]+)$/.exec(text) ?? [];
		return known(name) + offset;
	};
	return { changes: set.map(({ from, to }) => ({ from: known(from), to: known(to) })), chosen: only?.map(place) };
}

function undone(file: string, dryRun: true | undefined, back?: ResetFile): string {
	const objects = back !== undefined && back.objects.length > 0 ? `, ${back.objects.join(", ")} taken out` : "";
	const what = back === undefined ? "all that was retargeted" : plural(back.edits, "change");
	return `${file}: ${what} ${dryRun ? "to undo" : "undone"}${objects}\n`;
}

const undoneJson = ({ edits, objects }: ResetFile): object => ({ undone: { edits, objects } });

function addedText(terminal: Terminal, { objects, sections, dynamicRelocations, leftOut }: Added): string {
	const rows = table(
		[
			{ title: "section", text: ({ name }) => name },
			{ title: "address", text: ({ address }) => hexAddress(address) },
			{ title: "bytes", align: "right", text: ({ size }) => String(size) },
			{ title: "rights", text: ({ rights }) => rights },
		],
		sections,
	);
	const dynamic =
		dynamicRelocations > 0 ? [`${plural(dynamicRelocations, "more relocation")} for the dynamic linker`] : [];
	const title = styled(terminal, "bold", `added: ${objects.join(", ")}`);
	return `${[title, ...rows, ...dynamic, ...leftOut.map((what) => `left out: ${what}`)].join("\n")}\n`;
}

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

async function text(
	terminal: Terminal,
	file: string,
	{ sites, left, references }: RetargetPlan,
	dryRun: true | undefined,
): Promise<string> {
	const { readable } = await import("../shell/demangle.ts");
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
