// `--load policy.js@5000`, `--unload policy@9000`: modules that are there before a program starts, and that come and go
// while it runs. One that is refused is reported, and the program goes on without it.

import { type Command as CommandLine, InvalidArgumentError } from "commander";
import type { ElfObject } from "../../linker/elf/index.ts";
import { LinkError, suggestion } from "../../linker/errors.ts";
import { openExecmem } from "../../runtime/execmem/open-execmem.ts";
import type { Execmem } from "../../runtime/execmem/pieces.ts";
import { Cpu, getCounter, LARGE_PAGE, PAGE, ticksToCycles } from "../../runtime/machine/index.ts";
import {
	createModules,
	loadModule,
	type ModuleLoadOptions,
	type Modules,
	moduleName,
	type StillCalled,
	unloadModule,
} from "../../runtime/module/index.ts";
import { type RunEnd, type Settled, type System, whileHeld } from "../../runtime/patch/index.ts";
import { type BuildOptions, loadObject } from "../build/build.ts";
import { ProgramError, UsageError } from "../shell/command.ts";
import { listOf } from "../shell/options.ts";
import { type BootChoice, bootOptions } from "./booting.ts";
import type { Action } from "./execute.ts";
import { describeTrap } from "./faults.ts";
import { isKnown, prepare, type Retarget, retarget } from "./set-option.ts";

export interface ModuleOptions {
	readonly load?: readonly Arrival[];
	readonly unload?: readonly Departure[];
	readonly unloadResets?: true;
}

export interface Arrival {
	/** As typed. */
	readonly text: string;
	readonly file: string;
	/** 0: before the program starts. */
	readonly cycle: number;
}

export interface Departure {
	readonly text: string;
	readonly name: string;
	readonly cycle: number;
}

/** Loads modules beside a program that has not begun. @throws LinkError when one does not fit it, ProgramError when it is refused */
export async function loadModules(execmem: Execmem, files: readonly string[], options: BuildOptions): Promise<void> {
	const modules = createModules(execmem);
	for (const file of files) {
		const object = await loadObject(file, options.staticCalls, options);
		const { refused, ended } = whileHeld(execmem.system, () => outcomeOf(moduleName(file), load(modules, object)));
		if (refused !== undefined) throw new ProgramError(refusalText(execmem.system, refused));
		if (ended !== undefined) throw new ProgramError(`${file}: the run ended: ${ended.kind}`);
	}
}

export function declareModuleOptions(line: CommandLine): void {
	line.option(
		"--load <file[@cycle]>",
		"load a module, a source or an object, before the start or then; may be given again",
		listOf(parseArrival),
	);
	line.option("--unload <name@cycle>", "unload a module then; may be given again", listOf(parseDeparture));
	line.option("--unload-resets", "what still calls an unloaded module gets its default; otherwise the module stays");
}

/** A large page for each kind of memory, twice for text. */
export function pagesForModules({ load: arrivals = [] }: ModuleOptions): number {
	return arrivals.length === 0 ? 0 : 8 * (LARGE_PAGE / PAGE) + arrivals.length * 8;
}

export interface Preparation extends ModuleOptions, BuildOptions, BootChoice {
	readonly set?: readonly Retarget[];
	/** What init functions take counts as well. */
	readonly maxCycles?: number | undefined;
}

/** A program with the modules that it starts with. */
export interface Prepared {
	readonly settled: readonly Settled[];
	/** The memory that modules get; undefined when there will be none. */
	readonly execmem: Execmem | undefined;
	/** Loads and unloads to come. */
	readonly actions: readonly Action[];
	/** The loads and unloads that were refused, so far. */
	readonly refused: string[];
	/** A module let the run end before the start. */
	readonly ended: RunEnd | undefined;
}

/** Does what is to be done before the start: the retargets that name what the program has, boot, modules, then the retargets
 * that name what those brought. @param say is told at once what is refused
 * @throws LinkError when a module does not fit the program, or a retarget cannot be made */
export async function prepareAll(system: System, options: Preparation, say: (text: string) => void): Promise<Prepared> {
	const { set = [], load: arrivals = [], unload = [] } = options;
	const boot = bootOptions(options, arrivals.length > 0);
	checkNames(arrivals, unload);
	if (options.unloadResets && unload.length === 0) throw new UsageError("--unload-resets is for --unload: say both");
	const next = Math.min(...arrivals.filter(({ cycle }) => cycle > 0).map(({ cycle }) => cycle));
	const certain = set.filter(({ cycle = 0 }) => cycle < next);
	const isOwn = (each: Retarget): boolean => arrivals.length === 0 || isKnown(system.image, each);
	const [own, borrowed] = [certain.filter(isOwn), certain.filter((each) => !isOwn(each))];
	const settled = prepare(system, own, boot);
	if (arrivals.length === 0) return { settled, execmem: undefined, actions: [], refused: [], ended: undefined };
	const execmem = openExecmem(system);
	const modules = createModules(execmem);
	const refused: string[] = [];
	const report = ({ refused: why, ended: end }: Outcome): RunEnd | undefined => {
		if (why !== undefined) refused.push(why);
		if (why !== undefined) say(`${refusalText(system, why)}\n`);
		return end;
	};
	const reset = options.unloadResets === true;
	const actions: Action[] = [];
	let ended: RunEnd | undefined;
	for (const { file, cycle } of arrivals) {
		const object = await loadObject(file, options.staticCalls, options);
		const bring = (): Result => load(modules, object, cyclesLeft(system, options.maxCycles));
		if (cycle === 0) ended ??= report(whileHeld(system, () => outcomeOf(moduleName(file), bring(), options.maxCycles)));
		else actions.push({ at: cycle, act: () => report(attempt(moduleName(file), bring, options.maxCycles)) });
	}
	if (ended === undefined) whileHeld(system, () => retarget(system, borrowed));
	for (const { name, cycle } of unload)
		actions.push({
			at: cycle,
			act: () => {
				const cycles = cyclesLeft(system, options.maxCycles);
				return report(attempt(name, () => unloadModule(modules, name, { reset, cycles }), options.maxCycles));
			},
		});
	return { settled, execmem, actions, refused, ended };
}

/** Nobody can leave who does not come. @throws LinkError */
function checkNames(arrivals: readonly Arrival[], departures: readonly Departure[]): void {
	const names = new Set(arrivals.map(({ file }) => moduleName(file)));
	const stranger = departures.find(({ name }) => !names.has(name));
	if (stranger === undefined) return;
	throw new LinkError(
		`--unload ${stranger.text}: no --load brings '${stranger.name}'${suggestion(stranger.name, names)}`,
	);
}

function load(modules: Modules, object: ElfObject, cycles?: number): Result {
	const describe: ModuleLoadOptions["describe"] = (trap) => describeTrap(modules.system, trap);
	return loadModule(modules, [object], { describe, cycles });
}

function cyclesLeft({ machine }: System, most: number | undefined): number | undefined {
	if (most === undefined) return undefined;
	const clocks = machine.cores.map(({ id }) => ticksToCycles(getCounter(machine, id, Cpu.clock)));
	return Math.max(0, most - Math.max(...clocks));
}

type Result = ReturnType<typeof loadModule> | StillCalled;

/** Nothing, why it was refused, or how the run ended meanwhile. */
interface Outcome {
	readonly refused?: string;
	readonly ended?: RunEnd;
}

/** @param most the bound of the run, which ends it; otherwise what takes too long is refused */
function outcomeOf(name: string, result: Result, most?: number): Outcome {
	if ("callers" in result) return { refused: `${result.refused} (--unload-resets gives it its default)` };
	if ("refused" in result) return { refused: result.refused };
	if (!("ended" in result)) return {};
	return result.ended.kind === "limit" && most === undefined
		? { refused: `${name}: it takes too long` }
		: { ended: result.ended };
}

/** While a program runs, a module that does not fit it is refused as well. */
function attempt(name: string, act: () => Result, most: number | undefined): Outcome {
	try {
		return outcomeOf(name, act(), most);
	} catch (error) {
		if (error instanceof LinkError) return { refused: error.message };
		throw error;
	}
}

function refusalText({ image }: System, why: string): string {
	return `${image.name}: refused: ${why}`;
}

function parseArrival(text: string): Arrival {
	const parts = /^(.+?)(?:@(\d+))?$/.exec(text);
	if (parts === null) throw new InvalidArgumentError("Write file, or file@cycle.");
	return { text, file: parts[1]!, cycle: Number(parts[2] ?? 0) };
}

function parseDeparture(text: string): Departure {
	const parts = /^([^@]+)@(\d+)$/.exec(text);
	if (parts === null) throw new InvalidArgumentError("Write name@cycle.");
	return { text, name: parts[1]!, cycle: Number(parts[2]) };
}
