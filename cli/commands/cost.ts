// `patchbay cost`: what updates cost over sites, CPUs and protocols, all sites together or one by one, by doing them.

import { type Command as CommandLine, InvalidArgumentError, Option } from "commander";
import { type CostProfile, models, profiles } from "../../runtime/machine/index.ts";
import {
	type PassCost,
	passCosts,
	type SiteFamily,
	siteFamilies,
	type UpdateCost,
	updateCost,
} from "../../runtime/measure/index.ts";
import { protocols } from "../../runtime/patch/index.ts";
import { drawHits, type HitCost, hitCosts } from "../compare/hit-costs.ts";
import { type Command, ExitCode, writeJson } from "../shell/command.ts";
import { plot } from "../shell/plot.ts";
import { type Column, count, table } from "../shell/table.ts";
import { progressLine, styled, type Terminal } from "../shell/terminal.ts";

interface Options {
	readonly kind: readonly SiteFamily[];
	readonly sites: readonly number[];
	readonly cpus: readonly number[];
	readonly protocol: readonly string[];
	readonly model: string;
	readonly profile: string;
}

interface Row {
	readonly kind: SiteFamily;
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
		["cost --kind label --sites 56 --cpus 24", "the same of static keys, which is what was published"],
		["cost --sites 1,10,100 --protocol breakpoint,stop-machine", "lists with commas"],
		["cost --profile xeon-vm", "with other costs of interrupts and traps"],
	],
	declare(line) {
		declareOptions(line);
	},
	async run(terminal, _, options) {
		const rows = measure(terminal, options);
		if (options.json) {
			const { model, profile } = options;
			const passes = passCosts(profileNamed(profile));
			await writeJson(terminal, "patchbay/cost@1", { model, profile, rows, passes, hits: hitsOf(options) });
			return ExitCode.ok;
		}
		const curves = options.sites.length > 1 ? drawCurves(terminal, options, rows) : [];
		const lines = [...drawTable(terminal, rows), ...published(rows), ...curves, "", ...drawPasses(terminal, options)];
		lines.push("", ...drawHits(terminal, hitsOf(options)));
		await terminal.write(`${lines.join("\n")}\n`);
		return ExitCode.ok;
	},
};

function declareOptions(line: CommandLine): void {
	line.option("--kind <name,...>", `what is patched: ${siteFamilies.join(", ")}`, parseFamilies, ["call"]);
	line.option("--sites <n,...>", "numbers of sites", numbers(MOST_SITES), [1, 4, 16, 56]);
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
	const profile = profileNamed(options.profile);
	const rows = casesOf(options).map(({ kind, name, cpus, sites }): Row => {
		show(`${kind}, ${name}, ${cpus} CPUs, ${sites} sites`);
		const protocol = protocols.find((one) => one.name === name)!;
		const one = { family: kind, sites, cpus, protocol, model, profile };
		const [unbatched, batched] = [updateCost({ ...one, batched: false }), updateCost({ ...one, batched: true })];
		return { kind, protocol: name, cpus, sites, unbatched, batched };
	});
	show();
	return rows;
}

function casesOf({ kind: kinds, protocol, cpus: crowds, sites: counts }: Options) {
	return kinds.flatMap((kind) =>
		protocol.flatMap((name) => crowds.flatMap((cpus) => counts.map((sites) => ({ kind, name, cpus, sites })))),
	);
}

function hitsOf({ profile, model }: Options): HitCost[] {
	return hitCosts(profileNamed(profile), models.find(({ name }) => name === model)!);
}

function profileNamed(name: string): CostProfile {
	return profiles.find((profile) => profile.name === name)!;
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
	const kinds = new Set(rows.map(({ kind }) => kind)).size > 1;
	const columns: Column<Row>[] = [
		...(kinds ? [{ title: "kind", text: ({ kind }: Row) => kind }] : []),
		{ title: "protocol", text: ({ protocol }) => protocol },
		{ title: "CPUs", align: "right", text: ({ cpus }) => count(cpus) },
		{ title: "sites", align: "right", text: ({ sites }) => count(sites) },
		...pairs,
	];
	return table(columns, rows, (text, _, row) => (row === undefined ? styled(terminal, "bold", text) : text));
}

/** What was measured on a real machine, where the same case is in the table. */
function published(rows: readonly Row[]): string[] {
	if (!rows.some(({ kind, sites, cpus }) => kind === "label" && sites === 56 && cpus === 24)) return [];
	return [
		"",
		"Published for 56 branches of a static key, Xeon with 24 CPUs (Bristot, 2019): 57 ms one by one, 1.4 ms in a batch;",
		"168 interrupts per CPU, or 3.",
	];
}

function drawPasses(terminal: Terminal, { profile }: Options): string[] {
	const columns: Column<PassCost>[] = [
		{ title: "passing a site, undisturbed", text: ({ site }) => site },
		{ title: "cycles more", align: "right", text: ({ cycles }) => cycles.toFixed(2) },
	];
	return table(columns, passCosts(profileNamed(profile)), (text, _, row) =>
		row === undefined ? styled(terminal, "bold", text) : text,
	);
}

/** Over the sites, at the most CPUs. */
function drawCurves(
	terminal: Terminal,
	{ cpus, protocol: names, kind: kinds }: Options,
	rows: readonly Row[],
): string[] {
	const most = Math.max(...cpus);
	const size = { width: Math.max(20, Math.min(72, terminal.width - 30)), height: 12 };
	const curvesOf = (field: keyof UpdateCost) =>
		kinds
			.flatMap((kind) => names.map((name) => ({ kind, name })))
			.flatMap(({ kind, name: protocol }, i) => {
				const name = kinds.length > 1 ? `${kind}, ${protocol}` : protocol;
				const own = rows.filter((row) => row.kind === kind && row.protocol === protocol && row.cpus === most);
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

function parseFamilies(text: string): SiteFamily[] {
	const names = text.split(",");
	const unknown = names.find((name) => !siteFamilies.some((family) => family === name));
	if (unknown !== undefined) throw new InvalidArgumentError(`No '${unknown}'; there are ${siteFamilies.join(", ")}.`);
	return siteFamilies.filter((family) => names.includes(family));
}

function parseProtocols(text: string): string[] {
	const names = text.split(",");
	const unknown = names.find((name) => !measurable.includes(name));
	if (unknown !== undefined)
		throw new InvalidArgumentError(`No protocol '${unknown}'; there are ${measurable.join(", ")}.`);
	return [...new Set(names)];
}
