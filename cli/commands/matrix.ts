// `patchbay matrix`: the verdict of every protocol on every model, as a table.

import { Option } from "commander";
import {
	askedSchema,
	listOf,
	objectOf,
	partsSchema,
	recordOf,
	type Schema,
	text,
	validate,
	yesOrNo,
} from "../../linker/schema.ts";
import {
	type Cell,
	checkCell,
	type Extent,
	type FillRow,
	fillMarkdown,
	fillRows,
	type MatrixRow,
	matrixCells,
	matrixMarkdown,
	matrixProtocols,
	matrixRows,
	tabulated,
	type Verdict,
} from "../../runtime/check/index.ts";
import type { Protocol } from "../../runtime/patch/index.ts";
import { modelNames, modelOf } from "../run/models.ts";
import { namesOf, protocolOf } from "../run/protocols.ts";
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
import { type Command, type CommonOptions, ExitCode, writeJson } from "../shell/command.ts";
import { texts } from "../shell/options.ts";
import { type Asked, declareResume, readReport } from "../shell/resume.ts";
import { type Stopped, stoppable } from "../shell/stop.ts";
import { type Column, plural, table } from "../shell/table.ts";
import type { Terminal } from "../shell/terminal.ts";

interface Options {
	readonly protocol?: readonly string[];
	readonly model?: readonly string[];
	readonly cpus: string;
	readonly fills?: true;
	readonly markdown?: true;
	readonly resume?: string;
	readonly shard?: Shard;
	readonly jobs: number;
}

const MATRIX_SCHEMA = "patchbay/matrix@1";

export const matrix: Command<Options> = {
	name: "matrix",
	operands: "",
	brief: "Check every protocol on every model, for every kind of site and number of CPUs.",
	examples: [
		["matrix --protocol breakpoint --cpus 2", "one protocol, up to two CPUs"],
		["matrix --protocol mine.json --model x86-tso mine-too.json", "a protocol and a machine of one's own"],
		["matrix --resume stopped.json --json", "go on where Ctrl-C stopped `matrix --json`"],
		["matrix --jobs 4", "in four processes at once"],
		["matrix --shard 3/8 --json > 3.json", "one part of eight, on any machine; `merge` joins them"],
		["matrix --fills", "every way to fill memory instead, whole and without each phase"],
		["matrix --markdown > docs/verdicts.md", "the page of the documentation (a minute)"],
	],
	declare(line) {
		line.option("--protocol <name...>", `these protocols only: ${namesOf(matrixProtocols)}`, texts);
		line.option("--model <name...>", `these models only: ${modelNames}`, texts);
		line.addOption(new Option("--cpus <n>", "up to so many CPUs").choices(["1", "2", "3"]).default("3"));
		line.addOption(
			new Option("--fills", "fills of memory instead of protocols, with one CPU").conflicts([
				"protocol",
				"cpus",
				"resume",
				"shard",
				"jobs",
			]),
		);
		line.option("--markdown", "as the page of the documentation");
		declareResume(line);
		declareParts(line, "rows");
	},
	async run(terminal, _operands, options) {
		if (options.fills === true) return showFills(terminal, options);
		const { has: report, wasStopped } = await stoppable<MatrixReport>(async (stopped) =>
			options.jobs > 1
				? joinJobs(matrixCampaign, await inJobs(terminal, WHAT, options, stopped), options.shard)
				: { rows: await checkRows(terminal, options, stopped), asked: askedOf(options) },
		);
		if (wasStopped) noteStopped(terminal, `after ${plural(report.rows.length, "row")}`);
		return finish(terminal, matrixCampaign, { ...report, ...(wasStopped && { stopped: true }) }, options);
	},
};

/** What is counted. */
const WHAT = "cells";

/** What `matrix --json` writes, but for the schema. */
interface MatrixReport extends Report {
	readonly rows: readonly MatrixRow[];
}

/** The rows of all parts, in the order of the whole table. */
export const matrixCampaign: Campaign<MatrixReport> = {
	schema: MATRIX_SCHEMA,
	read: (value, file) => validate(matrixSchema, value, file),
	join: (parts) => ({ rows: dealtBack(parts.map(({ rows }) => rows)) }),
	async show(terminal, { rows, asked }, { markdown }) {
		if (markdown === true) await terminal.write(matrixMarkdown(rows, protocolsOf(asked?.protocol as string[])));
		else if (rows.length > 0) await terminal.write(`${table(columnsOf(rows), rows).join("\n")}\n`);
	},
	exitCode: () => ExitCode.ok,
};

function columnsOf(rows: readonly MatrixRow[]): Column<MatrixRow>[] {
	const titles = [...new Set(rows.flatMap(({ outcomes }) => Object.keys(outcomes)))];
	return [
		{ title: "protocol", text: ({ protocol }) => protocol },
		{ title: "model", text: ({ model }) => model },
		...titles.map((title): Column<MatrixRow> => ({ title, text: ({ outcomes }) => outcomes[title] ?? "" })),
	];
}

function protocolsOf(names: readonly string[] | undefined): readonly Protocol[] {
	return names?.map((name) => protocolOf(name, matrixProtocols)) ?? matrixProtocols;
}

/** The rows that fall to this part; of a search that was stopped, those that were checked to the end. */
async function checkRows(terminal: Terminal, options: Options, stopped: Stopped): Promise<MatrixRow[]> {
	const of: Required<Extent> = {
		protocols: protocolsOf(options.protocol),
		models: options.model?.map(modelOf) ?? tabulated,
		most: Number(options.cpus),
	};
	const cells = matrixCells(of);
	const names = mine([...new Set(cells.map(rowOf))], options.shard);
	const known = knownRows(options);
	const left = cells.filter((cell) => names.includes(rowOf(cell)) && !known.has(rowOf(cell)));
	const verdicts = await checkCells(terminal, left, stopped);
	const whole = wholeRows(left, verdicts.length);
	const made = matrixRows(
		left.filter((_, i) => whole(i)),
		verdicts.filter((_, i) => whole(i)),
	);
	const all = new Map([...known, ...made.map((row) => [nameOf(row), row] as const)]);
	return names.flatMap((name) => all.get(name) ?? []);
}

/** What `matrix --json` writes. */
export const matrixSchema: Schema = objectOf(
	{
		schema: { const: MATRIX_SCHEMA },
		rows: listOf(objectOf({ protocol: text, model: text, outcomes: recordOf(text) })),
		asked: askedSchema,
		stopped: yesOrNo,
		parts: partsSchema,
	},
	["schema", "rows", "asked"],
);

function askedOf({ protocol, model, cpus, shard }: Options): Asked {
	return { protocol, model, cpus, shard: shardText(shard) };
}

/** Rows of the campaign that goes on, by name. Those of files are made again: a file may have changed. */
function knownRows(options: Options): ReadonlyMap<string, MatrixRow> {
	if (options.resume === undefined) return new Map();
	const { rows } = readReport<{ rows: readonly MatrixRow[]; asked: Asked }>(
		options.resume,
		matrixSchema,
		askedOf(options),
	);
	const ours = [...matrixProtocols, ...tabulated].map(({ name }) => name);
	const lasting = rows.filter(({ protocol, model }) => ours.includes(protocol) && ours.includes(model));
	return new Map(lasting.map((row) => [nameOf(row), row]));
}

function nameOf({ protocol, model }: Pick<MatrixRow, "protocol" | "model">): string {
	return `${protocol} on ${model}`;
}

const rowOf = ({ protocol, model }: Cell): string => nameOf({ protocol: protocol.name, model: model.name });

/** Which cells belong to rows that were checked to the end: a row says nothing of what was left out.
 * @param checked how many cells were */
function wholeRows(cells: readonly Cell[], checked: number): (index: number) => boolean {
	const unfinished = new Set(cells.slice(checked).map(rowOf));
	return (index) => !unfinished.has(rowOf(cells[index]!));
}

/** The verdicts of the cells, in their order, until somebody says stop. */
async function checkCells(terminal: Terminal, cells: readonly Cell[], stopped: Stopped): Promise<Verdict[]> {
	const progress = campaignProgress(terminal, WHAT);
	const verdicts: Verdict[] = [];
	for (const cell of cells) {
		if (await stopped()) break;
		progress(verdicts.length, cells.length, rowOf(cell));
		verdicts.push(checkCell(cell));
	}
	progress();
	return verdicts;
}

async function showFills(terminal: Terminal, { model, json, markdown }: Options & CommonOptions): Promise<ExitCode> {
	const models = model?.map(modelOf) ?? tabulated;
	const rows = fillRows(models);
	if (json === true) await writeJson(terminal, "patchbay/fills@1", { models: models.map(({ name }) => name), rows });
	else if (markdown === true) await terminal.write(fillMarkdown(rows, models));
	else {
		const columns = [
			{ title: "fill", text: (row: FillRow) => row.fill },
			{ title: "without", text: (row: FillRow) => row.text },
			...models.map(({ name }, i) => ({ title: name, text: (row: FillRow) => row.outcomes[i]! })),
		];
		await terminal.write(`${table(columns, rows).join("\n")}\n`);
	}
	return ExitCode.ok;
}
