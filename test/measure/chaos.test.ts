// Storms of updates under the adversary: what goes wrong, and that it agrees with what exhaustive checking says.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { models } from "../../runtime/machine/models/index.ts";
import { type StormCounts, storm } from "../../runtime/measure/index.ts";
import { protocols } from "../../runtime/patch/index.ts";
import { cli } from "../cli/command-line.ts";
import { spread } from "../extent.ts";
import { modelNamed, protocolNamed } from "../machines.ts";

type Placement = "aligned" | "straddling";

function stormOf(protocol: string, model: string, site: Placement, calls = 2000): StormCounts | undefined {
	return storm({ protocol: protocolNamed(protocol), model: modelNamed(model), site, cpus: 4, calls, seed: 1 });
}

const wrong = ({ torn, stale, lost, died }: StormCounts): number => torn + stale + lost + died;

describe("breakpoint", () => {
	test.each(spread(models, 2).map(({ name }) => name))("goes wrong nowhere on %s", (model) => {
		for (const site of ["aligned", "straddling"] as const) {
			const counts = stormOf("breakpoint", model, site, 20_000)!;
			expect(counts.updates).toBeGreaterThan(50);
			expect(counts).toMatchObject({ torn: 0, stale: 0, lost: 0, died: 0 });
		}
	});
});

describe("naive", () => {
	test("tears on every model when the site straddles, and every torn call is lost", () => {
		for (const { name } of models) {
			const { torn, lost } = stormOf("naive", name, "straddling")!;
			expect(torn, name).toBeGreaterThan(0);
			expect(lost, name).toBe(torn);
		}
	});

	test("is only late where a fetch takes the site whole", () => {
		expect(stormOf("naive", "amd-quad", "aligned")).toMatchObject({ torn: 0, lost: 0 });
		expect(stormOf("naive", "amd-quad", "aligned")!.stale).toBeGreaterThan(0);
		expect(wrong(stormOf("naive-sync", "amd-quad", "aligned")!)).toBe(0);
		expect(wrong(stormOf("naive", "ideal", "aligned")!)).toBe(0);
	});
});

/** The verdicts in docs/verdicts.md: protocol -> model -> verdict for four CPUs' worth, the last of `1 / 2 / 3`. */
function verdicts(kind: string): Map<string, string> {
	const found = new Map<string, string>();
	let protocol = "";
	let column = 0;
	for (const line of readFileSync("docs/verdicts.md", "utf8").split("\n")) {
		if (line.startsWith("## ")) protocol = line.slice(3);
		const cells = line.split("|").map((cell) => cell.trim());
		if (cells[1] === "model") column = cells.indexOf(kind);
		else if (cells.length > 3 && column > 0)
			found.set(`${protocol} ${cells[1]}`, cells[column]!.split("/").at(-1)!.trim());
	}
	return found;
}

describe.each(["aligned", "straddling"] as const)("a %s site", (site) => {
	const checked = verdicts(`call ${site}`);
	const cases = protocols.filter(({ requires }) => requires !== "quiet").map(({ name }) => name);

	test.each(cases)("%s does what its verdicts say", (protocol) => {
		for (const { name: model } of models) {
			const verdict = checked.get(`${protocol} ${model}`);
			const counts = stormOf(protocol, model, site);
			const place = `${protocol} on ${model}: ${verdict}`;
			expect(verdict, place).toBeDefined();
			expect(counts === undefined, place).toBe(verdict === "refused");
			if (counts !== undefined) expect(wrong(counts) === 0, place).toBe(verdict === "safe");
			if (verdict?.startsWith("torn")) expect(counts?.torn, place).toBeGreaterThan(0);
			if (verdict?.startsWith("stale")) expect(counts, place).toMatchObject({ torn: 0 });
		}
	});
});

test("the same seed is the same storm, another one is another", () => {
	const one = {
		protocol: protocolNamed("naive"),
		model: modelNamed("x86"),
		site: "aligned",
		cpus: 2,
		calls: 500,
	} as const;
	expect(storm({ ...one, seed: 7 })).toEqual(storm({ ...one, seed: 7 }));
	expect(storm({ ...one, seed: 7 })).not.toEqual(storm({ ...one, seed: 8 }));
});

describe("the command", () => {
	const few = ["--protocol", "breakpoint", "naive", "--model", "x86", "arm", "--calls", "1000"];

	test("prints what it counted", async () => {
		const { cells } = JSON.parse((await cli("chaos", ...few, "--json")).out);
		expect(cells).toHaveLength(8);
		expect(cells[0]).toMatchObject({ protocol: "breakpoint", model: "x86", site: "straddling", counts: { torn: 0 } });
		const { out } = await cli("chaos", ...few);
		expect(out).toMatch(/straddling site +x86 +arm\nbreakpoint +0 +0\nnaive +[\d,]+ \/ [\d,]+ \/ [\d,]+ /);
	});

	test("prints the page of the documentation", async () => {
		const { out } = await cli("chaos", ...few, "--markdown");
		expect(out).toContain("| protocol | x86 | arm |\n| --- | ---: | ---: |\n| breakpoint | 0 | 0 |\n");
	});
});

test("docs/protocol-table.md is such a page, with breakpoint at 0 everywhere and naive nowhere across two units", () => {
	const text = readFileSync("docs/protocol-table.md", "utf8");
	const rows = (name: string): string[][] =>
		text.split("\n").flatMap((line) =>
			line.startsWith(`| ${name} |`)
				? [
						line
							.split("|")
							.slice(2, -1)
							.map((cell) => cell.trim()),
					]
				: [],
		);
	expect(rows("breakpoint")).toEqual([models.map(() => "0"), models.map(() => "0")]);
	expect(rows("naive")[0]!.every((cell) => /^[1-9]/.test(cell))).toBe(true);
});
