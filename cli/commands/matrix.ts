// `patchbay matrix`: the verdict of every protocol on every model, as a table.

import { Option } from "commander";
import { askedSchema, listOf, objectOf, recordOf, type Schema, text, yesOrNo } from "../../linker/schema.ts";
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
import { modelNames, modelOf } from "../run/models.ts";
import { namesOf, protocolOf } from "../run/protocols.ts";
import { type Command, type CommonOptions, ExitCode, writeJson } from "../shell/command.ts";
import { texts } from "../shell/options.ts";
import { type Asked, declareResume, readReport } from "../shell/resume.ts";
import { type Stopped, stoppable } from "../shell/stop.ts";
import { plural, table } from "../shell/table.ts";
import type { Terminal } from "../shell/terminal.ts";

interface Options {
	readonly protocol?: readonly string[];
	readonly model?: readonly string[];
	readonly cpus: string;
	readonly fills?: true;
	readonly markdown?: true;
	readonly resume?: string;
}

export const matrix: Command<Options> = {
	name: "matrix",
	operands: "",
	brief: "Check every protocol on every model, for every kind of site and number of CPUs.",
	examples: [
		["matrix --protocol breakpoint --cpus 2", "one protocol, up to two CPUs"],
		["matrix --protocol mine.json --model x86-tso mine-too.json", "a protocol and a machine of one's own"],
		["matrix --resume stopped.json --json", "go on where Ctrl-C stopped `matrix --json`"],
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
			]),
		);
		line.option("--markdown", "as the page of the documentation");
		declareResume(line);
	},
	async run(terminal, _operands, options) {
		if (options.fills === true) return showFills(terminal, options);
		const of: Required<Extent> = {
			protocols: options.protocol?.map((name) => protocolOf(name, matrixProtocols)) ?? matrixProtocols,
			models: options.model?.map(modelOf) ?? tabulated,
			most: Number(options.cpus),
		};
		const cells = matrixCells(of);
		const known = knownRows(options);
		const left = cells.filter((cell) => !known.has(rowOf(cell)));
		const { has: verdicts, wasStopped } = await stoppable((stopped) => checkCells(terminal, left, stopped));
		if (wasStopped) terminal.note(`stopped after ${verdicts.length} of ${plural(left.length, "cell")}\n`);
		const whole = wholeRows(left, verdicts.length);
		const made = matrixRows(
			left.filter((_, i) => whole(i)),
			verdicts.filter((_, i) => whole(i)),
		);
		const all = new Map([...known, ...made.map((row) => [nameOf(row), row] as const)]);
		const rows = [...new Set(cells.map(rowOf))].flatMap((name) => all.get(name) ?? []);
		if (options.json === true)
			await writeJson(terminal, MATRIX_SCHEMA, { rows, asked: askedOf(options), ...(wasStopped && { stopped: true }) });
		else if (options.markdown === true) await terminal.write(matrixMarkdown(rows, of.protocols));
		else if (rows.length > 0) {
			const titles = [...new Set(rows.flatMap(({ outcomes }) => Object.keys(outcomes)))];
			const columns = [
				{ title: "protocol", text: (row: (typeof rows)[number]) => row.protocol },
				{ title: "model", text: (row: (typeof rows)[number]) => row.model },
				...titles.map((title) => ({ title, text: (row: (typeof rows)[number]) => row.outcomes[title] ?? "" })),
			];
			await terminal.write(`${table(columns, rows).join("\n")}\n`);
		}
		return wasStopped ? ExitCode.stopped : ExitCode.ok;
	},
};

const MATRIX_SCHEMA = "patchbay/matrix@1";

/** What `matrix --json` writes. */
export const matrixSchema: Schema = objectOf(
	{
		schema: { const: MATRIX_SCHEMA },
		rows: listOf(objectOf({ protocol: text, model: text, outcomes: recordOf(text) })),
		asked: askedSchema,
		stopped: yesOrNo,
	},
	["schema", "rows", "asked"],
);

function askedOf({ protocol, model, cpus }: Options): Asked {
	return { protocol, model, cpus };
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
	const verdicts: Verdict[] = [];
	for (const cell of cells) {
		if (await stopped()) break;
		verdicts.push(checkCell(cell));
		if (verdicts.length % 200 === 0) terminal.note(`${verdicts.length} of ${cells.length} cells\n`);
	}
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
