// Commands of docs/debates.md print what the page says under them.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { cli } from "./cli/command-line.ts";
import { spread } from "./extent.ts";

interface Experiment {
	readonly command: string;
	/** Beginnings of lines that the command prints. */
	readonly lines: readonly string[];
}

function experimentsOf(page: string): Experiment[] {
	const experiments: { command: string; lines: string[] }[] = [];
	for (const line of page.split("\n")) {
		if (line.startsWith("    $ patchbay "))
			experiments.push({ command: line.slice("    $ patchbay ".length), lines: [] });
		else if (line.startsWith("    ")) experiments.at(-1)!.lines.push(line.trim());
	}
	return experiments;
}

describe("docs/debates.md", () => {
	const experiments = experimentsOf(readFileSync("docs/debates.md", "utf8"));

	test("has an outcome for every command", () => {
		expect(experiments.length).toBeGreaterThan(40);
		expect(experiments.filter(({ lines }) => lines.length === 0)).toEqual([]);
	});

	test.each(spread(experiments, 3))("$command", async ({ command, lines }) => {
		const { code, out, err } = await cli(...command.split(" "));
		expect([0, 1], err).toContain(code);
		const printed = out.split("\n").map((line) => line.trim());
		expect(lines.filter((line) => !printed.some((one) => one.startsWith(line)))).toEqual([]);
	});
});
