// Builds what lies in bench/native/ with this machine's gcc and runs it: what a call costs, patched and otherwise, and the
// storm. Say how many changes each storm makes, a million if not said: npm run bench:native -- 10000

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { patchbay } from "../cli/patchbay.ts";
import { packageRoot } from "../cli/shell/package-root.ts";

const root = packageRoot();
const aligned = "-Wa,-malign-branch-boundary=16,-malign-branch=call+jmp+jcc";
const quiet = { async write() {}, note() {}, colour: false, width: 80 };

/** Compiles the files with gcc, collects their calls, links them. @returns the program */
async function build(
	folder: string,
	name: string,
	files: readonly string[],
	flags: readonly string[],
): Promise<string> {
	const objects: string[] = [];
	for (const file of files) {
		const object = join(folder, `${name}-${file}.o`);
		execFileSync("gcc", ["-O2", `-I${root}native`, ...flags, "-c", `${root}bench/native/${file}`, "-o", object]);
		if ((await patchbay(["collect", object, "--user"], quiet)) !== 0) throw new Error(`${object} cannot be collected`);
		objects.push(object);
	}
	execFileSync("gcc", ["-pthread", ...objects, "-o", join(folder, name)]);
	return join(folder, name);
}

function show(program: string, argv: readonly string[], env: NodeJS.ProcessEnv = {}): void {
	process.stdout.write(execFileSync(program, argv, { encoding: "utf8", env: { ...process.env, ...env } }));
}

const folder = mkdtempSync(join(tmpdir(), "patchbay-bench-"));
try {
	const cost = await build(folder, "cost", ["cost.c"], []);
	show(cost, []);
	process.stdout.write("The same with calls on their trampolines:\n");
	show(cost, [], { PATCHBAY: "trampoline" });
	process.stdout.write("The same with retpolines:\n");
	show(await build(folder, "retpolines", ["cost.c"], ["-mindirect-branch=thunk"]), []);
	for (const sites of [56, 1000]) {
		const flags = [`-DSITES=${sites}`, "-DDEFINE_KEYS", "-DROUND=round_here", aligned];
		const storm = await build(folder, `storm${sites}`, ["storm.c", "storm-calls.c"], flags);
		for (const changes of ["store", "zero", "null", "both"]) show(storm, [changes, process.argv[2] ?? "1000000", "4"]);
	}
} finally {
	rmSync(folder, { recursive: true });
}
