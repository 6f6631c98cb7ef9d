// The ways to build a program for the simulated machine, and running what comes of it.

import { assemble, compile, positionsOf, rewriteFfp } from "../linker/compile/index.ts";
import { type ElfObject, readElf, writeElf } from "../linker/elf/index.ts";
import { type Image, type LinkOptions, link, readImage } from "../linker/link/index.ts";
import { load } from "../runtime/load.ts";
import { profiles } from "../runtime/machine/index.ts";
import { breakpoint, createSystem, run } from "../runtime/patch/index.ts";
import { type Program, resolveIn } from "./programs.ts";

export interface MachineMode {
	readonly name: string;
	readonly build: (program: Program) => Image;
}

const linked = (staticCalls: LinkOptions["staticCalls"] & string) => (program: Program) =>
	link(objectsOf(program), { staticCalls, sectionStart: program.sectionStart });

/** How calls of keys can be linked. */
export const linkModes: readonly MachineMode[] = [
	{ name: "inline", build: linked("inline") },
	{ name: "trampoline", build: linked("trampoline") },
	{ name: "pointer", build: linked("pointer") },
	{ name: "inline, through files", build: throughFiles },
];

/** What the compiler can make of a program besides. */
export const pointerModes: readonly MachineMode[] = [
	{ name: "ffp", build: (program) => link(objectsInPointerForm(program, "pointer")) },
	{ name: "ffp-retpoline", build: (program) => link(objectsInPointerForm(program, "retpoline")) },
];

/** Every module compiled or assembled. */
export function objectsOf(program: Program): ElfObject[] {
	const resolve = resolveIn(program);
	return [...program.modules].map(([file, source]) =>
		file.endsWith(".s") ? assemble(source, { file }) : compile(source, { file, resolve }),
	);
}

/** Every object and the image are written and read back. */
function throughFiles(program: Program): Image {
	const reread = (object: ElfObject) => readElf(writeElf(object), object.name);
	const { elf } = link(objectsOf(program).map(reread), { sectionStart: program.sectionStart });
	return readImage(reread(elf));
}

function objectsInPointerForm(program: Program, indirect: "pointer" | "retpoline"): ElfObject[] {
	const written = resolveIn(program);
	const rewritten = (file: string, source: string) => {
		const { code, map } = rewriteFfp(source, { file, resolve: written });
		return { file, source: code, map: positionsOf(map) };
	};
	const resolve = (specifier: string, from: string) => {
		const found = written(specifier, from);
		return found && rewritten(found.file, found.source);
	};
	return [...program.modules].map(([file, text]) => {
		const { source, map } = rewritten(file, text);
		return compile(source, { file, resolve, map, indirect });
	});
}

/** What the program prints on one CPU; an error when it does not come to an end. */
export function runOnMachine(image: Image): string[] {
	const system = createSystem(load(image, { profile: profiles[0]! }), image, breakpoint);
	const end = run(system, { cycles: 1e9 });
	if (end.kind !== "halted")
		throw new Error(`${system.output.join("\n")}\n${JSON.stringify(end)} ${system.refusal ?? ""}`);
	return system.output;
}
