// `--load policy.js@5000`, `--unload policy@9000`: modules that come and go while a program runs.

import { type Command as CommandLine, InvalidArgumentError } from "commander";
import { LinkError } from "../linker/errors.ts";
import { openExecmem } from "../runtime/execmem/open-execmem.ts";
import type { Execmem } from "../runtime/execmem/pieces.ts";
import { LARGE_PAGE, PAGE } from "../runtime/machine/index.ts";
import { createModules, loadModule, unloadModule } from "../runtime/module/index.ts";
import type { RunEnd, System } from "../runtime/patch/index.ts";
import { loadObject } from "./build.ts";
import type { CallMode } from "./call-modes.ts";
import type { Deed } from "./execute.ts";

export interface ModuleOptions {
	readonly load?: readonly Arrival[];
	readonly unload?: readonly Departure[];
	readonly unloadResets?: true;
}

export interface Arrival {
	readonly file: string;
	/** 0: before the program starts. */
	readonly cycle: number;
}

export interface Departure {
	readonly name: string;
	readonly cycle: number;
}

/** Loads modules beside a program that has not begun. @throws LinkError when one is refused */
export async function loadModules(execmem: Execmem, files: readonly string[], mode: CallMode): Promise<void> {
	const modules = createModules(execmem);
	for (const file of files) {
		const failed = endOf(loadModule(modules, [await loadObject(file, mode)]));
		if (failed !== undefined)
			throw new LinkError("why" in failed ? failed.why : `${file}: the run ended: ${failed.kind}`);
	}
}

export function declareModuleOptions(line: CommandLine): void {
	line.option(
		"--load <file[@cycle]>",
		"load a module, a source or an object, before the start or then; may be given again",
		parseArrival,
	);
	line.option("--unload <name@cycle>", "unload a module then; may be given again", parseDeparture);
	line.option("--unload-resets", "what still calls an unloaded module gets its default; otherwise the module stays");
}

/** A large page for each kind of memory, twice for text. */
export function pagesForModules({ load = [] }: ModuleOptions): number {
	return load.length === 0 ? 0 : 8 * (LARGE_PAGE / PAGE) + load.length * 8;
}

/** What is to be done when, against the program as it is then. */
export async function moduleDeeds(system: System, options: ModuleOptions, mode: CallMode): Promise<Deed[]> {
	if (options.load === undefined && options.unload === undefined) return [];
	const modules = createModules(openExecmem(system));
	const arrivals: Deed[] = [];
	for (const { file, cycle } of options.load ?? []) {
		const object = await loadObject(file, mode);
		arrivals.push({ at: cycle, act: () => endOf(loadModule(modules, [object])) });
	}
	const departures = (options.unload ?? []).map(({ name, cycle }) => ({
		at: cycle,
		act: () => endOf(unloadModule(modules, name, { reset: options.unloadResets === true })),
	}));
	return [...arrivals, ...departures];
}

function endOf(result: ReturnType<typeof loadModule>): RunEnd | undefined {
	if ("refused" in result) return { kind: "refused", why: result.refused };
	return "ended" in result ? result.ended : undefined;
}

function parseArrival(text: string, before: readonly Arrival[] = []): Arrival[] {
	const [, file, cycle] = /^(.+?)(?:@(\d+))?$/.exec(text)!;
	return [...before, { file: file!, cycle: Number(cycle ?? 0) }];
}

function parseDeparture(text: string, before: readonly Departure[] = []): Departure[] {
	const parts = /^([^@]+)@(\d+)$/.exec(text);
	if (parts === null) throw new InvalidArgumentError("Write name@cycle.");
	return [...before, { name: parts[1]!, cycle: Number(parts[2]) }];
}
