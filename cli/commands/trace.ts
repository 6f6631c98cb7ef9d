// `patchbay trace`: runs a program with the entries of functions traced, and prints its calls.

import { InvalidArgumentError, Option } from "commander";
import { LinkError } from "../../linker/errors.ts";
import { Cpu, getCounter, ticksToCycles } from "../../runtime/machine/index.ts";
import {
	applyNow,
	type Change,
	early,
	functionsNamed,
	planUpdate,
	type ScheduledUpdate,
	type System,
	whileHeld,
} from "../../runtime/patch/index.ts";
import { declareBuildOptions } from "../build/build.ts";
import { declareBoot } from "../run/booting.ts";
import { callGraph, listCalls } from "../run/call-graph.ts";
import { flameGraph, functionTotals, speedscopeFile, totalsTable } from "../run/call-profile.ts";
import { maxCyclesOption } from "../run/conclusion.ts";
import { profileOption } from "../run/cost-profiles.ts";
import { declareCpuOptions } from "../run/cpus.ts";
import { declareModuleOptions } from "../run/modules.ts";
import { protocolOf, protocolOption } from "../run/protocols.ts";
import { openSession, type SessionOptions } from "../run/session.ts";
import { parseRetarget } from "../run/set-option.ts";
import { parseTrace, writeTrace } from "../run/trace-file.ts";
import { type Command, UsageError, writeJson } from "../shell/command.ts";
import { writeFile } from "../shell/files.ts";
import { parseCycles, texts } from "../shell/options.ts";
import { declareSourceRoot } from "../shell/source-lines.ts";
import { count } from "../shell/table.ts";
import type { Terminal } from "../shell/terminal.ts";

interface Options extends SessionOptions {
	readonly functions?: readonly string[];
	readonly from?: number;
	readonly until?: number;
	readonly trace?: string;
	readonly totals?: true;
	readonly depth?: number;
	readonly limit: number;
	readonly flame?: string;
	readonly protocol: string;
}

export const trace: Command<Options> = {
	name: "trace",
	operands: "<files...>",
	brief: "Run a program with function entries traced, and print which function called which, and for how long.",
	examples: [
		["trace pick.js", "every function"],
		["trace pick.js --functions 'pick*,!pick_slow'", "those that match a pattern, without others"],
		["trace work.js --cpus 4 --entry 'worker*4'", "a lane per CPU"],
		["trace work.js --from 5000 --until 9000", "switched on and off under the running program"],
		["trace scheduler.js --load policy.js", "and the functions of a module"],
		["trace work.js --totals", "how often each function was called, and how long it took"],
		["trace work.js --depth 2 --limit 100", "the outermost calls, no more than 100 lines"],
		["trace work.js --flame out.svg", "a flame graph; out.json is for speedscope.app"],
		["trace work.js --trace out.json", "and for ui.perfetto.dev"],
	],
	outputs: ["trace"],
	declare(line) {
		line.option("--functions <pattern,...>", "which: * and ? match, ! in front leaves out; may be given again", texts);
		line.option("--from <cycle>", "begin then instead of before the start", parseCycles);
		line.option("--until <cycle>", "end then", parseCycles);
		line.option("--totals", "print a line per function instead of one per call");
		line.option("--depth <n>", "print calls that deep and no deeper; the outermost are at depth 1", parseCycles);
		line.addOption(
			new Option("--limit <n>", "print so many lines of calls, and count the others")
				.argParser(parseCycles)
				.default(10_000),
		);
		line.option("--flame <file>", "write a flame graph: .svg as a picture, .json for speedscope", parseFlame);
		line.option("--set <key=function[@cycle]>", "as in run; may be given again", parseRetarget);
		declareModuleOptions(line);
		declareBoot(line);
		declareBuildOptions(line);
		declareCpuOptions(line);
		line.addOption(protocolOption);
		line.addOption(profileOption);
		line.addOption(maxCyclesOption);
		declareSourceRoot(line);
		line.option("--trace <file>", "write what happened: .json for Perfetto, .txt for columns", parseTrace);
	},
	async run(terminal, files, options) {
		if (options.from !== undefined && options.until !== undefined && options.until <= options.from)
			throw new UsageError("--until is to come after --from");
		const traceable = { ...options, entryNops: true } as const;
		const session = await openSession(terminal, files, traceable, {
			protocol: protocolOf(options.protocol),
			trace: options.trace !== undefined || !options.json,
		});
		const { system, refused } = session;
		const functions = functionsNamed(system.image, options.functions ?? []).map(({ address }) => address);
		const traced = functions.map((address) => system.image.symbolize(address));
		const updates = traceUpdates(system, functions, options);
		const output: string[] = [];
		const end = await session.run({ updates, print: async (lines) => void output.push(...lines) });
		if (options.trace !== undefined) writeTrace(options.trace, system);
		if (options.flame !== undefined) writeFlame(options.flame, system);
		if (options.json) {
			const calls = listCalls(system);
			const totals = options.totals && functionTotals(system);
			await writeJson(terminal, "patchbay/trace@1", { functions: traced, calls, totals, output, end, refused });
		} else if (options.totals) await terminal.write(`${totalsTable(terminal, system).join("\n")}\n`);
		else await writeCalls(terminal, system, options);
		if (options.from !== undefined || options.until !== undefined) noteWindow(terminal, system);
		return session.end(end, { "--from": [{ text: String(options.from), cycle: options.from }] });
	},
};

async function writeCalls(terminal: Terminal, system: System, { depth, limit }: Options): Promise<void> {
	const [head, ...lines] = callGraph(terminal, system, depth);
	await terminal.write(`${[head, ...lines.slice(0, limit)].join("\n")}\n`);
	if (lines.length > limit)
		terminal.note(`${count(lines.length - limit)} lines more: --limit, --depth, --functions or --totals\n`);
}

function writeFlame(file: string, system: System): void {
	writeFile(file, file.endsWith(".svg") ? flameGraph(system) : `${JSON.stringify(speedscopeFile(system))}\n`);
}

function parseFlame(file: string): string {
	if (!file.endsWith(".svg") && !file.endsWith(".json")) throw new InvalidArgumentError("Name a .svg or a .json file.");
	return file;
}

/** Switching takes its time under a running program, and who was in a function then comes back from it later. */
function noteWindow(terminal: Terminal, { tracer, machine }: System): void {
	const ends = tracer.calls.map(({ cpu, left }) => left ?? getCounter(machine, cpu, Cpu.clock));
	const begin = tracer.calls.reduce((first, { entered }) => Math.min(first, entered), Number.POSITIVE_INFINITY);
	const end = ends.reduce((last, left) => Math.max(last, left), 0);
	const cycle = (ticks: number): string => ticksToCycles(ticks).toFixed(1);
	terminal.note(ends.length === 0 ? "nothing was traced\n" : `traced from cycle ${cycle(begin)} to ${cycle(end)}\n`);
}

/** Begins now, or returns when to. */
function traceUpdates(system: System, functions: readonly number[], { from, until }: Options): ScheduledUpdate[] {
	const on: Change = { functions, traced: true };
	const end: ScheduledUpdate[] = until === undefined ? [] : [{ at: until, changes: [{ functions, traced: false }] }];
	if (from !== undefined) return [{ at: from, changes: [on] }, ...end];
	whileHeld(system, () => {
		const update = planUpdate(system, [on], early);
		if ("refused" in update) throw new LinkError(`${system.image.name}: ${update.refused}`);
		applyNow(system, update);
	});
	return end;
}
