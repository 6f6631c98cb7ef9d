// A program on the simulated machine, from its files to an exit code: what `run`, `trace` and `probe` have in common. They
// differ in what they add before the start, in what they do with its lines, and in what they tell at the end.

import type { Execmem } from "../../runtime/execmem/pieces.ts";
import { createSystem, type Protocol, type RunEnd, type Settled, type System } from "../../runtime/patch/index.ts";
import { type BuildOptions, loadImage } from "../build/build.ts";
import type { ExitCode } from "../shell/command.ts";
import type { Terminal } from "../shell/terminal.ts";
import type { BootChoice } from "./booting.ts";
import { type Asked, conclude, noteLate, noteUnfinished } from "./conclusion.ts";
import { profileOf } from "./cost-profiles.ts";
import { type CpuOptions, loadWithCpus } from "./cpus.ts";
import { execute, type Schedule } from "./execute.ts";
import { type ModuleOptions, pagesForModules, prepareAll } from "./modules.ts";
import { pagesForProbes } from "./probing.ts";
import type { Retarget } from "./set-option.ts";

/** Options of every command that runs a program. */
export interface SessionOptions extends BuildOptions, CpuOptions, BootChoice, ModuleOptions {
	readonly set?: readonly Retarget[];
	readonly profile: string;
	readonly maxCycles?: number;
}

/** What the command decides. */
export interface SessionChoice {
	readonly protocol: Protocol;
	/** Whether the system keeps a record of what happens. */
	readonly trace?: boolean;
	/** Whether probes will need memory. */
	readonly probes?: boolean;
	/** Gets what there is to say before the start; otherwise it is noted. */
	readonly say?: (text: string) => void;
}

export interface Session {
	readonly system: System;
	/** What was settled before the start. */
	readonly settled: readonly Settled[];
	/** The allocator, where modules have made one. */
	readonly execmem: Execmem | undefined;
	/** Loads and unloads that were refused, as they come. */
	readonly refused: readonly string[];
	/** Runs the program, with updates and modules as the options ask for them and what the command adds. */
	run(schedule: Omit<Schedule, "ended" | "retargets" | "maxCycles">): Promise<RunEnd>;
	/** Says what went wrong, and what was asked for too late. @param asked what the command's own options asked for */
	end(end: RunEnd, asked?: Readonly<Record<string, readonly Asked[] | undefined>>): ExitCode;
}

/** Links or reads the files, loads them into a machine and makes all that is due before the start.
 * @throws LinkError, UsageError, ProgramError when something does not fit */
export async function openSession(
	terminal: Terminal,
	files: readonly string[],
	options: SessionOptions,
	{ protocol, trace = false, probes = false, say = terminal.note }: SessionChoice,
): Promise<Session> {
	const image = await loadImage(files, options);
	const { processes, maxCycles, set, load, unload } = options;
	const spare = (probes ? pagesForProbes(image, processes) : 0) + pagesForModules(options);
	const machine = loadWithCpus(image, options, profileOf(options.profile), spare);
	const system = createSystem(machine, image, protocol, { trace, processes });
	const { settled, execmem, actions, refused, ended } = await prepareAll(system, options, say);
	return {
		system,
		settled,
		execmem,
		refused,
		run: (schedule) =>
			execute(system, {
				...schedule,
				ended,
				retargets: set ?? [],
				maxCycles,
				actions: [...(schedule.actions ?? []), ...actions],
			}),
		end(end, asked = {}) {
			noteLate(terminal, system, end, { ...asked, "--set": set, "--load": load, "--unload": unload });
			noteUnfinished(terminal, system, end, options.profile, set ?? []);
			return conclude(terminal, system, end, maxCycles, refused);
		},
	};
}
