// `patchbay cost`: what updates cost over sites, CPUs and protocols, all sites together or one by one, by doing them.

import { type Command as CommandLine, InvalidArgumentError, Option } from "commander";
import { models, profiles } from "../../runtime/machine/index.ts";
import { protocols, type UpdateCost, updateCost } from "../../runtime/patch/index.ts";
import { type Command, ExitCode, writeJson } from "../command.ts";
import { plot } from "../plot.ts";
import { type Column, count, table } from "../table.ts";
import { progressLine, styled, type Terminal } from "../terminal.ts";

interface Options {
	readonly sites: readonly number[];
	readonly cpus: readonly number[];
	readonly protocol: readonly string[];
	readonly model: string;
	readonly profile: string;
}

interface Row {
	readonly protocol: string;
	readonly cpus: number;
	readonly sites: number;
	readonly unbatched: UpdateCost;
	readonly batched: UpdateCost;
}

const MOST_SITES = 4096;
const measurable = protocols.filter(({ requires }) => requires !== "quiet").map(({ name }) => name);

export const cost: Command<Options> = {
	name: "cost",
	operands: "",
	brief: "Measure what updates cost: sites × CPUs × protocol, all sites in one update or one by one.",
	examples: [
		["cost", "a table, and curves over the number of sites"],
		["cost --sites 56 --cpus 24 --protocol breakpoint", "the published case: 168 rounds of interrupts, or 3"],
		["cost --sites 1,10,100 --protocol breakpoint,stop-machine", "lists with commas"],
		["cost --profile xeon-vm", "with other costs of interrupts and traps"],
	],
	declare(line) {
		declareOptions(line);
	},
	async run(terminal, _, options) {
		const rows = measure(terminal, options);
		if (options.json) {
			await writeJson(terminal, "patchbay/cost@1", { model: options.model, profile: options.profile, rows });
			return ExitCode.ok;
		}
		const curves = options.sites.length > 1 ? drawCurves(terminal, options, rows) : [];
		await terminal.write(`${[...drawTable(terminal, rows), ...curves].join("\n")}\n`);
		return ExitCode.ok;
	},
};

function declareOptions(line: CommandLine): void {
	line.option("--sites <n,...>", "numbers of call sites", numbers(MOST_SITES), [1, 4, 16, 56]);
	line.option("--cpus <n,...>", "numbers of CPUs, each running a loop over all sites", numbers(256), [2, 24]);
	line.option("--protocol <name,...>", "how code is patched", parseProtocols, ["breakpoint", "stop-machine"]);
	line.addOption(
		new Option("--model <name>", "what hardware promises about instruction fetch")
			.choices(models.map(({ name }) => name))
			.default("x86"),
	);
	line.addOption(
		new Option("--profile <name>", "what things cost").choices(profiles.map(({ name }) => name)).default("in-order"),
	);
}

function measure(terminal: Terminal, options: Options): Row[] {
	const show = progressLine(terminal);
	const model = models.find(({ name }) => name === options.model)!;
	const profile = profiles.find(({ name }) => name === options.profile)!;
	const rows: Row[] = [];
	for (const name of options.protocol) {
		const protocol = protocols.find((one) => one.name === name)!;
		for (const cpus of options.cpus) {
			for (const sites of options.sites) {
				show(`${name}, ${cpus} CPUs, ${sites} sites`);
				const one = { sites, cpus, protocol, model, profile };
				const unbatched = updateCost({ ...one, batched: false });
				rows.push({ protocol: name, cpus, sites, unbatched, batched: updateCost({ ...one, batched: true }) });
			}
		}
	}
	show();
	return rows;
}

/** Each figure twice: one by one, together. */
const figures: readonly (readonly [keyof UpdateCost, string])[] = [
	["latency", "cycles"],
	["syncs", "syncs"],
	["interruptsPerCpu", "IPIs/CPU"],
	["stolenPerCpu", "stolen/CPU"],
	["traps", "traps"],
];

function drawTable(terminal: Terminal, rows: readonly Row[]): string[] {
	const pairs = figures.flatMap(([field, title]): Column<Row>[] => [
		{ title, align: "right", text: ({ unbatched }) => count(Math.round(unbatched[field])) },
		{ title: "batched", align: "right", text: ({ batched }) => count(Math.round(batched[field])) },
	]);
	const columns: Column<Row>[] = [
		{ title: "protocol", text: ({ protocol }) => protocol },
		{ title: "CPUs", align: "right", text: ({ cpus }) => count(cpus) },
		{ title: "sites", align: "right", text: ({ sites }) => count(sites) },
		...pairs,
	];
	return table(columns, rows, (text, _, row) => (row === undefined ? styled(terminal, "bold", text) : text));
}

/** Over the sites, at the most CPUs. */
function drawCurves(terminal: Terminal, { cpus, protocol: names }: Options, rows: readonly Row[]): string[] {
	const most = Math.max(...cpus);
	const size = { width: Math.max(20, Math.min(72, terminal.width - 30)), height: 12 };
	const curvesOf = (field: keyof UpdateCost) =>
		names.flatMap((name, i) => {
			const own = rows.filter((row) => row.protocol === name && row.cpus === most);
			const points = (how: "unbatched" | "batched") =>
				own.map((row): [number, number] => [row.sites, Math.max(1, row[how][field])]);
			const letter = String.fromCharCode(97 + (i % 26));
			return [
				{ name: `${name}, one by one`, mark: letter.toUpperCase(), points: points("unbatched") },
				{ name: `${name}, batched`, mark: letter, points: points("batched") },
			];
		});
	return [
		"",
		...plot(`cycles until an update is done, ${most} CPUs`, "sites", curvesOf("latency"), size),
		"",
		...plot(`cycles stolen from each of ${most} CPUs`, "sites", curvesOf("stolenPerCpu"), size),
	];
}

/** Ascending, each once. */
function numbers(most: number): (text: string) => number[] {
	return (text) => {
		const values = text.split(",").map(Number);
		const wrong = values.some((value) => !Number.isInteger(value) || value < 1 || value > most);
		if (wrong) throw new InvalidArgumentError(`Write numbers from 1 to ${most} with commas between.`);
		return [...new Set(values)].sort((a, b) => a - b);
	};
}

function parseProtocols(text: string): string[] {
	const names = text.split(",");
	const unknown = names.find((name) => !measurable.includes(name));
	if (unknown !== undefined)
		throw new InvalidArgumentError(`No protocol '${unknown}'; there are ${measurable.join(", ")}.`);
	return [...new Set(names)];
}
