// `patchbay chaos`: storms of updates on a hot call site, every protocol on every model, under the adversary.

import { type Command as CommandLine, Option } from "commander";
import { filled } from "../../linker/markdown.ts";
import {
	askedSchema,
	count as counted,
	listOf,
	objectOf,
	partsSchema,
	type Schema,
	text,
	validate,
	yesOrNo,
} from "../../linker/schema.ts";
import { models } from "../../runtime/machine/index.ts";
import { type StormCase, type StormCounts, storm } from "../../runtime/measure/index.ts";
import { modelNames, modelOf } from "../run/models.ts";
import { namesOf, protocolOf, running } from "../run/protocols.ts";
import {
	type Campaign,
	campaignProgress,
	dealtBack,
	declareParts,
	finish,
	inJobs,
	joinJobs,
	mine,
	noteStopped,
	type Report,
	type Shard,
	shardText,
} from "../shell/campaign.ts";
import { type Command, ExitCode } from "../shell/command.ts";
import { texts, whole } from "../shell/options.ts";
import { type Asked, declareResume, readReport } from "../shell/resume.ts";
import { type Stopped, stoppable } from "../shell/stop.ts";
import { type Column, caution, count, plural, table } from "../shell/table.ts";
import type { Terminal } from "../shell/terminal.ts";

interface Options {
	readonly calls: number;
	readonly cpus: number;
	readonly seed: number;
	readonly protocol?: readonly string[];
	readonly model?: readonly string[];
	readonly markdown?: true;
	readonly native?: true;
	readonly updates: number;
	readonly resume?: string;
	readonly shard?: Shard;
	readonly jobs: number;
}

const placements = ["straddling", "aligned"] as const;
type Placement = StormCase["site"];

interface Cell {
	readonly protocol: string;
	readonly model: string;
	readonly site: Placement;
	/** Null: the protocol does not take such a site. */
	readonly counts: StormCounts | null;
}

/** What `chaos --json` writes, but for the schema. */
interface ChaosReport extends Report {
	readonly calls: number;
	readonly cpus: number;
	readonly seed: number;
	readonly cells: readonly Cell[];
}

const CHAOS_SCHEMA = "patchbay/chaos@1";

const happened: Record<keyof StormCounts, Schema> = {
	calls: counted,
	updates: counted,
	torn: counted,
	stale: counted,
	lost: counted,
	died: counted,
};

/** What `chaos --json` writes. */
export const chaosSchema: Schema = objectOf(
	{
		schema: { const: CHAOS_SCHEMA },
		calls: counted,
		cpus: counted,
		seed: counted,
		asked: askedSchema,
		cells: listOf(
			objectOf({
				protocol: text,
				model: text,
				site: { enum: [...placements] },
				counts: { ...objectOf(happened), type: ["object", "null"] },
			}),
		),
		stopped: yesOrNo,
		parts: partsSchema,
	},
	["schema", "asked", "cells"],
);

/** The cells of all parts, in the order of the whole table. */
export const chaosCampaign: Campaign<ChaosReport> = {
	schema: CHAOS_SCHEMA,
	read: (value, file) => validate(chaosSchema, value, file),
	join(parts) {
		const { calls, cpus, seed } = parts[0]!;
		return { calls, cpus, seed, cells: dealtBack(parts.map(({ cells }) => cells)) };
	},
	async show(terminal, report, { markdown }) {
		await terminal.write(markdown === true ? page(report) : `${drawTables(report).join("\n")}\n`);
	},
	exitCode: () => ExitCode.ok,
};

export const chaos: Command<Options> = {
	name: "chaos",
	operands: "",
	brief: "Update a hot call site over and over under CPUs that see the oldest bytes they may; count what goes wrong.",
	examples: [
		["chaos", "every protocol on every model (half a minute)"],
		["chaos --protocol naive breakpoint --model x86 --calls 1000000", "two of them for longer"],
		["chaos --resume stopped.json --json", "go on where Ctrl-C stopped `chaos --json`"],
		["chaos --jobs 4", "in four processes at once"],
		["chaos --shard 3/8 --json > 3.json", "one part of eight, on any machine; `merge` joins them"],
		["chaos --native", "on this processor, beside the model's verdicts; needs gcc (a minute)"],
		["chaos --calls 1000000 --markdown > docs/protocol-table.md", "the page of the documentation (ten minutes)"],
	],
	declare(line) {
		declareOptions(line);
	},
	async run(terminal, _, options) {
		if (options.native) return (await import("../compare/native-chaos.ts")).chaosNative(terminal, options);
		const { has: report, wasStopped } = await stoppable<ChaosReport>(async (stopped) => {
			if (options.jobs > 1)
				return joinJobs(chaosCampaign, await inJobs(terminal, WHAT, options, stopped), options.shard);
			const { calls, cpus, seed } = options;
			return { calls, cpus, seed, asked: askedOf(options), cells: await measure(terminal, options, stopped) };
		});
		if (wasStopped) noteStopped(terminal, `after ${plural(report.cells.length, "cell")}`);
		return finish(terminal, chaosCampaign, { ...report, ...(wasStopped && { stopped: true }) }, options);
	},
};

/** What is counted. */
const WHAT = "cells";

function askedOf({ calls, cpus, seed, protocol, model, shard }: Options): Asked {
	return { calls, cpus, seed, protocol, model, shard: shardText(shard) };
}

function declareOptions(line: CommandLine): void {
	line.option("--protocol <name...>", `these protocols only: ${namesOf(running)}`, texts);
	line.option("--model <name...>", `these models only: ${modelNames}`, texts);
	line.option("--calls <n>", "calls of each site by each protocol on each model", upTo(1e9), 50_000);
	line.option("--cpus <n>", "CPUs that call", upTo(64), 4);
	line.option("--seed <n>", "of all random choices", upTo(2 ** 31 - 1), 1);
	line.option("--markdown", "as the page of the documentation");
	declareResume(line);
	declareParts(line, "cells");
	const others = line.options.map((option) => option.attributeName());
	line.addOption(
		new Option("--native", "a storm on this x86-64 processor, by writer and what the displacement crosses").conflicts(
			others,
		),
	);
	line.option("--updates <n>", "of --native, by each writer at each place", upTo(1e9), 100_000);
}

async function measure(terminal: Terminal, options: Options, stopped: Stopped): Promise<Cell[]> {
	const { calls, cpus, seed } = options;
	const chosen = options.protocol?.map((name) => protocolOf(name)) ?? running;
	const hardware = options.model?.map(modelOf) ?? models;
	const progress = campaignProgress(terminal, WHAT);
	const known =
		options.resume === undefined
			? []
			: readReport<{ cells: readonly Cell[]; asked: Asked }>(options.resume, chaosSchema, askedOf(options)).cells;
	const all = placements.flatMap((site) =>
		chosen.flatMap((protocol) => hardware.map((model) => ({ protocol, model, site }))),
	);
	const todo = mine(all, options.shard);
	const cells: Cell[] = known.slice(0, todo.length);
	for (const { protocol, model, site } of todo.slice(cells.length)) {
		if (await stopped()) break;
		progress(cells.length, todo.length, `${protocol.name} on ${model.name}, ${site} site`);
		const counts = storm({ protocol, model, site, cpus, calls, seed }) ?? null;
		cells.push({ protocol: protocol.name, model: model.name, site, counts });
	}
	progress();
	return cells;
}

/** A protocol's cells by the model's name; one that was not reached has none. */
interface Row {
	readonly protocol: string;
	readonly cells: ReadonlyMap<string, Cell>;
}

function rowsOf(cells: readonly Cell[], site: Placement): Row[] {
	const names = [...new Set(cells.map(({ protocol }) => protocol))];
	return names.map((protocol) => {
		const own = cells.filter((cell) => cell.protocol === protocol && cell.site === site);
		return { protocol, cells: new Map(own.map((cell) => [cell.model, cell])) };
	});
}

function modelsOf(cells: readonly Cell[]): string[] {
	return [...new Set(cells.map(({ model }) => model))];
}

/** `0` when nothing went wrong, else what did: torn, stale, lost; and runs that died. */
function outcome(cell: Cell | undefined): string {
	if (cell === undefined) return "";
	const { counts } = cell;
	if (counts === null) return "refused";
	const { torn, stale, lost, died } = counts;
	if (torn + stale + lost + died === 0) return "0";
	return `${count(torn)} / ${count(stale)} / ${count(lost)}${died > 0 ? `, ${count(died)} died` : ""}`;
}

function drawTables({ cells, calls, cpus }: ChaosReport): string[] {
	const head = `torn / stale / lost, of at least ${plural(calls, "call")} by ${plural(cpus, "CPU")} in each cell`;
	const tables = placements.flatMap((site) => {
		const rows = rowsOf(cells, site);
		const columns: Column<Row>[] = [
			{ title: `${site} site`, text: ({ protocol }) => protocol },
			...modelsOf(cells).map(
				(model): Column<Row> => ({ title: model, align: "right", text: (row) => outcome(row.cells.get(model)) }),
			),
		];
		return ["", ...table(columns, rows)];
	});
	return [head, ...tables, ...caution(calls)];
}

function page({ cpus, calls, cells }: ChaosReport): string {
	const total = cells.reduce((sum, { counts }) => sum + (counts?.calls ?? 0), 0);
	const updates = cells.reduce((sum, { counts }) => sum + (counts?.updates ?? 0), 0);
	return filled(`# Protocols under the adversary

${cpus} CPUs go round a loop with one call site while a patcher retargets it over and over, and every CPU sees, unit by unit, mostly the oldest bytes that the model
still allows (\`--fetch stale\`). At least ${count(calls)} calls per cell, ${count(total)} calls and ${count(updates)} updates in all. A cell is \`0\` when nothing went wrong, else

    torn / stale / lost

* **torn**: executions at the site of an instruction that is neither the old one nor the new one nor what the protocol itself puts there (BRK, a jump to itself).
* **stale**: executions of the old instruction that were fetched after the update was complete.
* **lost**: calls that came to neither of the two targets. Every mixture of the two instructions calls something that counts, so that a torn
  call is no crash and the run goes on; a run that a trap ends is counted as *died*.

Writing includes the cache maintenance that a model needs, on arm clean and broadcast invalidate: hence nothing stale there, though it tears.

Every execution at the site is looked at. \`refused\`: the protocol takes sites inside an aligned 8 bytes only. This page is what
\`patchbay chaos --calls ${calls} --markdown\` prints; [verdicts.md](verdicts.md) has what exhaustive checking says of the same protocols.
${placements.map((site) => markdownTable(site, modelsOf(cells), rowsOf(cells, site))).join("")}`);
}

const titles = {
	straddling: "A site across two aligned 8 bytes",
	aligned: "A site inside an aligned 8 bytes",
} as const;

function markdownTable(site: Placement, models: readonly string[], rows: readonly Row[]): string {
	const line = (texts: readonly string[]): string => `| ${texts.join(" | ")} |\n`;
	const body = rows.map(({ protocol, cells }) => line([protocol, ...models.map((name) => outcome(cells.get(name)))]));
	return `\n## ${titles[site]}\n\n${line(["protocol", ...models])}${line(["---", ...models.map(() => "---:")])}${body.join("")}`;
}

function upTo(most: number): (text: string) => number {
	return whole(`Write a whole number from 1 to ${most}.`, 1, most);
}
