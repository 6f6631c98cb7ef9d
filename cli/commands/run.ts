// `patchbay run`: runs a program on the simulated machine. Its own lines, and nothing else, go to standard output.

import { InvalidArgumentError, Option } from "commander";
import { load } from "../../runtime/load.ts";
import { Cpu, getCounter, profiles, ticksToCycles } from "../../runtime/machine/index.ts";
import { createSystem, early, protocols, type RunEnd, type System } from "../../runtime/patch/index.ts";
import { type BuildOptions, declareBuildOptions, loadImage } from "../build.ts";
import { type Command, ExitCode, writeJson } from "../command.ts";
import { execute } from "../execute.ts";
import { describeTrap } from "../faults.ts";
import { parseRetarget, type Retarget, retargetAtLoad } from "../retarget.ts";
import { count, plural } from "../table.ts";
import type { Terminal } from "../terminal.ts";

interface Options extends BuildOptions {
	readonly set?: readonly Retarget[];
	readonly protocol: string;
	readonly profile: string;
	readonly maxCycles?: number;
	readonly stats?: true;
}

/** `early` is for bytes that nobody runs: it is what `--set` without a cycle uses. */
const runningProtocols = protocols.filter((protocol) => protocol !== early);

export const profileOption = new Option("--profile <name>", "what instructions cost")
	.choices(profiles.map(({ name }) => name))
	.default(profiles[0]!.name);

export const run: Command<Options> = {
	name: "run",
	operands: "<files...>",
	brief: "Run an image, or link sources and objects in memory and run the result.",
	examples: [
		["run pick.js", "compile, link, run"],
		["run pick.elf --stats", "and say how long it took"],
		["run pick.js --set pick=deadline", "retarget before the start"],
		["run pick.js --set pick=deadline@5000", "retarget at cycle 5000, under the running program"],
		["run trace.js --set hook=null", "null, ret0 and default are targets too"],
	],
	declare(line) {
		line.option("--set <key=function[@cycle]>", "retarget a static call; may be given again", parseRetarget);
		declareBuildOptions(line);
		line.addOption(
			new Option("--protocol <name>", "how code is patched while it runs")
				.choices(runningProtocols.map(({ name }) => name))
				.default(runningProtocols[0]!.name),
		);
		line.addOption(profileOption);
		line.option("--max-cycles <n>", "give up after so many cycles, with exit code 4", parseCycles);
		line.option("--stats", "print a summary to standard error");
	},
	async run(terminal, files, options) {
		const image = loadImage(files, options);
		const profile = profiles.find(({ name }) => name === options.profile)!;
		const protocol = protocols.find(({ name }) => name === options.protocol)!;
		const system = createSystem(load(image, { profile }), image, protocol);
		retargetAtLoad(system, options.set ?? []);
		const lines: string[] = [];
		const end = await execute(system, {
			retargets: options.set ?? [],
			maxCycles: options.maxCycles,
			print: async (more) => {
				if (options.json) lines.push(...more);
				else if (more.length > 0) await terminal.write(`${more.join("\n")}\n`);
			},
		});
		if (options.json) {
			await writeJson(terminal, "patchbay/run@1", { output: lines, end: describeEnd(system, end), ...figures(system) });
		}
		if (options.stats) terminal.note(summary(system));
		for (const late of options.set ?? []) noteLate(terminal, system, end, late);
		return conclude(terminal, system, end, options);
	},
};

/** An update that was due after the program had ended had nothing to do. */
function noteLate(terminal: Terminal, system: System, { kind }: RunEnd, { text, cycle }: Retarget): void {
	const { cycles } = figures(system);
	if (cycle === undefined || kind !== "halted" || cycles >= cycle) return;
	terminal.note(`--set ${text}: the program had ended by then, at cycle ${count(cycles)}\n`);
}

/** Says on standard error what went wrong, if anything did. */
function conclude(terminal: Terminal, system: System, end: RunEnd, { maxCycles }: Options): ExitCode {
	const { name } = system.image;
	switch (end.kind) {
		case "halted":
			return ExitCode.ok;
		case "trapped":
			terminal.note(`${describeTrap(system, end)}\n`);
			return ExitCode.violation;
		case "refused":
			terminal.note(`${name}: update refused: ${end.why}\n`);
			return ExitCode.violation;
		case "stuck":
			terminal.note(`${name}: every CPU waits for an interrupt, and none will come\n`);
			return ExitCode.violation;
		case "limit":
			terminal.note(`${name}: not done after ${count(maxCycles!)} cycles (--max-cycles)\n`);
			return ExitCode.bound;
	}
}

function figures({ machine, counts }: System) {
	const { ticks, ...patching } = counts;
	return {
		cycles: ticksToCycles(getCounter(machine, 0, Cpu.clock)),
		instructions: getCounter(machine, 0, Cpu.instructions),
		patching: { ...patching, cycles: ticksToCycles(ticks) },
	};
}

function describeEnd(system: System, end: RunEnd): object {
	return end.kind === "trapped" ? { ...end, message: describeTrap(system, end) } : end;
}

function summary(system: System): string {
	const { cycles, instructions, patching } = figures(system);
	const { updates, sites, stores, syncs, traps } = patching;
	const work = [plural(sites, "site"), plural(stores, "store"), plural(syncs, "sync"), plural(traps, "trap")].join(
		", ",
	);
	return [
		`${plural(cycles, "cycle")}, ${plural(instructions, "instruction")}\n`,
		`${plural(updates, "update")} in ${plural(patching.cycles, "cycle")}: ${work}\n`,
	].join("");
}

function parseCycles(text: string): number {
	const value = Number(text);
	if (!Number.isSafeInteger(value) || value <= 0) throw new InvalidArgumentError("Not a positive whole number.");
	return value;
}
