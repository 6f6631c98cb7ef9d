// `patchbay stress`: random calls of executable memory under running CPUs, every invariant looked at after each; a failure
// is made as short as it can be.

import { type Command as CommandLine, Option } from "commander";
import { LinkError } from "../../linker/errors.ts";
import { validate } from "../../linker/schema.ts";
import { models } from "../../runtime/machine/index.ts";
import type { StressCounts, StressResult } from "../../runtime/measure/index.ts";
import {
	minimising,
	runStress,
	STRESS_SCHEMA,
	type StressCall,
	type StressCase,
	stressCase,
	stressing,
	stressSchema,
} from "../../runtime/measure/index.ts";
import {
	type Campaign,
	campaignProgress,
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
import { readJson } from "../shell/files.ts";
import { whole } from "../shell/options.ts";
import { type Asked, declareResume, readReport } from "../shell/resume.ts";
import { type Stopped, stoppable } from "../shell/stop.ts";
import { count, plural } from "../shell/table.ts";
import type { Terminal } from "../shell/terminal.ts";

interface Options {
	readonly seed: number;
	readonly cases: number;
	readonly calls: number;
	readonly model?: string;
	readonly replay?: string;
	readonly resume?: string;
	readonly shard?: Shard;
	readonly jobs: number;
}

/** A case that failed, as short as it can be. */
interface Failed {
	readonly what: string;
	readonly case: StressCase;
}

/** What `stress --json` writes, but for the schema. */
interface StressReport extends Report {
	readonly counts?: StressCounts;
	readonly tried?: number;
	readonly failed: Failed | null;
}

/** The sums of all parts; of what failed, the case with the least seed. A part goes on when another one has failed. */
export const stressCampaign: Campaign<StressReport> = {
	schema: STRESS_SCHEMA,
	read: (value, file) => validate(stressSchema, value, file),
	join(parts) {
		const counts = noCounts();
		for (const part of parts) add(counts, part.counts ?? noCounts());
		const failed = parts.flatMap((part) => part.failed ?? []).sort((a, b) => a.case.seed - b.case.seed);
		return { counts, tried: parts.reduce((sum, part) => sum + (part.tried ?? 0), 0), failed: failed[0] ?? null };
	},
	async show(terminal, { counts, failed }) {
		await terminal.write(failed === null ? summary(counts ?? noCounts()) : failureText(failed));
	},
	exitCode: ({ failed }) => (failed === null ? ExitCode.ok : ExitCode.violation),
};

export const stress: Command<Options> = {
	name: "stress",
	operands: "",
	brief: "Allocate, write, execute, patch, load, unload and free at random; look at every invariant after each call.",
	examples: [
		["stress", "some cases of all kinds (half a minute)"],
		["stress --seed 1 --cases 1000 --calls 1000", "for a night"],
		["stress --cases 1000 --jobs 4", "in four processes at once"],
		["stress --cases 1000 --shard 3/8 --json > 3.json", "one part of eight, on any machine; `merge` joins them"],
		["stress --seed 7 --cases 1 --json > found.json", "one of them, and what was found"],
		["stress --replay found.json", "the failure again"],
		["stress --cases 1000 --resume stopped.json --json", "go on where Ctrl-C stopped `stress --cases 1000 --json`"],
	],
	declare(line) {
		declareOptions(line);
	},
	async run(terminal, _, options) {
		const { has: report, wasStopped } = await stoppable<StressReport>(async (stopped) => {
			if (options.replay !== undefined) return again(options.replay);
			if (options.jobs > 1)
				return joinJobs(stressCampaign, await inJobs(terminal, WHAT, options, stopped), options.shard);
			return search(terminal, options, begin(options), stopped);
		});
		// A search that has failed, or was through when somebody said stop, has nothing left to do.
		const { failed, tried = 0 } = report;
		const isOver = failed !== null || options.replay !== undefined || tried >= seedsOf(options).length;
		if (!wasStopped || isOver)
			return finish(terminal, stressCampaign, { ...report, stopped: undefined, parts: undefined }, options);
		noteStopped(terminal, "before the last case");
		return finish(terminal, stressCampaign, { ...report, stopped: true }, options);
	},
};

/** What is counted. */
const WHAT = "cases";

/** What a search has so far. */
interface Begun {
	readonly counts: StressCounts;
	/** Cases that were tried. */
	tried: number;
	/** What failed before the search was stopped: then nothing is left to do. */
	readonly failed: Failed | undefined;
}

function askedOf({ seed, cases, calls, model, shard }: Options): Asked {
	return { seed, cases, calls, model, shard: shardText(shard) };
}

/** The seeds of the cases that fall to this part of the campaign. */
function seedsOf({ seed, cases, shard }: Options): number[] {
	return mine(
		Array.from({ length: cases }, (_, i) => seed + i),
		shard,
	);
}

function noCounts(): StressCounts {
	return { calls: 0, refused: 0, executions: 0, shootdowns: 0, trapped: 0 };
}

function add(sum: StressCounts, counts: StressCounts): void {
	for (const key of Object.keys(sum) as (keyof StressCounts)[]) sum[key] += counts[key];
}

/** Nothing, or what a search has that goes on. */
function begin(options: Options): Begun {
	if (options.resume === undefined) return { counts: noCounts(), tried: 0, failed: undefined };
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
	line.option(
		"--calls <n>",
		"of each case",
		whole(`Write a whole number from 1 to ${MOST_CALLS}.`, 1, MOST_CALLS),
		200,
	);
	line.addOption(new Option("--model <name>", "on this model only").choices(models.map(({ name }) => name)));
	const replay = new Option("--replay <file>", "the failure that `stress --json` wrote, again");
	line.addOption(replay.conflicts(["resume", "shard", "jobs"]));
	declareResume(line);
	declareParts(line, "cases");
}

async function search(terminal: Terminal, options: Options, begun: Begun, stopped: Stopped): Promise<StressReport> {
	const { calls, model } = options;
	const { counts } = begun;
	const seeds = seedsOf(options);
	const progress = campaignProgress(terminal, WHAT);
	const report = (failed: Failed | undefined): StressReport => {
		progress();
		return { counts, failed: failed ?? null, asked: askedOf(options), tried: begun.tried };
	};
	if (begun.failed !== undefined) return report(begun.failed);
	while (begun.tried < seeds.length && !(await stopped())) {
		const one = stressCase(seeds[begun.tried]!, calls, model === undefined ? {} : { model });
		const show = (what: string): void =>
			progress(begun.tried, seeds.length, `seed ${one.seed}, ${one.model}, ${plural(one.cpus, "CPU")}: ${what}`);
		const result = await carryOut(one, stopped, (done) => show(`${done} of ${calls} calls`));
		// One that is stopped begins anew when somebody goes on.
		if (result === undefined) break;
		begun.tried++;
		add(counts, result.counts);
		if (result.failure === undefined) continue;
		const least = await shorten(one, stopped, (left) => show(`failed; ${plural(left, "call")} left`));
		return report({ what: runStress(least).failure!.what, case: least });
	}
	return report(undefined);
}

/** A case of more calls is refused: all of them are made before the first is carried out. */
const MOST_CALLS = 1_000_000;

/** Calls between two looks at the outside world. */
const LOOK_EVERY = 20;

/** @returns undefined when somebody stopped it */
async function carryOut(
	one: StressCase,
	stopped: Stopped,
	progress: (done: number) => void,
): Promise<StressResult | undefined> {
	const going = stressing(one);
	for (;;) {
		const result = going.advance(LOOK_EVERY);
		if (result !== undefined) return result;
		progress(going.done);
		if (await stopped()) return undefined;
	}
}

/** The shortest case that fails, or the shortest found when somebody stops it. */
async function shorten(one: StressCase, stopped: Stopped, progress: (left: number) => void): Promise<StressCase> {
	const going = minimising(one);
	for (;;) {
		const { done, value } = going.next();
		if (done || (await stopped())) return value;
		progress(value.calls.length);
	}
}

function again(file: string): StressReport {
	const one = readCase(file);
	const { counts, failure } = runStress(one);
	return { counts, failed: failure === undefined ? null : { what: failure.what, case: one } };
}

function readCase(file: string): StressCase {
	const { failed } = validate<{ readonly failed: Failed | null }>(stressSchema, readJson(file), file);
	if (failed === null) throw new LinkError(`${file}: nothing failed, so there is nothing to replay`);
	return failed.case;
}

function summary({ calls, refused, executions, shootdowns, trapped }: StressCounts): string {
	return `nothing went wrong in ${count(calls)} calls: ${count(refused)} refused as they should be, ${count(executions)} executions of what was written, ${count(trapped)} late calls trapped, ${count(shootdowns)} shootdowns\n`;
}

function failureText({ what, case: one }: Failed): string {
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
