// Campaigns in parts: whoever runs the parts, their reports joined are what the whole reports.

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { stressCase } from "../../runtime/measure/index.ts";
import { everything, howMany } from "../extent.ts";
import { cli, inFolder } from "./command-line.ts";
import { hasHad, start } from "./running.ts";

const campaigns: readonly (readonly string[])[] = [
	["chaos", "--calls", "50", "--protocol", "naive,breakpoint", "--model", "x86,ideal"],
	["matrix", "--cpus", "1", "--protocol", "naive,breakpoint", "--model", "ideal,x86"],
	["stress", "--cases", "4", "--calls", "2"],
];

/** The JSON of all parts, in files. */
async function inParts(folder: string, argv: readonly string[], of: number): Promise<string[]> {
	const files: string[] = [];
	for (let part = 1; part <= of; part++) {
		files.push(join(folder, `${part}.json`));
		writeFileSync(files.at(-1)!, (await cli(...argv, "--json", "--shard", `${part}/${of}`)).out);
	}
	return files;
}

test.each(campaigns)("%s in parts is the same joined as in one piece", (...argv) =>
	inFolder(async (folder) => {
		const whole = await cli(...argv, "--json");
		const files = await inParts(folder, argv, 3);
		const merged = await cli("merge", ...files.toReversed(), "--json");
		expect({ code: merged.code, report: JSON.parse(merged.out) }).toEqual({
			code: whole.code,
			report: JSON.parse(whole.out),
		});
		writeFileSync(join(folder, "whole.json"), whole.out);
		expect((await cli("merge", ...files)).out).toBe((await cli("merge", join(folder, "whole.json"))).out);
	}),
);

test("a part that is missing, there twice or of another campaign is said", () =>
	inFolder(async (folder) => {
		const chaos = ["chaos", "--calls", "10", "--protocol", "naive", "--model", "x86"];
		const [one, two, three] = (await inParts(folder, chaos, 3)) as [string, string, string];
		expect(await cli("merge", one, three)).toMatchObject({ code: 3, err: "missing: 2/3\n" });
		expect(await cli("merge", one, one)).toMatchObject({ code: 3, err: `${one}: part 1/3 is there twice\n` });
		const other = join(folder, "other.json");
		writeFileSync(other, (await cli(...chaos, "--seed", "2", "--json", "--shard", "2/3")).out);
		expect(await cli("merge", one, other, three)).toMatchObject({
			code: 3,
			err: `${other}: is of another campaign than ${one}: --seed 1, not 2\n`,
		});
		writeFileSync(other, (await cli("stress", "--cases", "1", "--calls", "1", "--json")).out);
		expect(await cli("merge", two, other)).toMatchObject({
			code: 3,
			err: `${other}: is patchbay/stress@1, and ${two} is patchbay/chaos@1\n`,
		});
	}));

test("a failure of any part is the failure of the whole: the one with the least seed", () =>
	inFolder(async (folder) => {
		const files = await inParts(folder, ["stress", "--cases", "2", "--calls", "1"], 2);
		for (const [i, file] of files.entries()) {
			const report = JSON.parse(readFileSync(file, "utf8"));
			writeFileSync(file, JSON.stringify({ ...report, failed: { what: `fails ${i}`, case: stressCase(2 - i, 1) } }));
		}
		const merged = await cli("merge", ...files);
		expect(merged.code).toBe(1);
		expect(merged.out).toMatch(/^fails 1\n/);
	}));

test.runIf(everything)("jobs of a part do that part, and go on where they were stopped", () =>
	inFolder(async (folder) => {
		const argv = ["stress", "--cases", String(howMany(4, 24)), "--calls", "30", "--shard", "1/2", "--json"];
		const whole = await start(...argv).ended;
		const running = start(...argv, "--jobs", "2");
		await hasHad(running.child.pid!, 10);
		running.child.kill("SIGINT");
		const file = join(folder, "stopped.json");
		const stopped = await running.ended;
		writeFileSync(file, stopped.out);
		const resumed = await start(...argv, "--jobs", "2", ...(stopped.out === "" ? [] : ["--resume", file])).ended;
		expect({ code: resumed.code, report: JSON.parse(resumed.out) }).toEqual({
			code: whole.code,
			report: JSON.parse(whole.out),
		});
	}),
);

test("a job that ends with an error ends the whole with it, told once", async () => {
	const { code, err, out } = await start("chaos", "--jobs", "2", "--model", "x87", "--json").ended;
	expect(code).toBe(2);
	expect(err.match(/x87/g)).toHaveLength(1);
	expect(JSON.parse(out)).toMatchObject({ schema: "patchbay/error@1", exitCode: 2 });
});

describe("docs/campaigns.md", () => {
	const page = readFileSync("docs/campaigns.md", "utf8");
	const blocks = [...page.matchAll(/```(\w+)\n(.*?)```/gs)].map(([, language, text]) => ({ language, text: text! }));

	/** Runs the script in the block that has these words, with a `patchbay` that tells what it is called with. */
	function recorded(
		words: string,
		scriptOf: (text: string) => string,
		env: Record<string, string> = {},
	): Promise<string> {
		const script = scriptOf(blocks.find(({ text }) => text.includes(words))!.text);
		return inFolder(async (folder) => {
			mkdirSync(join(folder, "parts"));
			const told = `patchbay() { echo "$@" >&3; }; npx() { "$@"; }; exec 3>&1\n${script}`;
			return execFileSync("bash", ["-euc", told], { encoding: "utf8", env: { ...process.env, ...env }, cwd: folder });
		});
	}

	const eight = Array.from({ length: 8 }, (_, i) => i);
	const asked = (i: number): string => `chaos --calls 1000000 --json --shard ${i + 1}/8\n`;

	test("the script of its Slurm array does every part once", async () => {
		for (const i of eight)
			expect(await recorded("#SBATCH", (script) => script, { SLURM_ARRAY_TASK_ID: String(i + 1) })).toBe(asked(i));
	});

	test("the container of its Kubernetes job does every part once", async () => {
		const script = (yaml: string): string => /args: \["(.*)"\]/.exec(yaml)![1]!.replace("/out/", "");
		for (const i of eight)
			expect(await recorded("kind: Job", script, { JOB_COMPLETION_INDEX: String(i) })).toBe(asked(i));
	});

	test("the steps of its CI matrix do every part once, and join them", async () => {
		const part = "$" + "{{ matrix.part }}";
		const steps = (yaml: string): string => [...yaml.matchAll(/run: (.*patchbay.*)/g)].map(([, run]) => run).join("\n");
		for (const i of eight)
			expect(await recorded("strategy:", (yaml) => steps(yaml).replaceAll(part, `${i + 1}`))).toBe(
				`${asked(i)}merge *.json --markdown\n`,
			);
	});

	const parallel = spawnSync("parallel", ["--version"]).status === 0 && existsSync("dist/cli/main.cjs");
	if (!parallel) console.warn("SKIPPED: GNU parallel, or the build in dist/, is missing; no job array was run");

	test.skipIf(!everything || !parallel)(
		"its line of GNU parallel, with fewer calls, gives the table of one process",
		() =>
			inFolder(async (folder) => {
				const block = blocks.find(({ text }) => text.includes("parallel "))!;
				const command = `${process.execPath} ${resolve("dist/cli/main.cjs")}`;
				const script = block.text
					.replaceAll(/^\$ /gm, "")
					.replaceAll("patchbay", command)
					.replaceAll("--calls 1000000", "--calls 100 --model x86 --protocol naive breakpoint")
					.replaceAll("{}/8", "{}/2")
					.replace("{1..8}", "{1..2}");
				const joined = execFileSync("bash", ["-euc", script], { encoding: "utf8", cwd: folder });
				const whole = await cli("chaos", "--calls", "100", "--model", "x86", "--protocol", "naive", "breakpoint");
				expect(joined).toBe(whole.out);
			}),
	);
});
