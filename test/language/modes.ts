// A program of several modules compiled, linked and run on the simulated machine, in every mode there is.

import { assemble, compile, positionsOf, type Resolve, rewriteFfp } from "../../linker/compile/index.ts";
import type { ElfObject } from "../../linker/elf/index.ts";
import { type Image, link } from "../../linker/link/index.ts";
import { load } from "../../runtime/load.ts";
import { profiles } from "../../runtime/machine/profiles/index.ts";
import { type BootOptions, boot, createSystem, protocols, type RunEnd, run } from "../../runtime/patch/index.ts";
import { spread } from "../extent.ts";
import { type Program, resolveIn } from "./programs.ts";

export const modes = ["inline", "trampoline", "pointer", "ffp", "ffp-retpoline"] as const;
export type Mode = (typeof modes)[number];

type Sources = Pick<Program, "modules">;

/** Modes that tests of many programs take: the two that differ most, or all when everything is to be tried. */
export const someModes: readonly Mode[] = spread(modes, 3);

/** Image by mode. The first three differ only in how they are linked. */
export function buildAll(program: Sources, chosen: readonly Mode[] = modes): Map<Mode, Image> {
	const direct = objectsOf(program);
	const ffp = pointerObjectsOf(program);
	const build: Record<Mode, () => Image> = {
		inline: () => link(direct, { staticCalls: "inline" }),
		trampoline: () => link(direct, { staticCalls: "trampoline" }),
		pointer: () => link(direct, { staticCalls: "pointer" }),
		ffp: () => link(ffp("pointer")),
		"ffp-retpoline": () => link(ffp("retpoline")),
	};
	return new Map(chosen.map((mode) => [mode, build[mode]()]));
}

/** Every module compiled or assembled. */
export function objectsOf(
	{ modules }: Sources,
	options: { entryNops?: boolean; alignSites?: boolean } = {},
): ElfObject[] {
	const resolve = resolveIn({ modules });
	return Array.from(modules, ([file, source]) =>
		file.endsWith(".s") ? assemble(source, { file }) : compile(source, { file, resolve, ...options }),
	);
}

/** Every module rewritten to pointers and compiled. */
export function pointerObjectsOf({ modules }: Sources): (indirect: "pointer" | "retpoline") => ElfObject[] {
	const asWritten = resolveIn({ modules });
	const rewritten = new Map(
		Array.from(modules, ([file, source]) => [file, rewriteFfp(source, { file, resolve: asWritten })] as const),
	);
	const resolve: Resolve = (specifier, from) => {
		const found = asWritten(specifier, from);
		const form = found && rewritten.get(found.file);
		return form && { file: found.file, source: form.code, map: positionsOf(form.map) };
	};
	return (indirect) =>
		Array.from(rewritten, ([file, { code, map }]) => compile(code, { file, resolve, indirect, map: positionsOf(map) }));
}

export interface Outcome {
	readonly output: readonly string[];
	readonly end: RunEnd;
	readonly refusal: string | undefined;
}

/** Runs a program to its end, or until it has clearly lost its way. @param options what is settled before; nothing, if
 * undefined */
export function execute(image: Image, cycles = 2e7, options?: BootOptions): Outcome {
	const machine = load(image, { profile: profiles.find(({ name }) => name === "in-order")! });
	const system = createSystem(machine, image, protocols.find(({ name }) => name === "breakpoint") ?? protocols[0]!);
	if (options !== undefined) boot(system, options);
	const end = run(system, { cycles });
	return { output: system.output, end, refusal: system.refusal };
}
