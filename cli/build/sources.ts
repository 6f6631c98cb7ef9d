// Sources to objects: modules are compiled, each with its relative imports, and assembly is assembled.

import { resolve as absolute, dirname, join, normalize } from "node:path";
import {
	assemble,
	compile,
	positionsOf,
	type Resolved,
	type Rewritten,
	rewriteFfp,
} from "../../linker/compile/index.ts";
import type { ElfObject } from "../../linker/elf/index.ts";
import { isRegularFile } from "../shell/files.ts";
import { checkImport } from "../shell/outputs.ts";
import { readSource } from "../shell/source-lines.ts";
import type { CallMode, CodeOptions } from "./call-modes.ts";

export function assembleFile(file: string, { alignSites = false }: CodeOptions = {}): ElfObject {
	return assemble(readSource(file), { file, alignSites });
}

/** A module and, behind it, all that it imports and that is not in `seen` yet. */
export function compileModules(file: string, mode: CallMode, seen: Set<string>, code: CodeOptions): ElfObject[] {
	return withImports(file, (module, found) => compileModule(module, mode, found, code), seen);
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
export function compileModule(
	file: string,
	mode: CallMode,
	found: string[] = [],
	{ alignSites = false, entryNops = false, paravirt = {} }: CodeOptions = {},
): ElfObject {
	const resolve = (specifier: string, from: string): Resolved | undefined => {
		const path = modulePath(specifier, from);
		if (path === undefined) return undefined;
		found.push(path);
		return sourceOf(path, mode);
	};
	const { source, map } = sourceOf(file, mode);
	const indirect = mode === "ffp-retpoline" ? "retpoline" : "pointer";
	return compile(source, {
		file,
		resolve,
		indirect,
		alignSites,
		entryNops,
		paravirt,
		...(map !== undefined && { map }),
	});
}

/** A module in its FFP form. @param found as above */
export function rewriteModule(file: string, found: string[] = []): Rewritten {
	const resolve = (specifier: string, from: string): Resolved | undefined => {
		const path = modulePath(specifier, from);
		if (path === undefined) return undefined;
		found.push(path);
		return { file: path, source: readSource(path) };
	};
	return rewriteFfp(readSource(file), { file, resolve });
}

function sourceOf(file: string, mode: CallMode): Resolved {
	if (mode !== "ffp" && mode !== "ffp-retpoline") return { file, source: readSource(file) };
	const { code, map } = rewriteModule(file);
	return { file, source: code, map: positionsOf(map) };
}

/** The file behind a relative import, if it is there. */
function modulePath(specifier: string, from: string): string | undefined {
	const path = /^\.\.?\//.test(specifier) ? normalize(join(dirname(from), specifier)) : undefined;
	if (path === undefined || !isRegularFile(path)) return undefined;
	checkImport(path);
	return path;
}
