// `patchbay compare`: one table of what the calls of a program cost, made in five ways, and one of its paravirt operations.

import { percent } from "../../linker/percent.ts";
import { type Comparison, compareWays, type Way } from "../compare/comparison.ts";
import { compareOperations, type OperationCosts, type OperationWay } from "../compare/operation-costs.ts";
import { profileOf, profileOption } from "../run/cost-profiles.ts";
import { parseRetarget, type Retarget } from "../run/set-option.ts";
import { type Command, ExitCode, UsageError, writeJson } from "../shell/command.ts";
import { bar, type Column, caution, count, plural, table } from "../shell/table.ts";
import { styled, type Terminal } from "../shell/terminal.ts";

interface Options {
	readonly set?: readonly Retarget[];
	readonly profile: string;
}

export const compare: Command<Options> = {
	name: "compare",
	operands: "<files...>",
	brief: "Compare static calls with plain calls and with fast function pointers.",
	examples: [
		["compare scheduler.js", "one table, and bars"],
		["compare pick.js --set pick=deadline", "with a key retargeted before the start"],
		["compare pick.js --profile in-order", "on a simpler machine"],
	],
	declare(line) {
		line.option("--set <key=function>", "retarget before the start; may be given again", parseRetarget);
		line.addOption(profileOption);
	},
	async run(terminal, files, options) {
		const { set: retargets = [], profile: name } = options;
		const late = retargets.find(({ cycle }) => cycle !== undefined);
		if (late !== undefined) {
			throw new UsageError(`--set ${late.text}: a cycle means another place in each of the programs that are compared`);
		}
		const profile = profileOf(name);
		const comparison = await compareWays(files, { profile, retargets });
		const operations = await compareOperations(files, { profile, retargets });
		if (options.json) {
			await writeJson(terminal, "patchbay/compare@1", { files, profile: name, ...comparison, operations });
			return ExitCode.ok;
		}
		const tables = comparison.keys > 0 || operations === undefined ? [text(terminal, comparison, profile.name)] : [];
		if (operations !== undefined) tables.push(operationsText(terminal, operations, profile.name));
		await terminal.write(tables.join("\n"));
		return ExitCode.ok;
	},
};

function text(terminal: Terminal, comparison: Comparison, profile: string): string {
	const { calls, keys, sites, branches, ways } = comparison;
	const patched = branches === 0 ? "" : `, ${plural(branches, "patched branch", "patched branches")}`;
	const title = `${plural(calls, "call")} of ${plural(keys, "key")} at ${plural(sites, "site")}${patched}, on ${profile}`;
	const most = Math.max(0, ...ways.map(({ extraPerCall }) => extraPerCall ?? 0));
	const width = Math.max(10, Math.min(30, terminal.width - 85));
	const columns = [...figures(comparison), bars(most, width)];
	const rows = table(columns, ways, (cell, column, row) => {
		if (row === undefined) return styled(terminal, "dim", cell);
		if (column === columns.length - 1) return styled(terminal, row.name.startsWith("FFP") ? "yellow" : "green", cell);
		return column === 0 ? styled(terminal, "cyan", cell) : cell;
	});
	return `${[styled(terminal, "bold", title), ...rows, "", ...verdicts(comparison)].join("\n")}\n`;
}

function operationsText(terminal: Terminal, costs: OperationCosts, profile: string): string {
	const { calls, operations, places, ways } = costs;
	const what = `${plural(calls, "call")} of ${plural(operations, "operation")} at ${plural(places, "place")}, on ${profile}`;
	const most = Math.max(0, ...ways.map(({ extraPerCall }) => extraPerCall ?? 0));
	const columns: Column<OperationWay>[] = [
		{ title: "paravirt", text: ({ name }) => name },
		{ title: "cycles", align: "right", text: ({ cycles }) => count(cycles) },
		{ title: "x plain", align: "right", text: ({ cycles }) => (cycles / ways[0]!.cycles).toFixed(3) },
		{ title: "bytes/call", align: "right", text: ({ bytesPerCall }) => trimmed(bytesPerCall) },
		{ title: "+cycles/call", align: "right", text: ({ extraPerCall: more }) => more?.toFixed(2) ?? unknown },
		{ title: barTitle(most), text: ({ extraPerCall }) => bar(extraPerCall ?? 0, most, 20) },
	];
	const rows = table(columns, ways, (cell, column, row) => {
		if (row === undefined) return styled(terminal, "dim", cell);
		return column === 0 ? styled(terminal, "cyan", cell) : cell;
	});
	return `${[styled(terminal, "bold", what), ...rows, ...caution(calls)].join("\n")}\n`;
}

const unknown = "-";

function figures({ plainCycles }: Comparison): Column<Way>[] {
	const relative = (cycles: number): string => (cycles / plainCycles).toFixed(3);
	return [
		{ title: "way", text: ({ name }) => name },
		{ title: "cycles", align: "right", text: ({ cycles }) => (cycles === undefined ? unknown : count(cycles)) },
		{ title: "x plain", align: "right", text: ({ cycles }) => (cycles === undefined ? unknown : relative(cycles)) },
		{ title: "bytes/site", align: "right", text: ({ bytesPerSite }) => trimmed(bytesPerSite) },
		{ title: "update", align: "right", text: ({ update }) => (update ? count(update.cycles) : "link") },
		{ title: "syncs", align: "right", text: ({ update }) => (update ? trimmed(update.syncs) : unknown) },
		{ title: "+cycles/call", align: "right", text: ({ extraPerCall: more }) => more?.toFixed(2) ?? unknown },
	];
}

/** What an empty bar and the longest one stand for. */
function barTitle(most: number): string {
	return most > 0 ? `bar: 0 to ${most.toFixed(2)}` : "";
}

function bars(most: number, width: number): Column<Way> {
	return { title: barTitle(most), text: ({ extraPerCall }) => bar(extraPerCall ?? 0, most, width) };
}

function trimmed(value: number): string {
	return Number.isInteger(value) ? String(value) : value.toFixed(1);
}

/** A hundredth of a program's time is less than one notices, and less than one measures on most real machines. */
const NOTHING = 0.01;

function verdicts({ calls, branches, ownUpdates, plainCycles, ways }: Comparison): string[] {
	const lines: string[] = [];
	if (ownUpdates > 0) {
		lines.push(
			`The program retargets its keys itself (${plural(ownUpdates, "update")}), which plain calls cannot follow: "plain" is`,
			"static inline without the time of the updates, to the cycle what plain calls would take.",
		);
	}
	if (branches > 0)
		lines.push("With function pointers, branches of static keys look at their keys instead of being patched.");
	if (calls === 0 && branches === 0) return [...lines, "No key was called, so there is nothing to tell them apart."];
	for (const { name, cycles } of ways) {
		if (name === "direct" || cycles === undefined) continue;
		lines.push(`${name}: ${verdict(name, cycles / plainCycles - 1)}.`);
	}
	return [...lines, ...caution(calls)];
}

function verdict(name: Way["name"], overhead: number): string {
	if (overhead === 0) return "no difference to plain calls";
	const text = `${percent(Math.abs(overhead), 2)} ${overhead > 0 ? "more" : "less"} than plain calls`;
	if (Math.abs(overhead) >= NOTHING) return text;
	const why = name === "FFP pointer" ? ", a predicted indirect call is nearly free" : "";
	return `${text}: the difference is nothing${why}`;
}
