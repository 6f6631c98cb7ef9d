// From the files on a command line to objects and an image. Sources are compiled or assembled in memory; the compiler is
// loaded for them only.

import { resolve as absolute } from "node:path";
import { type Command as CommandLine, Option } from "commander";
import { type ElfObject, ET_EXEC, isElf, readElf } from "../../linker/elf/index.ts";
import { LinkError } from "../../linker/errors.ts";
import { type Image, link, readImage } from "../../linker/link/index.ts";
import { UsageError } from "../shell/command.ts";
import { readBytes } from "../shell/files.ts";
import { texts } from "../shell/options.ts";
import { type CallMode, type CodeOptions, callModes, linkMode } from "./call-modes.ts";

export interface BuildOptions {
	readonly staticCalls: CallMode;
	readonly patchable?: readonly string[];
	readonly entryNops?: true;
	readonly alignSites?: true;
}

export function declareBuildOptions(line: CommandLine): void {
	line.addOption(
		new Option("--static-calls <how>", "how calls of static-call keys are made").choices(callModes).default("inline"),
	);
	line.option("--patchable <function...>", "make every plain call of these functions a static call", texts);
	line.option("--entry-nops", "begin every function with NOP5, so that it can be traced");
	line.option("--align-sites", "pad so that no call site of a source crosses an aligned 8 bytes");
}

/** The objects of all files, in their order, each module's imports behind it; everything counts once. */
export async function loadObjects(
	files: readonly string[],
	mode: CallMode,
	code: CodeOptions = {},
): Promise<ElfObject[]> {
	const sources = files.some((file) => /\.(js|s)$/.test(file)) ? await import("./sources.ts") : undefined;
	const seen = new Set<string>();
	return files.flatMap((file) => {
		if (sources !== undefined && file.endsWith(".js")) return sources.compileModules(file, mode, seen, code);
		if (seen.has(absolute(file))) return [];
		seen.add(absolute(file));
		if (sources !== undefined && file.endsWith(".s")) return [sources.assembleFile(file, code)];
		return [readObject(file)];
	});
}

/** The object of one file; what it imports is elsewhere. */
export async function loadObject(file: string, mode: CallMode, code: CodeOptions = {}): Promise<ElfObject> {
	const sources = /\.(js|s)$/.test(file) ? await import("./sources.ts") : undefined;
	if (sources === undefined) return readObject(file);
	return file.endsWith(".js") ? sources.compileModule(file, mode, [], code) : sources.assembleFile(file, code);
}

function readObject(file: string): ElfObject {
	const bytes = readBytes(file);
	if (isElf(bytes)) return readElf(bytes, file);
	throw new LinkError(`${file}: is neither a source (.js, .s) nor an ELF file`);
}

/** An image, read if the one file is one, otherwise linked. */
export async function loadImage(files: readonly string[], options: BuildOptions, name?: string): Promise<Image> {
	const objects = await loadObjects(files, options.staticCalls, options);
	const image = objects.find((object) => object.type === ET_EXEC);
	if (image === undefined) return linkObjects(objects, options, name ?? files[0]!);
	if (objects.length > 1) throw new LinkError(`${image.name}: is an image already and cannot be linked with others`);
	if (options.patchable !== undefined) throw new UsageError(`--patchable is for linking, and ${image.name} is linked`);
	if (options.alignSites) throw new UsageError(`--align-sites is for sources, and ${image.name} is linked`);
	return readImage(image);
}

/** Where things go, if not where the linker puts them. */
export interface LinkPlaces {
	readonly entry?: string;
	readonly sectionStart?: ReadonlyMap<string, number>;
}

export function linkObjects(
	objects: readonly ElfObject[],
	{ staticCalls, patchable = [] }: BuildOptions,
	name: string,
	{ entry, sectionStart }: LinkPlaces = {},
): Image {
	return link(objects, {
		staticCalls: linkMode(staticCalls),
		patchable,
		name,
		...(entry !== undefined && { entry }),
		...(sectionStart !== undefined && { sectionStart }),
	});
}
