// `patchbay stress`: random calls of executable memory under running CPUs, every invariant looked at after each; a failure
// is made as short as it can be.

import { type Command as CommandLine, Option } from "commander";
import { LinkError } from "../../linker/errors.ts";
import { validate } from "../../linker/schema.ts";
import { models } from "../../runtime/machine/index.ts";
import type { StressCounts } from "../../runtime/measure/index.ts";
import {
	minimise,
	runStress,
	STRESS_SCHEMA,
	type StressCall,
	type StressCase,
	stressCase,
	stressSchema,
} from "../../runtime/measure/index.ts";
import { type Command, ExitCode, writeJson } from "../shell/command.ts";
import { readJson } from "../shell/files.ts";
import { whole } from "../shell/options.ts";
import { type Asked, declareResume, readReport } from "../shell/resume.ts";
import { type Stopped, stoppable } from "../shell/stop.ts";
import { count, plural } from "../shell/table.ts";
import { progressLine, type Terminal } from "../shell/terminal.ts";

interface Options {
	readonly seed: number;
	readonly cases: number;
	readonly calls: number;
	readonly model?: string;
	readonly replay?: string;
	readonly resume?: string;
}

/** A case that failed, as short as it can be. */
interface Failed {
	readonly what: string;
	readonly case: StressCase;
}

export const stress: Command<Options> = {
	name: "stress",
	operands: "",
	brief: "Allocate, write, execute, patch, load, unload and free at random; look at every invariant after each call.",
	examples: [
		["stress", "some cases of all kinds (half a minute)"],
		["stress --seed 1 --cases 1000 --calls 1000", "for a night"],
		["stress --seed 7 --cases 1 --json > found.json", "one of them, and what was found"],
		["stress --replay found.json", "the failure again"],
		["stress --cases 1000 --resume stopped.json --json", "go on where Ctrl-C stopped `stress --cases 1000 --json`"],
	],
	declare(line) {
		declareOptions(line);
	},
	async run(terminal, _, options) {
		const begun = begin(options);
		const { counts } = begun;
		const { has: failed, wasStopped } = await stoppable(async (stopped) =>
			options.replay === undefined ? search(terminal, options, begun, stopped) : again(options.replay, counts),
		);
		const stopped = wasStopped && failed === undefined && begun.tried < options.cases;
		if (options.json) {
			const campaign = options.replay === undefined ? { asked: askedOf(options), tried: begun.tried } : {};
			const report = { counts, failed: failed ?? null, ...campaign, ...(stopped && { stopped }) };
			await writeJson(terminal, STRESS_SCHEMA, report);
		} else await terminal.write(failed === undefined ? summary(counts) : report(failed));
		if (stopped) terminal.note("stopped before the last case\n");
		return stopped ? ExitCode.stopped : failed === undefined ? ExitCode.ok : ExitCode.violation;
	},
};

/** What a search has so far. */
interface Begun {
	readonly counts: StressCounts;
	/** Cases that were tried. */
	tried: number;
	/** What failed before the search was stopped: then nothing is left to do. */
	readonly failed: Failed | undefined;
}

function askedOf({ seed, cases, calls, model }: Options): Asked {
	return { seed, cases, calls, model };
}

/** Nothing, or what a search has that goes on. */
function begin(options: Options): Begun {
	if (options.resume === undefined)
		return { counts: { calls: 0, refused: 0, executions: 0, shootdowns: 0, trapped: 0 }, tried: 0, failed: undefined };
	const report = readReport<{ counts?: StressCounts; tried?: number; failed: Failed | null; asked: Asked }>(
		options.resume,
		stressSchema,
		askedOf(options),
	);
	const { counts, tried, failed } = report;
	if (counts === undefined || tried === undefined)
		throw new LinkError(`${options.resume}: does not say how many cases were tried`);
	return { counts: { ...counts }, tried, failed: failed ?? undefined };
}

function declareOptions(line: CommandLine): void {
	line.option("--seed <n>", "of the first case; the next has the next", atLeast(0), 1);
	line.option("--cases <n>", "how many", atLeast(1), 40);
	line.option("--calls <n>", "of each case", atLeast(1), 200);
	line.addOption(new Option("--model <name>", "on this model only").choices(models.map(({ name }) => name)));
	const replay = new Option("--replay <file>", "the failure that `stress --json` wrote, again").conflicts("resume");
	line.addOption(replay);
	declareResume(line);
}

async function search(
	terminal: Terminal,
	{ seed, cases, calls, model }: Options,
	begun: Begun,
	stopped: Stopped,
): Promise<Failed | undefined> {
	if (begun.failed !== undefined) return begun.failed;
	const { counts } = begun;
	const show = progressLine(terminal);
	while (begun.tried < cases && !(await stopped())) {
		const one = stressCase(seed + begun.tried++, calls, model === undefined ? {} : { model });
		const where = `seed ${one.seed}, ${one.model}, ${plural(one.cpus, "CPU")}`;
		const { failure } = tried(one, counts, (done) => done % 20 === 0 && show(`${where}: ${done} of ${calls} calls`));
		if (failure === undefined) continue;
		const least = minimise(one, {}, (left) => show(`${where}: failed; ${plural(left, "call")} left`));
		show();
		return { what: runStress(least).failure!.what, case: least };
	}
	show();
	return undefined;
}

function again(file: string, counts: StressCounts): Failed | undefined {
	const one = readCase(file);
	const { failure } = tried(one, counts);
	return failure && { what: failure.what, case: one };
}

/** Runs it and adds up. */
function tried(one: StressCase, counts: StressCounts, progress?: (done: number) => void): ReturnType<typeof runStress> {
	const result = runStress(one, {}, progress);
	for (const key of Object.keys(counts) as (keyof StressCounts)[]) counts[key] += result.counts[key];
	return result;
}

function readCase(file: string): StressCase {
	const { failed } = validate<{ readonly failed: Failed | null }>(stressSchema, readJson(file), file);
	if (failed === null) throw new LinkError(`${file}: nothing failed, so there is nothing to replay`);
	return failed.case;
}

function summary({ calls, refused, executions, shootdowns, trapped }: StressCounts): string {
	return `nothing went wrong in ${count(calls)} calls: ${count(refused)} refused as they should be, ${count(executions)} executions of what was written, ${count(trapped)} late calls trapped, ${count(shootdowns)} shootdowns\n`;
}

function report({ what, case: one }: Failed): string {
	const { model, fetch, cpus, nodes, textPoke, lazy, seed, calls } = one;
	const machine = `${model}, fetch ${fetch}, ${plural(cpus, "CPU")}, ${plural(nodes, "node")}, ${textPoke ? "with" : "without"} text_poke, ${plural(lazy, "free")} a flush, seed ${seed}`;
	const lines = calls.map((call, i) => `${String(i + 1).padStart(4)}  ${callText(call)}`);
	return `${what}\non ${machine}, after\n${lines.join("\n")}\n`;
}

function callText({ call, ...rest }: StressCall): string {
	return [call, ...Object.entries(rest).map(([key, value]) => `${key} ${value}`)].join("  ");
}

function atLeast(least: number): (text: string) => number {
	return whole(`Write a whole number of at least ${least}.`, least, 2 ** 31 - 1);
}
