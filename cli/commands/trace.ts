// `patchbay trace`: runs a program with the entries of functions traced, and prints its calls.

import { LinkError } from "../../linker/errors.ts";
import { Cpu, getCounter, ticksToCycles } from "../../runtime/machine/index.ts";
import {
	applyNow,
	type Change,
	createSystem,
	early,
	functionsNamed,
	planUpdate,
	type ScheduledUpdate,
	type System,
	whileHeld,
} from "../../runtime/patch/index.ts";
import { type BuildOptions, declareBuildOptions, loadImage } from "../build/build.ts";
import { type BootChoice, declareBoot } from "../run/booting.ts";
import { callGraph, listCalls } from "../run/call-graph.ts";
import { conclude, maxCyclesOption, noteLate } from "../run/conclusion.ts";
import { profileOf, profileOption } from "../run/cost-profiles.ts";
import { type CrowdOptions, declareCrowdOptions, loadCrowd } from "../run/crowd.ts";
import { execute } from "../run/execute.ts";
import { declareModuleOptions, type ModuleOptions, pagesForModules, prepareAll } from "../run/modules.ts";
import { protocolOf, protocolOption } from "../run/protocols.ts";
import { parseRetarget, type Retarget } from "../run/set-option.ts";
import { parseTrace, writeTrace } from "../run/trace-file.ts";
import { type Command, UsageError, writeJson } from "../shell/command.ts";
import { parseCycles } from "../shell/options.ts";
import { declareSourceRoot } from "../shell/source-lines.ts";
import type { Terminal } from "../shell/terminal.ts";

interface Options extends BuildOptions, CrowdOptions, ModuleOptions, BootChoice {
	readonly functions?: readonly string[];
	readonly from?: number;
	readonly until?: number;
	readonly set?: readonly Retarget[];
	readonly trace?: string;
	readonly protocol: string;
	readonly profile: string;
	readonly maxCycles?: number;
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
		["trace work.js --trace out.json", "and for ui.perfetto.dev"],
	],
	outputs: ["trace"],
	declare(line) {
		line.option(
			"--functions <pattern,...>",
			"which: * and ? match, ! in front leaves out; may be given again",
			(text: string, before: readonly string[] = []) => [...before, ...text.split(",")],
		);
		line.option("--from <cycle>", "begin then instead of before the start", parseCycles);
		line.option("--until <cycle>", "end then", parseCycles);
		line.option("--set <key=function[@cycle]>", "as in run; may be given again", parseRetarget);
		declareModuleOptions(line);
		declareBoot(line);
		declareBuildOptions(line);
		declareCrowdOptions(line);
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
		const image = await loadImage(files, traceable);
		const protocol = protocolOf(options.protocol);
		const machine = loadCrowd(image, options, profileOf(options.profile), pagesForModules(options));
		const system = createSystem(machine, image, protocol, {
			trace: options.trace !== undefined || !options.json,
			processes: options.processes,
		});
		const { deeds, refused, ended } = await prepareAll(system, traceable, terminal.note);
		const functions = functionsNamed(system.image, options.functions ?? []).map(({ address }) => address);
		const traced = functions.map((address) => system.image.symbolize(address));
		const updates = traceUpdates(system, functions, options);
		const output: string[] = [];
		const end = await execute(system, {
			ended,
			deeds,
			retargets: options.set ?? [],
			updates,
			maxCycles: options.maxCycles,
			print: async (lines) => void output.push(...lines),
		});
		if (options.trace !== undefined) writeTrace(options.trace, system);
		if (options.json) {
			const calls = listCalls(system);
			await writeJson(terminal, "patchbay/trace@1", { functions: traced, calls, output, end, refused });
		} else await terminal.write(`${callGraph(terminal, system).join("\n")}\n`);
		if (options.from !== undefined || options.until !== undefined) noteWindow(terminal, system);
		const { set, load, unload, from } = options;
		noteLate(terminal, system, end, {
			"--from": [{ text: String(from), cycle: from }],
			"--set": set,
			"--load": load,
			"--unload": unload,
		});
		return conclude(terminal, system, end, options.maxCycles, refused);
	},
};

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
