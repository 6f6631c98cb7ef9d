// `patchbay cost`: what updates cost over sites, CPUs and protocols, all sites together or one by one, by doing them.

import { type Command as CommandLine, InvalidArgumentError } from "commander";
import type { CostProfile, Model } from "../../runtime/machine/index.ts";
import {
	PASSES,
	type PassCost,
	passCosts,
	type SiteFamily,
	siteFamilies,
	type UpdateCost,
	updateCost,
} from "../../runtime/measure/index.ts";
import type { Protocol } from "../../runtime/patch/index.ts";
import { drawHits, hitCosts } from "../compare/hit-costs.ts";
import { profileOf, profileOption } from "../run/cost-profiles.ts";
import { modelOf, modelOption } from "../run/models.ts";
import { namesOf, protocolOf, running } from "../run/protocols.ts";
import { type Command, ExitCode, writeJson } from "../shell/command.ts";
import { listOf, whole } from "../shell/options.ts";
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

/** What is measured on what, read from the options. */
interface Wanted extends Pick<Options, "kind" | "sites" | "cpus"> {
	readonly protocols: readonly Protocol[];
	readonly model: Model;
	readonly profile: CostProfile;
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

export const cost: Command<Options> = {
	name: "cost",
	operands: "",
	brief: "Measure what updates cost: sites × CPUs × protocol, all sites in one update or one by one.",
	examples: [
		["cost", "a table, and curves over the number of sites"],
		["cost --sites 56 --cpus 24 --protocol breakpoint --profile in-order", "the published case: 168 syncs, or 3"],
		[
			"cost --kind label --sites 56 --cpus 24 --profile in-order",
			"the same of static keys, which is what was published",
		],
		["cost --sites 1,10,100 --protocol breakpoint,stop-machine", "lists with commas"],
		["cost --profile in-order", "with other costs of interrupts and traps"],
	],
	declare(line) {
		declareOptions(line);
	},
	async run(terminal, _, options) {
		const wanted = wantedBy(options);
		const { model, profile } = wanted;
		const rows = measure(terminal, wanted);
		const passes = passCosts(profile);
		const hits = hitCosts(profile, model);
		if (options.json) {
			const names = { model: model.name, profile: profile.name };
			await writeJson(terminal, "patchbay/cost@1", { ...names, rows, passes, hits });
			return ExitCode.ok;
		}
		const curves = wanted.sites.length > 1 ? drawCurves(terminal, wanted, rows) : [];
		const head = `One update of all sites (batched), or one of each, on ${model.name}, ${profile.name}`;
		const lines = [
			head,
			...drawTable(terminal, rows),
			...published(rows),
			...curves,
			"",
			...drawPasses(terminal, passes),
		];
		lines.push("", ...drawHits(terminal, hits));
		await terminal.write(`${lines.join("\n")}\n`);
		return ExitCode.ok;
	},
};

function declareOptions(line: CommandLine): void {
	const list = <T>(flags: string, what: string, parseOne: (text: string) => T, byDefault: readonly T[]) =>
		line.option(flags, what, listOf(parseOne, byDefault), byDefault as T[]);
	list("--kind <name,...>", `what is patched: ${siteFamilies.join(", ")}`, parseFamily, ["call"]);
	list("--sites <n,...>", "numbers of sites", numbers(MOST_SITES), [1, 4, 16]);
	list("--cpus <n,...>", "numbers of CPUs, each running a loop over all sites", numbers(256), [2, 8]);
	list("--protocol <name,...>", `how code is patched: ${namesOf(running)}`, String, ["breakpoint", "stop-machine"]);
	line.addOption(modelOption);
	line.addOption(profileOption);
}

function wantedBy({ kind, sites, cpus, protocol, model, profile }: Options): Wanted {
	const protocols = [...new Set(protocol)].map((name) => protocolOf(name));
	return {
		kind: siteFamilies.filter((family) => kind.includes(family)),
		sites: ascending(sites),
		cpus: ascending(cpus),
		protocols,
		model: modelOf(model),
		profile: profileOf(profile),
	};
}

function measure(terminal: Terminal, wanted: Wanted): Row[] {
	const show = progressLine(terminal);
	const { model, profile } = wanted;
	const rows = casesOf(wanted).map(({ kind, protocol, cpus, sites }): Row => {
		const { name } = protocol;
		show(`${kind}, ${name}, ${cpus} CPUs, ${sites} sites`);
		const one = { family: kind, sites, cpus, protocol, model, profile };
		const [unbatched, batched] = [updateCost({ ...one, batched: false }), updateCost({ ...one, batched: true })];
		return { kind, protocol: name, cpus, sites, unbatched, batched };
	});
	show();
	return rows;
}

function casesOf({ kind: kinds, protocols, cpus: crowds, sites: counts }: Wanted) {
	return kinds.flatMap((kind) =>
		protocols.flatMap((protocol) => crowds.flatMap((cpus) => counts.map((sites) => ({ kind, protocol, cpus, sites })))),
	);
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

function drawPasses(terminal: Terminal, passes: readonly PassCost[]): string[] {
	const columns: Column<PassCost>[] = [
		{ title: `passing a site, undisturbed, mean of ${count(PASSES)}`, text: ({ site }) => site },
		{ title: "cycles more", align: "right", text: ({ cycles }) => cycles.toFixed(2) },
	];
	return table(columns, passes, (text, _, row) => (row === undefined ? styled(terminal, "bold", text) : text));
}

/** Over the sites, at the most CPUs. */
function drawCurves(terminal: Terminal, { cpus, protocols, kind: kinds }: Wanted, rows: readonly Row[]): string[] {
	const most = Math.max(...cpus);
	const size = { width: Math.max(20, Math.min(72, terminal.width - 30)), height: 12 };
	const curvesOf = (field: keyof UpdateCost) =>
		kinds
			.flatMap((kind) => protocols.map(({ name: protocol }) => ({ kind, protocol })))
			.flatMap(({ kind, protocol }, i) => {
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
	const drawn = (what: string, field: keyof UpdateCost): string[] =>
		plot({ plot: `Cycles ${what}`, x: "sites", y: "cycles" }, curvesOf(field), size);
	return [
		"",
		...drawn(`until an update is done, ${most} CPUs`, "latency"),
		"",
		...drawn(`stolen from each of ${most} CPUs`, "stolenPerCpu"),
	];
}

/** The numbers in their order, each once. */
function ascending(numbers: readonly number[]): number[] {
	return [...new Set(numbers)].sort((a, b) => a - b);
}

function numbers(most: number): (text: string) => number {
	return whole(`Write numbers from 1 to ${most} with commas between.`, 1, most);
}

function parseFamily(text: string): SiteFamily {
	const family = siteFamilies.find((each) => each === text);
	if (family === undefined) throw new InvalidArgumentError(`No '${text}'; there are ${siteFamilies.join(", ")}.`);
	return family;
}
