// Source texts that a line table names. The table comes from a file, which may name any path: only regular files below the
// current folder or `--source-root` are opened, and those that the command line named and the compiler has read.

import { realpathSync, statSync } from "node:fs";
import { isAbsolute, relative, resolve } from "node:path";
import type { Command as CommandLine } from "commander";
import { readText } from "./files.ts";

/** A larger file is no source. */
const MOST_BYTES = 2 ** 24;

let root: string | undefined;
const compiled = new Set<string>();

export function declareSourceRoot(line: CommandLine): void {
	line.option("--source-root <folder>", "show source lines from below this folder, not the current one");
}

/** Called before a command runs. */
export function setSourceRoot(folder: string | undefined): void {
	root = folder;
	compiled.clear();
}

/** The text of a source that is compiled or assembled. @throws LinkError when it cannot be read */
export function readSource(path: string): string {
	compiled.add(resolve(path));
	return readText(path);
}

/** The text of a file that a line table names, if it is there and may be shown. Relative names start at the root. */
export function sourceText(path: string): string | undefined {
	try {
		const place = resolve(root ?? ".", path);
		const file = realpathSync(compiled.has(resolve(path)) ? resolve(path) : place);
		const status = statSync(file);
		if (!status.isFile() || status.size > MOST_BYTES) return undefined;
		return compiled.has(resolve(path)) || isBelow(file, realpathSync(root ?? ".")) ? readText(file) : undefined;
	} catch {
		return undefined;
	}
}

function isBelow(file: string, folder: string): boolean {
	const way = relative(folder, file);
	return way !== "" && !way.startsWith("..") && !isAbsolute(way);
}
