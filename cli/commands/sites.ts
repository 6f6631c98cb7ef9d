// `patchbay sites`: every call that can be retargeted, where it is and what it calls.

import { Option } from "commander";
import { type Command, ExitCode, UsageError } from "../shell/command.ts";
import { texts } from "../shell/options.ts";
import type { Terminal } from "../shell/terminal.ts";
import { findReal, type RealFile } from "../sites/real-files.ts";
import { type RealSitesOptions, summarize, wantedOf, writeSummary } from "../sites/site-counts.ts";
import type { ListedFile } from "../sites/toy-sites.ts";

interface Options extends RealSitesOptions {
	readonly jsonLines?: true;
	readonly summary?: true;
	readonly protocol?: true;
}

export const sites: Command<Options> = {
	name: "sites",
	operands: "<files...>",
	brief: "List the call sites of sources, objects, images, and of files of real machines.",
	examples: [
		["sites pick.js", "of a module and all it imports"],
		["sites pick.elf --json", "of an image, for other programs"],
		["sites kernel/sched/core.o", "of an object of a real machine: static calls"],
		["sites a.out --calls-to checksum", "calls of any function; link with -Wl,--emit-relocs"],
		["sites a.out --calls-to 'ns::slow(int)'", "of a C++ function, as c++filt writes it or mangled"],
		["sites service --protocol", "which sites one store can change, and why others not"],
		["sites libfoo.a --all --summary", "how often everything is called"],
	],
	declare(line) {
		line.option("--calls-to <function>", "real machines: calls of this function; may be repeated", texts);
		line.addOption(
			new Option(
				"--prefix <prefix>",
				"real machines: calls of functions with this prefix instead of __SCT__",
			).conflicts("callsTo"),
		);
		line.addOption(
			new Option("--all", "real machines: all calls, grouped by what they call").conflicts(["callsTo", "prefix"]),
		);
		line.option("--summary", "real machines: only how many call sites each function has");
		line.addOption(
			new Option("--protocol", "real machines: how each site can be changed under running threads").conflicts([
				"summary",
				"jsonLines",
			]),
		);
		line.addOption(
			new Option("--json-lines", "real machines: print a JSON object per call site and line").conflicts([
				"summary",
				"json",
			]),
		);
	},
	async run(terminal, files, options) {
		const found = files.map(findReal);
		const real = found.filter((each) => each !== undefined);
		const ours = files.filter((_, i) => found[i] === undefined);
		const wanted = wantedOf(options);
		const { all, callsTo, prefix, summary, jsonLines, protocol } = options;
		if (ours.length > 0 && (summary || jsonLines || protocol))
			throw new UsageError(`--summary, --protocol and --json-lines are for files of real machines, not ${ours[0]}`);
		if (real.length === 0 && (all || callsTo !== undefined || prefix !== undefined))
			throw new UsageError(`--all, --calls-to and --prefix are for files of real machines, not ${ours[0]}`);
		if (protocol) {
			const { writeProtocols } = await import("../sites/site-protocols.ts");
			await writeProtocols(real, wanted, terminal, options.json === true);
			return ExitCode.ok;
		}
		if (summary || jsonLines) {
			if (jsonLines) await (await realSites()).writeJsonLines(real, wanted, terminal);
			else if (!options.json) await writeSummary(real, wanted, terminal);
			else
				await terminal.write(
					`${JSON.stringify({ schema: "patchbay/sites-summary@1", ...(await summarize(real, wanted, terminal.note)) })}\n`,
				);
			return ExitCode.ok;
		}
		const listed = ours.length > 0 ? await (await toySites()).listToySites(ours) : [];
		if (options.json) {
			await writeJson(listed, real, options, terminal);
			return ExitCode.ok;
		}
		if (listed.length > 0) {
			const { toySitesText } = await toySites();
			await terminal.write(`${listed.map((file) => toySitesText(terminal, file)).join("\n\n")}\n`);
		}
		await (await realSites()).writeTexts(real, wanted, terminal);
		return ExitCode.ok;
	},
};

/** Loaded when it is needed: it compiles and links. */
function toySites() {
	return import("../sites/toy-sites.ts");
}

function realSites() {
	return import("../sites/real-sites.ts");
}

/** Written as it is found: there may be millions of sites. */
async function writeJson(
	listed: readonly ListedFile[],
	real: readonly RealFile[],
	options: Options,
	terminal: Terminal,
) {
	const ours = listed.flatMap(({ file, mode, sites }) => sites.map((site) => JSON.stringify({ file, mode, ...site })));
	const opening = `{"schema":"patchbay/sites@2","sites":[${ours.map((each) => `\n${each}`).join(",")}`;
	const { writeJsonElements } = await realSites();
	const { tables, indirect } = await writeJsonElements(real, wantedOf(options), terminal, opening, ours.length > 0);
	const openings = listed.flatMap(({ file, openings }) => openings.map((each) => ({ file, ...each })));
	await terminal.write(
		`\n],"tables":${JSON.stringify(tables)},"openings":${JSON.stringify(openings)}${indirect ? `,"indirect":${JSON.stringify(indirect)}` : ""}}\n`,
	);
}
