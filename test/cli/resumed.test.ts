// Campaigns that were stopped and go on: whenever that was, in the end there is what a campaign that nobody stopped reports.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { everything } from "../extent.ts";
import { cli, inFolder } from "./command-line.ts";
import { hasHad, start } from "./running.ts";

const scenarios = ["text-poke", "naive", "straddling", "masked-for-a-while", "stop-machine"].map(
	(name) => `fixtures/check/${name}.s`,
);

const campaigns: readonly (readonly string[])[] = [
	["stress", "--cases", "4", "--calls", "60", "--seed", "5"],
	["matrix", "--cpus", "1", "--protocol", "naive", "breakpoint", "stop-machine"],
	["chaos", "--calls", "6000", "--protocol", "breakpoint", "naive", "--model", "x86", "arm", "riscv"],
	["check", ...scenarios, "--no-symmetry"],
	["check", ...scenarios, "--no-merge", "--expect", "--jobs", "2"],
];

test.runIf(everything).each(campaigns)("%s %s %s", (...argv) =>
	inFolder(async (folder) => {
		const whole = await start(...argv, "--json").ended;
		const report = join(folder, "report.json");
		const resume: string[] = [];
		for (const hundredths of [40, 70, 100]) {
			const running = start(...argv, ...resume, "--json");
			await hasHad(running.child.pid!, hundredths);
			running.child.kill("SIGINT");
			const { out } = await running.ended;
			// Killed before it listened: nothing was begun.
			if (out === "") continue;
			writeFileSync(report, out);
			resume.splice(0, 2, "--resume", report);
		}
		const resumed = await start(...argv, ...resume, "--json").ended;
		expect({ code: resumed.code, report: JSON.parse(resumed.out) }).toEqual({
			code: whole.code,
			report: JSON.parse(whole.out),
		});
	}),
);

test("what is complete is not done again", () =>
	inFolder(async (folder) => {
		const file = join(folder, "report.json");
		const { out } = await cli("chaos", "--calls", "500", "--protocol", "naive", "--model", "x86", "--json");
		const report = JSON.parse(out);
		report.cells[0].counts.torn = 12345;
		writeFileSync(file, JSON.stringify({ ...report, cells: report.cells.slice(0, 1), stopped: true }));
		const resumed = await cli(
			...["chaos", "--calls", "500", "--protocol", "naive", "--model", "x86", "--json"],
			"--resume",
			file,
		);
		expect(JSON.parse(resumed.out)).toEqual(report);
	}));

test("a verdict that was stopped is checked again, and so is one of a scenario that changed", () =>
	inFolder(async (folder) => {
		const [a, b, file] = ["a.s", "b.s", "report.json"].map((name) => join(folder, name)) as [string, string, string];
		for (const path of [a, b]) writeFileSync(path, readFileSync("fixtures/check/naive.s"));
		const whole = JSON.parse((await cli("check", a, b, "--json")).out);
		const marked = structuredClone(whole);
		marked.verdicts[0].verdict.states = 1;
		marked.verdicts[1].verdict = { ...marked.verdicts[1].verdict, states: 1, stopped: true };
		writeFileSync(file, JSON.stringify(marked));
		const resumed = JSON.parse((await cli("check", a, b, "--json", "--resume", file)).out);
		expect(resumed.verdicts.map((one: { verdict: { states: number } }) => one.verdict.states)).toEqual([
			1,
			whole.verdicts[1].verdict.states,
		]);
		writeFileSync(a, `${readFileSync(a, "utf8")}\tnop\n`);
		const changed = JSON.parse((await cli("check", a, b, "--json", "--resume", file)).out);
		expect(changed.verdicts[0].verdict.states).toBeGreaterThan(1);
	}));

test("a campaign goes on with the options that it began with", () =>
	inFolder(async (folder) => {
		const file = join(folder, "report.json");
		writeFileSync(file, (await cli("stress", "--cases", "1", "--calls", "1", "--json")).out);
		expect(await cli("stress", "--cases", "1", "--calls", "2", "--resume", file)).toMatchObject({
			code: 3,
			err: `${file}: was begun with --calls 1, not 2; go on with the same\n`,
		});
		writeFileSync(file, JSON.stringify({ schema: "patchbay/stress@1", failed: null }));
		expect(await cli("stress", "--resume", file)).toMatchObject({
			code: 3,
			err: `${file}: does not say what was asked for, so nothing can go on\n`,
		});
		expect(await cli("matrix", "--resume", file)).toMatchObject({ code: 3 });
	}));
