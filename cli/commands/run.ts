// `patchbay run`: runs a program on the simulated machine. Its own lines, and nothing else, go to standard output.

import { Option } from "commander";
import { Cpu, getCounter, ticksToCycles } from "../../runtime/machine/index.ts";
import { coreOf, freeInit, type RunEnd, type System } from "../../runtime/patch/index.ts";
import { declareBuildOptions } from "../build/build.ts";
import { replayVerdict } from "../check/replay.ts";
import { declareBoot, settledText } from "../run/booting.ts";
import { maxCyclesOption } from "../run/conclusion.ts";
import { profileOption } from "../run/cost-profiles.ts";
import { declareCpuOptions } from "../run/cpus.ts";
import type { Action } from "../run/execute.ts";
import { describeTrap } from "../run/faults.ts";
import { declareModuleOptions } from "../run/modules.ts";
import { hitLines, listHits, parsePlaces, probeAt } from "../run/probing.ts";
import { protocolOf, protocolOption } from "../run/protocols.ts";
import { openSession, type SessionOptions } from "../run/session.ts";
import { parseTimedRetarget } from "../run/set-option.ts";
import { parseTrace, writeTrace } from "../run/trace-file.ts";
import { type Command, UsageError, writeJson } from "../shell/command.ts";
import { writeFile } from "../shell/files.ts";
import { parseCycles } from "../shell/options.ts";
import { declareSourceRoot } from "../shell/source-lines.ts";
import { changedText, plural } from "../shell/table.ts";
import { progressLine } from "../shell/terminal.ts";

interface Options extends SessionOptions {
	readonly freeInit?: number;
	readonly trace?: string;
	readonly protocol: string;
	readonly stats?: true;
	readonly replay?: string;
	readonly probe?: readonly string[];
	readonly core?: string;
	readonly native?: true;
}

export const run: Command<Options> = {
	name: "run",
	operands: "[files...]",
	brief: "Run an image, or link sources and objects in memory and run the result.",
	examples: [
		["run pick.js", "compile, link, run"],
		["run pick.elf --stats", "and say how long it took"],
		["run pick.js --set pick=deadline", "retarget before the start"],
		["run pick.js --set pick=deadline@5000", "retarget at cycle 5000, under the running program"],
		["run trace.js --set hook=null", "null, ret0 and default are targets too"],
		["run work.js --cpus 4 --entry main --entry worker*3", "on four CPUs, each at a function of its own"],
		[
			"run work.js --cpus 4 --model arm --fetch stale --seed 7",
			"old instruction bytes stay visible where Arm lets them",
		],
		["run work.js --probe worker --core work.core", "count calls of a function, keep the memory at the end"],
		["run scheduler.js --load policy.js@20000 --unload policy@300000 --unload-resets", "a module comes and goes"],
		["run --native ./server --set pick=deadline@2s", "a program of this machine, patched after two seconds"],
		["run work.js --cpus 4 --set a=x,b=y@5000 --trace out.json", "two keys in one update, for ui.perfetto.dev"],
	],
	outputs: ["trace", "core"],
	declare(line) {
		line.option(
			"--set <key=function[@cycle]>",
			"retarget a static call, or an operation before the start, or switch a static key on or off; commas join several in one update; may be given again",
			parseTimedRetarget,
		);
		declareBoot(line);
		line.option("--free-init <cycle>", "free init text then", parseCycles);
		declareBuildOptions(line);
		declareCpuOptions(line);
		declareModuleOptions(line);
		line.addOption(protocolOption);
		line.addOption(profileOption);
		line.addOption(maxCyclesOption);
		declareSourceRoot(line);
		line.option(
			"--trace <file>",
			"write what happened: columns to a .txt file, a Perfetto trace to a .json file",
			parseTrace,
		);
		line.option(
			"--probe <place>",
			"count executions of function, function+offset or file:line; may be given again",
			parsePlaces,
		);
		line.option("--core <file>", "write the memory of the process that died, or the first one, as a core file");
		line.option("--stats", "print a summary to standard error");
		const others = line.options.map((option) => option.attributeName());
		line.addOption(
			new Option(
				"--native",
				"run a program of this machine, with its arguments behind --, and change its calls at times as @2s",
			).conflicts(others.filter((name) => name !== "set")),
		);
		line.addOption(
			new Option(
				"--replay <verdict>",
				"go the way of a counterexample that `check --json` wrote, on the machine, step by step",
			).conflicts(others),
		);
	},
	async run(terminal, files, options) {
		const timed = options.set?.find(({ milliseconds }) => milliseconds !== undefined);
		if (timed !== undefined && !options.native)
			throw new UsageError(`--set ${timed.text}: the simulated machine counts cycles; a time is for --native`);
		if (options.native && files.length === 0) throw new UsageError("nothing to run: name a program");
		if (options.native) return (await import("../run/native-run.ts")).runNative(terminal, files, options);
		if (options.replay !== undefined && files.length > 0)
			throw new UsageError(`--replay runs what the verdict is about: leave ${files[0]} out`);
		if (options.replay !== undefined) return replayVerdict(terminal, options.replay, options.json === true);
		if (files.length === 0) throw new UsageError("nothing to run: name an image, sources or objects");
		const { probe: places = [] } = options;
		const showProgress = progressLine(terminal);
		const session = await openSession(terminal, files, options, {
			protocol: protocolOf(options.protocol),
			trace: options.trace !== undefined,
			probes: places.length > 0,
			say(text) {
				showProgress();
				terminal.note(text);
			},
		});
		const { system, settled, execmem, refused } = session;
		const probing = places.length > 0 ? probeAt(system, places, "count", {}, execmem) : undefined;
		const lines: string[] = [];
		const end = await session.run({
			actions: freeingOf(options),
			progress: (cycles) => showProgress(`${plural(cycles, "cycle")}, ${plural(system.counts.updates, "update")}`),
			print: async (more) => {
				if (options.json) lines.push(...more);
				else if (more.length > 0) {
					showProgress();
					await terminal.write(`${more.join("\n")}\n`);
				}
			},
		});
		showProgress();
		if (options.trace !== undefined) writeTrace(options.trace, system);
		if (options.core !== undefined) writeFile(options.core, coreOf(system, system.deaths[0]?.space ?? 0));
		if (options.json) {
			await writeJson(terminal, "patchbay/run@2", {
				output: lines,
				end: describeEnd(system, end),
				...figures(system),
				settled,
				refused,
				...(probing && { probes: listHits(probing) }),
			});
		}
		if (options.stats)
			terminal.note(
				summary(system) +
					settledText(settled)
						.map((line) => `${line}\n`)
						.join(""),
			);
		if (probing && !options.json) terminal.note(`${hitLines(probing).join("\n")}\n`);
		return session.end(end);
	},
};

function freeingOf({ freeInit: at }: Options): Action[] {
	return at === undefined ? [] : [{ at, act: freeInit }];
}

/** The time of a run is that of the CPU that was at work longest. */
function figures({ machine, counts }: System) {
	const { ticks, ...patching } = counts;
	const cpus = machine.cores.map(({ id }) => ({
		cycles: ticksToCycles(getCounter(machine, id, Cpu.clock)),
		instructions: getCounter(machine, id, Cpu.instructions),
	}));
	return {
		cycles: Math.max(...cpus.map(({ cycles }) => cycles)),
		instructions: cpus.reduce((sum, { instructions }) => sum + instructions, 0),
		cpus,
		patching: { ...patching, cycles: ticksToCycles(ticks) },
	};
}

function describeEnd(system: System, end: RunEnd): object {
	return end.kind === "trapped" ? { ...end, message: describeTrap(system, end) } : end;
}

function summary(system: System): string {
	const { cycles, instructions, cpus, patching } = figures(system);
	const { updates, stores, syncs, traps, probeTraps } = patching;
	const work = [changedText(patching), plural(stores, "store"), plural(syncs, "sync"), plural(traps, "trap")].join(
		", ",
	);
	return [
		`${plural(cycles, "cycle")}, ${plural(instructions, "instruction")}${cpus.length > 1 ? ` on ${cpus.length} CPUs` : ""}\n`,
		`${plural(updates, "update")} in ${plural(patching.cycles, "cycle")}: ${work}\n`,
		probeTraps > 0 ? `probes: ${plural(probeTraps, "trap")}\n` : "",
	].join("");
}
