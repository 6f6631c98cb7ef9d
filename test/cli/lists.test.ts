// What several commands say of the same thing is the same: shares in percent, defaults, and on how much a ratio rests.

import { Command as CommandLine } from "commander";
import { describe, expect, test } from "vitest";
import { loadCommands } from "../../cli/commands/index.ts";
import { caution } from "../../cli/shell/table.ts";
import { percent } from "../../linker/percent.ts";
import { cli } from "./command-line.ts";

const pick = "fixtures/programs/pick.js";

test.each([
	[0, 0, "0 %"],
	[0.144, 0, "14 %"],
	[0.145, 1, "14.5 %"],
	[1, 0, "100 %"],
	[8.2836, 2, "828.36 %"],
	[1e-9, 0, "<1 %"],
	[0.996, 0, ">99 %"],
	[0.99999, 1, ">99.9 %"],
] as const)("a share of %d with %d decimals is %j", (share, decimals, text) => {
	expect(percent(share, decimals)).toBe(text);
});

test("maps and execmem say the same of one area", async () => {
	const memory = [pick, "--allocate", "text=3000*99", "--allocate", "data=99*50"];
	const { out: drawn } = await cli("maps", ...memory, "--picture");
	const { out: counted } = await cli("execmem", ...memory);
	for (const pool of ["text", "data"]) {
		const [, share] = new RegExp(`\\[${pool}\\] +(\\S+ %)`).exec(drawn)!;
		expect(counted).toMatch(new RegExp(`^${pool} .* ${share} `, "m"));
	}
});

describe("a caution", () => {
	test("is for few calls, and says how many", () => {
		expect(caution(2)).toEqual([expect.stringContaining("rests on 2 calls. Below 1,000,")]);
		expect([caution(0), caution(1000)]).toEqual([[], []]);
	});

	test.each([
		["compare", pick],
		["chaos", "--protocol", "naive", "--model", "ideal", "--calls", "20", "--cpus", "1"],
		["layouts", "--modules", "3", "--calls", "20"],
	])("ends what %s prints", async (...argv) => {
		expect((await cli(...argv)).out).toContain("Caution: this rests on 2");
	});
});

test.each(["model", "profile"])("every command that takes one %s takes the same when nothing is said", async (name) => {
	const defaults = (await loadCommands()).flatMap((command) => {
		const line = new CommandLine();
		command.declare(line);
		const byDefault = line.options.find((option) => option.attributeName() === name)?.defaultValue;
		return byDefault === undefined ? [] : [byDefault];
	});
	expect(defaults.length).toBeGreaterThan(4);
	expect(new Set(defaults).size).toBe(1);
});
