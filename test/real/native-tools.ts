// Compilers and tools for the tests on real machines' files. A tool that is not installed skips its tests, and says so.

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** objtool of the newest kernel whose build tools are installed; of none, a path where nothing is. */
export const objtool = newestObjtool();

function newestObjtool(): string {
	const folder = "/usr/lib";
	const versions = existsSync(folder) ? readdirSync(folder).filter((name) => name.startsWith("linux-kbuild-")) : [];
	const newest = versions.sort((a, b) => a.localeCompare(b, "en", { numeric: true })).at(-1) ?? "linux-kbuild";
	return `${folder}/${newest}/tools/objtool/objtool`;
}

export function has(tool: string): boolean {
	const found = tool.startsWith("/") ? existsSync(tool) : spawnSync(tool, ["--version"]).status === 0;
	if (!found) process.stderr.write(`SKIPPED: ${tool} is not installed, its tests do not run\n`);
	return found;
}

/** Whether this machine runs what its gcc compiles, and that is x86-64. */
export function hasNative(...tools: readonly string[]): boolean {
	return process.arch === "x64" && ["gcc", ...tools].every(has);
}

/** @returns standard output
 * @throws when it fails, with what it said */
export function run(tool: string, ...argv: readonly string[]): string {
	return execFileSync(tool, argv, { encoding: "utf8", maxBuffer: 2 ** 28 });
}

/** A file of fixtures/native. */
export function source(name: string): string {
	return fileURLToPath(new URL(`../../fixtures/native/${name}`, import.meta.url));
}
