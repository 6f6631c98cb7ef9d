// The checker as a command: replaying counterexamples, parts of a campaign and joining them, bad input.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { cli, inFolder } from "./command-line.ts";

const safe = resolve("fixtures/check/text-poke.s");
const unsafe = resolve("fixtures/check/naive.s");

describe("check", () => {
	test("exits 0 for safe, 1 for unsafe, 4 for undecided", async () => {
		expect((await cli("check", safe)).code).toBe(0);
		expect((await cli("check", unsafe)).code).toBe(1);
		const bounded = await cli("check", safe, "--max-states", "10", "--json");
		expect(bounded.code).toBe(4);
		expect(JSON.parse(bounded.out)).toMatchObject({ verdict: "undecided", why: "10 states" });
	});

	test("prints one object with a schema, and the trace only when unsafe", async () => {
		const good = JSON.parse((await cli("check", safe, "--json")).out);
		expect(good).toMatchObject({ schema: "patchbay/verdict@1", verdict: "safe" });
		expect(good.trace).toBeUndefined();
		expect(good.sample.length).toBeGreaterThan(10);
		const bad = JSON.parse((await cli("check", unsafe, "--json")).out);
		expect(bad).toMatchObject({ verdict: "unsafe", property: "torn" });
		expect(bad.trace.at(-1)).toMatchObject({ broken: "torn", fetched: expect.any(String) });
	});

	test("names the line and what was allowed when a header is wrong", async () => {
		await inFolder(async (folder) => {
			const file = join(folder, "x.s");
			writeFileSync(file, readFileSync(unsafe, "utf8").replace("by naive", "by breakpiont"));
			const { code, err } = await cli("check", file);
			expect(code).toBe(3);
			expect(err).toContain("no protocol 'breakpiont' (did you mean 'breakpoint'?)");
		});
	});
});

describe("a header that would say less than it seems to", () => {
	test.each([
		["model: x86", "modle: arm", ":3: a header has no 'modle' (did you mean 'model'?)"],
		["poke: site", "poke site", ":5: write '# poke: site = deadline by naive', with a colon"],
	])("is refused: %s as %s", async (right, wrong, message) => {
		await inFolder(async (folder) => {
			const file = join(folder, "x.s");
			writeFileSync(file, readFileSync(unsafe, "utf8").replace(right, wrong));
			const { code, err } = await cli("check", file);
			expect(code).toBe(3);
			expect(err).toContain(file + message);
		});
	});
});

describe("the label that a CPU begins at", () => {
	test.each([
		[
			"is a function",
			"\t.type caller, @function",
			"'caller' is no function to start at: write .type caller, @function",
		],
		["is global", "\t.global caller", "the entry 'caller' is a local name: write .global caller"],
	])("%s", async (_, line, message) => {
		await inFolder(async (folder) => {
			const file = join(folder, "x.s");
			writeFileSync(file, readFileSync(unsafe, "utf8").replace(line, ""));
			const { code, err } = await cli("check", file);
			expect(code).toBe(3);
			expect(err).toContain(message);
		});
	});
});

describe("run --replay", () => {
	test("goes the same way again", async () => {
		await inFolder(async (folder) => {
			const file = join(folder, "cex.json");
			const { out } = await cli("check", unsafe, "--json");
			writeFileSync(file, out);
			const again = await cli("run", "--replay", file, "--json");
			expect(again.code).toBe(1);
			expect(JSON.parse(again.out).trace).toEqual(JSON.parse(out).trace);
		});
	});

	test("refuses a way that goes elsewhere, and a file that is none", async () => {
		await inFolder(async (folder) => {
			const file = join(folder, "cex.json");
			const verdict = JSON.parse((await cli("check", unsafe, "--json")).out);
			for (const [change, says] of [
				[{ path: [...verdict.path.slice(0, -1), 999] }, "there is no choice 999"],
				[{ trace: verdict.trace.slice(1) }, "goes another way than recorded"],
				[{ schema: "other" }, "schema: 'other' is not 'patchbay/verdict@1'"],
			] as const) {
				writeFileSync(file, JSON.stringify({ ...verdict, ...change }));
				const { code, err } = await cli("run", "--replay", file);
				expect(code).toBe(3);
				expect(err).toContain(says);
			}
		});
	});
});

describe("a campaign in parts", () => {
	test("is the same joined as in one piece", async () => {
		await inFolder(async (folder) => {
			const whole = JSON.parse((await cli("check", safe, unsafe, "--json")).out);
			const parts = await Promise.all(
				["1/2", "2/2"].map((part) => cli("check", safe, unsafe, "--json", "--shard", part)),
			);
			const files = parts.map(({ out }, i) => {
				const file = join(folder, `${i}.json`);
				writeFileSync(file, out);
				return file;
			});
			const merged = await cli("merge", ...files, "--json", "--expect");
			expect(merged.code).toBe(0);
			const byFile = (all: { file: string }[]) => all.toSorted((a, b) => (a.file < b.file ? -1 : 1));
			expect(byFile(JSON.parse(merged.out).verdicts)).toEqual(byFile(whole.verdicts));
		});
	});

	const parallel = spawnSync("parallel", ["--version"]).status === 0 && existsSync("dist/cli/main.cjs");
	if (!parallel)
		console.warn("SKIPPED: GNU parallel, or the build in dist/, is missing; the job-array test did not run");

	test.skipIf(!parallel)("runs as jobs of GNU parallel", async () => {
		await inFolder(async (folder) => {
			const command = `${process.execPath} dist/cli/main.cjs`;
			const job = `${command} check ${safe} ${unsafe} --json --shard {}/2 '>' ${folder}/{}.json`;
			spawnSync("sh", ["-c", `parallel --will-cite -j 2 ${job} ::: 1 2`], { encoding: "utf8" });
			const merged = await cli("merge", join(folder, "1.json"), join(folder, "2.json"), "--expect");
			expect(merged).toMatchObject({ code: 0 });
			expect(merged.out.split("\n").filter((line) => line.startsWith("ok"))).toHaveLength(2);
		});
	});
});
