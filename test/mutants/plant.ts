// Plants faults: writes the sources as JavaScript beside each other, one of them changed, and asks witnesses about them in a
// process of their own (witness.ts).

import { execFile } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { transformSync } from "rolldown/utils";
import type { Mutant } from "./mutant.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** Inside the project, so that packages are found from there. */
const folder = join(root, "dist-mutants");
const rooms = ["linker", "runtime", "tools", "test"];

/** Writes all sources once; `plant` copies them. */
export function prepare(): void {
	rmSync(folder, { recursive: true, force: true });
	for (const room of rooms)
		for (const file of readdirSync(join(root, room), { recursive: true, encoding: "utf8" }))
			if (file.endsWith(".ts") && !file.endsWith(".test.ts"))
				compile("plain", join(room, file), sourceOf(join(room, file)));
	symlinkSync(join(root, "fixtures"), join(folder, "fixtures"));
}

export function clear(): void {
	rmSync(folder, { recursive: true, force: true });
}

export function sourceOf(file: string): string {
	return readFileSync(join(root, file), "utf8");
}

function compile(tree: string, file: string, source: string): void {
	const { code, errors } = transformSync(file, source, { typescript: { rewriteImportExtensions: true } });
	if (errors.length > 0) throw new Error(`${file}: ${errors[0]!.message}`);
	const to = join(folder, tree, file.replace(/\.ts$/, ".js"));
	mkdirSync(dirname(to), { recursive: true });
	writeFileSync(to, code);
}

/** How often the text that a mutant replaces is in its file: once, or the table does not follow the code. */
export function occurrences({ file, old }: Mutant): number {
	return sourceOf(file).split(old).length - 1;
}

let planted = 0;

/** @returns what the first witness found that found anything; undefined when all saw nothing */
export async function ask(mutant: Mutant | undefined, witnesses: readonly string[]): Promise<string | undefined> {
	if (mutant === undefined) return run("plain", witnesses);
	const tree = `planted-${++planted}`;
	cpSync(join(folder, "plain"), join(folder, tree), { recursive: true });
	compile(
		tree,
		mutant.file,
		sourceOf(mutant.file).replace(mutant.old, () => mutant.new),
	);
	const found = await run(tree, witnesses);
	rmSync(join(folder, tree), { recursive: true });
	return found;
}

function run(tree: string, witnesses: readonly string[]): Promise<string | undefined> {
	const file = join(folder, tree, "test/mutants/witness.js");
	return new Promise((resolve, reject) => {
		execFile(process.execPath, [file, ...witnesses], { cwd: root }, (error, stdout, stderr) => {
			if (error === null) resolve(undefined);
			else if (stdout !== "") resolve(stdout.trim());
			else if (stderr !== "") resolve(/^\w*Error.*/m.exec(stderr)?.[0] ?? stderr);
			else reject(error);
		});
	});
}
