// From the files on a command line to objects and an image: sources are compiled or assembled in memory, a module brings
// its relative imports along, and every module counts once.

import { existsSync } from "node:fs";
import { resolve as absolute, dirname, join, normalize } from "node:path";
import { type Command as CommandLine, Option } from "commander";
import { assemble, compile, positionsOf, type Resolved, type Rewritten, rewriteFfp } from "../linker/compile/index.ts";
import { type ElfObject, ET_EXEC, isElf, readElf } from "../linker/elf/index.ts";
import { LinkError } from "../linker/errors.ts";
import { type Image, link, readImage } from "../linker/link/index.ts";
import { UsageError } from "./command.ts";
import { readBytes, readText } from "./files.ts";

/** How calls of static-call keys are made: three ways to link them, and two ways to do without. */
export const callModes = ["inline", "trampoline", "pointer", "ffp", "ffp-retpoline"] as const;
export type CallMode = (typeof callModes)[number];

export interface BuildOptions {
	readonly staticCalls: CallMode;
	readonly patchable?: readonly string[];
}

export function declareBuildOptions(line: CommandLine): void {
	line.addOption(
		new Option("--static-calls <how>", "how calls of static-call keys are made").choices(callModes).default("inline"),
	);
	line.option("--patchable <function...>", "make every plain call of these functions a static call");
}

/** The objects of all files, in their order, each module's imports behind it. */
export function loadObjects(files: readonly string[], mode: CallMode): ElfObject[] {
	const seen = new Set<string>();
	return files.flatMap((file) => {
		if (file.endsWith(".js")) return withImports(file, (module, found) => compileModule(module, mode, found), seen);
		if (seen.has(absolute(file))) return [];
		seen.add(absolute(file));
		if (file.endsWith(".s")) return [assemble(readText(file), { file })];
		return [readObject(file)];
	});
}

function readObject(file: string): ElfObject {
	const bytes = readBytes(file);
	if (isElf(bytes)) return readElf(bytes, file);
	throw new LinkError(`${file}: is neither a source (.js, .s) nor an ELF file`);
}

/** An image, read if the one file is one, otherwise linked. */
export function loadImage(files: readonly string[], options: BuildOptions, name?: string): Image {
	const objects = loadObjects(files, options.staticCalls);
	const image = objects.find((object) => object.type === ET_EXEC);
	if (image === undefined) return linkObjects(objects, options, name ?? files[0]!);
	if (objects.length > 1) throw new LinkError(`${image.name}: is an image already and cannot be linked with others`);
	if (options.patchable !== undefined) throw new UsageError(`--patchable is for linking, and ${image.name} is linked`);
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

/** In the forms with fast function pointers no static calls remain to be linked. */
function linkMode(mode: CallMode): "inline" | "trampoline" | "pointer" {
	return mode === "ffp" || mode === "ffp-retpoline" ? "inline" : mode;
}

/** What `make` makes of a module and, behind it, of all it imports that is not in `seen` yet.
 * @param make adds to `found` the modules that the one imports, directly or not */
export function withImports<T>(
	file: string,
	make: (file: string, found: string[]) => T,
	seen: Set<string> = new Set(),
): T[] {
	const made: T[] = [];
	const queue = [normalize(file)];
	for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
		if (seen.has(absolute(next))) continue;
		seen.add(absolute(next));
		made.push(make(next, queue));
	}
	return made;
}

/** @param found the modules it imports, directly or not, are added here */
export function compileModule(file: string, mode: CallMode, found: string[] = [], alignSites = false): ElfObject {
	const resolve = (specifier: string, from: string): Resolved | undefined => {
		const path = modulePath(specifier, from);
		if (path === undefined) return undefined;
		found.push(path);
		return sourceOf(path, mode);
	};
	const { source, map } = sourceOf(file, mode);
	const indirect = mode === "ffp-retpoline" ? "retpoline" : "pointer";
	return compile(source, { file, resolve, indirect, alignSites, ...(map !== undefined && { map }) });
}

/** A module in its FFP form. @param found as above */
export function rewriteModule(file: string, found: string[] = []): Rewritten {
	const resolve = (specifier: string, from: string): Resolved | undefined => {
		const path = modulePath(specifier, from);
		if (path === undefined) return undefined;
		found.push(path);
		return { file: path, source: readText(path) };
	};
	return rewriteFfp(readText(file), { file, resolve });
}

function sourceOf(file: string, mode: CallMode): Resolved {
	if (mode !== "ffp" && mode !== "ffp-retpoline") return { file, source: readText(file) };
	const { code, map } = rewriteModule(file);
	return { file, source: code, map: positionsOf(map) };
}

/** The file behind a relative import, if it is there. */
function modulePath(specifier: string, from: string): string | undefined {
	const path = /^\.\.?\//.test(specifier) ? normalize(join(dirname(from), specifier)) : undefined;
	return path !== undefined && existsSync(path) ? path : undefined;
}
