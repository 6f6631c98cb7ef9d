// `patchbay retarget`: calls in files of real machines to other functions, or to none.

import { isArchive } from "../../linker/elf/archive.ts";
import { LinkError } from "../../linker/errors.ts";
import { hexBytes } from "../../linker/hex.ts";
import type { Change, PlannedSite, RetargetPlan } from "../../linker/retarget/retarget.ts";
import { resetFile, retargetFile } from "../../linker/retarget/retarget-file.ts";
import { type Command, ExitCode, UsageError, writeJson } from "../shell/command.ts";
import { modeOf, readBytes, writeFile } from "../shell/files.ts";
import { parseChanges, texts } from "../shell/options.ts";
import { plural, table } from "../shell/table.ts";
import { styled, type Terminal } from "../shell/terminal.ts";

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
		const bytes = readBytes(file!);
		if (isArchive(bytes)) throw new LinkError(`${file}: is an archive; extract the members to retarget (ar x)`);
		const { plan, bytes: result } = reset
			? { plan: nothing, bytes: resetFile(bytes, file!) }
			: retargetFile(bytes, file!, set, only && { only });
		if (output !== undefined && !dryRun) writeFile(output, result, modeOf(file!));
		if (json) await writeJson(terminal, "patchbay/retarget@1", asJson(file!, plan));
		else
			await terminal.write(
				reset ? `${file}: all that was retargeted is undone\n` : text(terminal, file!, plan, dryRun === true),
			);
		return ExitCode.ok;
	},
};

/** What `--reset` plans. */
const nothing: RetargetPlan = { sites: [], left: [], edits: [], symbols: [], references: 0 };

function asJson(file: string, { sites, left, references }: RetargetPlan): object {
	const planned = sites.map((site) => ({ ...site, before: hexBytes(site.before), after: hexBytes(site.after) }));
	return { file, sites: planned, left, references };
}

function text(terminal: Terminal, file: string, { sites, left, references }: RetargetPlan, dryRun: boolean): string {
	const done = dryRun ? "to retarget" : "retargeted";
	const title = styled(terminal, "bold", `${file}: ${plural(sites.length, "call site")} ${done}`);
	const rows = table<PlannedSite>(
		[
			{ title: "place", text: ({ place }) => place },
			{ title: "in", text: (site) => site.in },
			{ title: "kind", text: ({ kind }) => kind },
			{ title: "from", text: ({ from, named }) => (named === from ? from : `${from} (as ${named})`) },
			{ title: "to", text: ({ to }) => to },
			{
				title: "bytes",
				text: ({ before, after }) =>
					hexBytes(before) === hexBytes(after) ? hexBytes(before) : `${hexBytes(before)} → ${hexBytes(after)}`,
			},
		],
		sites,
	);
	const stays = left.map(({ place, in: where, from, why }) => `stays: ${place} in ${where}, a call of ${from}: ${why}`);
	const what = references === 1 ? "is no call and stays" : "are no calls and stay";
	const taken = references > 0 ? [`${plural(references, "reference")} to these functions ${what}`] : [];
	return `${[title, ...(sites.length > 0 ? rows : []), ...stays, ...taken].join("\n")}\n`;
}
