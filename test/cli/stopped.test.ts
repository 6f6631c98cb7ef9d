// Long commands that somebody stops: they say what they have, and nobody who works for them is left.

import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { expect, test } from "vitest";
import { everything, howMany, spread } from "../extent.ts";
import { inFolder } from "./command-line.ts";
import { hasHad, type Running, start } from "./running.ts";

/** Scenarios that take minutes. */
function longScenarios(folder: string): string[] {
	const text = readFileSync("fixtures/check/text-poke.s", "utf8");
	return ["a.s", "b.s"].map((name) => {
		const file = join(folder, name);
		writeFileSync(file, text.replace(/^# expect.*\n/m, "").replace("# cpu: 2 caller", "# cpu: 5 caller"));
		return file;
	});
}

const slowly = ["--no-symmetry", "--no-merge"];

/** Resolves when the command has said something. */
async function hasBegun({ child }: Running): Promise<void> {
	await once(child.stderr!, "data");
}

test("check says at Ctrl-C how far it is", () =>
	inFolder(async (folder) => {
		const [file] = longScenarios(folder);
		const running = start("check", file!, ...slowly, "--json");
		await hasBegun(running);
		running.child.kill("SIGINT");
		const { code, out, err } = await running.ended;
		expect(code).toBe(130);
		const verdict = JSON.parse(out);
		expect(verdict).toMatchObject({ schema: "patchbay/verdict@1", verdict: "undecided" });
		expect(verdict.why).toMatch(/^stopped with \d+ states expanded$/);
		expect(verdict.states).toBeGreaterThan(1000);
		expect(err).toMatch(/stopped: 1 of 1 file begun\n$/);
	}));

test("check asks its workers at Ctrl-C", () =>
	inFolder(async (folder) => {
		const files = longScenarios(folder);
		const running = start("check", ...files, ...slowly, "--jobs", "2");
		await hasBegun(running);
		running.child.kill("SIGINT");
		const { code, out } = await running.ended;
		expect(code).toBe(130);
		expect(out.match(/^ {2}stopped with/gm)).toHaveLength(2);
	}));

test.each(spread(["SIGKILL", "SIGTERM"] as const, 2))("the workers of check end with it, also at %s", (signal) =>
	inFolder(async (folder) => {
		const running = start("check", ...longScenarios(folder), ...slowly, "--jobs", "2");
		await hasBegun(running);
		const workers = childrenOf(running.child.pid!);
		expect(workers).toHaveLength(2);
		running.child.kill(signal);
		expect(await running.ended).toMatchObject({ signal });
		for (const worker of workers) while (isRunning(worker)) await wait(20);
	}),
);

function childrenOf(pid: number): number[] {
	return execFileSync("ps", ["-o", "pid=", "--ppid", String(pid)], { encoding: "utf8" })
		.trim()
		.split(/\s+/)
		.map(Number);
}

function isRunning(pid: number): boolean {
	try {
		process.kill(pid, 0);
		return true;
	} catch {
		return false;
	}
}

test.each([
	["stress", "--calls", "100000"],
	...(everything
		? [
				["matrix", "--cpus", "3"],
				["chaos", "--calls", "1000000"],
			]
		: []),
])("%s says at Ctrl-C what it has", async (...argv) => {
	const { child, ended } = start(...argv, "--json");
	await hasHad(child.pid!, BEGUN);
	child.kill("SIGINT");
	const { code, out, err } = await ended;
	expect(code).toBe(130);
	expect(JSON.parse(out)).toMatchObject({ schema: `patchbay/${argv[0]}@1`, stopped: true });
	expect(err).toMatch(/stopped /);
});

/** Hundredths of a second of processor time: much more than it takes to begin. */
const BEGUN = howMany(100, 200);
