// `patchbay layouts`: the same modules under every layout of the address space, side by side.

import { Option } from "commander";
import { percent } from "../../linker/percent.ts";
import { validate } from "../../linker/schema.ts";
import { compareLayouts, type LayoutResult } from "../../runtime/execmem/layouts/compare.ts";
import { layouts as known, type Region, withData } from "../../runtime/execmem/layouts/layout.ts";
import { LEGEND, pictureLines, pictureOfLayouts } from "../../runtime/execmem/layouts/picture.ts";
import { madeWorkload, type Workload, workloadSchema } from "../../runtime/execmem/layouts/workload.ts";
import { tlbShapes } from "../../runtime/machine/index.ts";
import { randomFrom } from "../../runtime/measure/index.ts";
import { profileOf, profileOption } from "../run/cost-profiles.ts";
import { type Command, ExitCode, writeJson } from "../shell/command.ts";
import { readJson, writeFile } from "../shell/files.ts";
import { whole } from "../shell/options.ts";
import { type Column, caution, count, plural, table } from "../shell/table.ts";

interface Options {
	readonly modules: number;
	readonly seed: number;
	readonly workload?: string;
	readonly near: number;
	readonly data?: Region["space"];
	readonly calls: number;
	readonly tlb: string;
	readonly miss: number;
	readonly distance: number;
	readonly profile: string;
	readonly picture?: true;
	readonly svg?: string;
	readonly record?: string;
	readonly json?: true;
}

const MIB = 2 ** 20;
const MOST_NEAR = 1024;
const MOST_MODULES = 5000;
const MOST_CALLS = 10_000_000;
const ROWS = 2;

export const layouts: Command<Options> = {
	name: "layouts",
	operands: "",
	brief: "Load the same modules into every layout of the address space: pages, holes, thunks, cycles.",
	examples: [
		["layouts", "two hundred modules that come and go"],
		["layouts --modules 1500 --near 64 --picture", "more than there is room for, drawn"],
		["layouts --workload loads.json --svg layouts.svg", "loads that were recorded"],
	],
	outputs: ["svg", "record"],
	declare(line) {
		line.option(
			"--modules <n>",
			"how many are loaded",
			whole(`Not a whole number from 1 to ${MOST_MODULES}.`, 1, MOST_MODULES),
			200,
		);
		line.option("--seed <n>", "what the modules and the calls are made from", whole("Not a positive whole number."), 1);
		line.option("--workload <file>", "loads and unloads from a JSON file (docs/schemas/module-loads.json) instead");
		line.option("--record <file>", "write the loads and unloads into such a file");
		line.option(
			"--near <MiB>",
			"room within reach of the image's calls",
			whole(`Not a whole number from 2 to ${MOST_NEAR}.`, 2, MOST_NEAR),
			120,
		);
		line.addOption(
			new Option("--data <space>", "where all data lies, instead of as each layout has it").choices(["near", "far"]),
		);
		line.option(
			"--calls <n>",
			"calls of modules' functions in the end",
			whole(`Not a whole number from 1 to ${MOST_CALLS}.`, 1, MOST_CALLS),
			200_000,
		);
		line.addOption(
			new Option("--tlb <processor>", "whose instruction TLB")
				.choices(tlbShapes.map(({ name }) => name))
				.default("Skylake"),
		);
		line.option("--miss <cycles>", "what a miss of it costs", whole("Not a positive whole number."), 20);
		line.option(
			"--distance <n>",
			"of the far space's memory, 10 being the CPU's own node",
			whole("Not a whole number from 10 to 255.", 10, 255),
			10,
		);
		line.addOption(profileOption);
		line.option("--picture", "draw the space within reach, too");
		line.option("--svg <file>", "draw it into a file");
	},
	async run(terminal, _, options) {
		const workload = workloadOf(options);
		if (options.record !== undefined) writeFile(options.record, `${JSON.stringify(workload, null, "\t")}\n`);
		const { near, calls, miss, distance, data, seed } = options;
		const setting = {
			near: near * MIB,
			profile: profileOf(options.profile),
			tlb: tlbShapes.find(({ name }) => name === options.tlb)!,
			miss,
			farDistance: distance,
			calls,
			random: () => randomFrom(seed),
		};
		const chosen = data === undefined ? known : known.map((layout) => withData(layout, data));
		const results = compareLayouts(chosen, workload, setting, options.workload);
		if (options.svg !== undefined) writeFile(options.svg, pictureOfLayouts(results));
		if (options.json) {
			const rows = results.map(({ layout, space: _, ...row }) => ({ layout: layout.name, ...row }));
			await writeJson(terminal, "patchbay/layouts@1", { layouts: rows });
			return ExitCode.ok;
		}
		const drawn = options.picture ? results.flatMap((result) => ["", ...drawing(result, terminal.width)]) : [];
		await terminal.write(
			`${[...textOf(results, options), ...drawn, ...(options.picture ? [LEGEND] : [])].join("\n")}\n`,
		);
		return ExitCode.ok;
	},
};

function workloadOf({ workload, modules, seed }: Options): Workload {
	if (workload === undefined) return madeWorkload(modules, randomFrom(seed));
	return validate(workloadSchema, readJson(workload), workload) as Workload;
}

const kib = (bytes: number): string => count(Math.round(bytes / 1024));
const share = (part: number, of: number): string => (of === 0 ? "-" : percent(part / of));

const columns: readonly Column<LayoutResult>[] = [
	{ title: "layout", text: ({ layout }) => layout.name },
	{ title: "refused", align: "right", text: ({ refused }) => count(refused) },
	{ title: "KiB", align: "right", text: ({ bytes }) => kib(bytes) },
	{ title: "mapped", align: "right", text: ({ mapped }) => kib(mapped) },
	{ title: "holes", align: "right", text: ({ holes }) => count(holes) },
	{ title: "longest", align: "right", text: ({ longestHole }) => kib(longestHole) },
	{ title: "init reused", align: "right", text: ({ reused, left }) => share(reused, left) },
	{ title: "text pages 2M", align: "right", text: ({ textPages }) => count(textPages.large) },
	{ title: "4K", align: "right", text: ({ textPages }) => count(textPages.small) },
	{ title: "thunks", align: "right", text: ({ thunks, directCalls }) => share(thunks, directCalls) },
	{
		title: "misses/1,000",
		align: "right",
		text: ({ misses, instructions }) => ((1000 * misses) / Math.max(1, instructions)).toFixed(2),
	},
	{ title: "cycles", align: "right", text: ({ cycles }) => count(Math.round(cycles.all)) },
];

function textOf(results: readonly LayoutResult[], { calls, near, tlb, miss }: Options): string[] {
	const loads = results[0]?.loads ?? 0;
	return [
		`${plural(loads, "load")}, ${count(near)} MiB within reach; then ${plural(calls, "call")}, instruction TLB of ${tlb}, ${miss} cycles a miss`,
		"",
		...table(columns, results),
		...caution(calls),
		"",
		...results.map(({ layout }) => `${layout.name}: ${layout.brief} (${layout.source})`),
	];
}

function drawing(result: LayoutResult, width: number): string[] {
	return [result.layout.name, ...pictureLines(result, Math.min(width, 120), ROWS)];
}
