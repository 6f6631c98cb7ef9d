// The way of every verdict as a run: the machine comes to what the checker saw.

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
	check,
	lanesOf,
	matrixCells,
	onEveryModel,
	onTape,
	readScenario,
	type Scenario,
	scenarioOf,
	scenarioText,
	type Verdict,
} from "../../runtime/check/index.ts";
import { readVirtual } from "../../runtime/machine/index.ts";
import { arm, record } from "../../runtime/patch/index.ts";
import { howMany, spread } from "../extent.ts";
import { modelNamed, protocolNamed } from "../machines.ts";

const cells = spread(matrixCells({ most: 2 }), 67);

const folder = "fixtures/check";
const scenarios: Scenario[] = readdirSync(folder, { recursive: true, encoding: "utf8" })
	.filter((file) => file.endsWith(".s"))
	.sort()
	.flatMap((file) => onEveryModel(readScenario(readFileSync(`${folder}/${file}`, "utf8"), file)));

describe("the way of a verdict as a run", () => {
	const bounds = { states: howMany(200, 4000) };
	const bare = scenarios.filter(({ probes }) => probes === undefined);
	const cases = spread(bare, 24).map((scenario) => ({ name: `${scenario.name} on ${scenario.model}`, scenario }));

	test.each(cases)("$name", ({ scenario }) => {
		const verdict = check(scenario, { bounds });
		if (verdict.path.length === 0) return;
		const { system, chosen, places } = onTape(verdict);
		const { rows, sites, stands } = lanesOf(verdict);
		expect(places).toHaveLength(rows.length + 1);
		const tape = record(system, { chosen });
		for (const row of [rows.length, 0, rows.length >> 1]) {
			tape.goto(places[row]!);
			for (const [i, { address, old }] of sites.entries())
				expect([...readVirtual(system.machine, 0, address, old.length)!]).toEqual(stands[row]!.memory[i]);
		}
	});
});

test("nobody stands beside probes, which have a state of their own", () => {
	const probed = readScenario(readFileSync(`${folder}/probes/redzone-clobbered.s`, "utf8"), "redzone-clobbered.s");
	expect(() => onTape(check(probed))).toThrow("nobody can stand beside probes");
});

describe("a scenario of parts is the same as text", () => {
	test.each(cells.map((cell) => ({ name: scenarioOf(cell).name, cell })))("$name", ({ cell }) => {
		const { verdict, why, states, path } = check(readScenario(scenarioText(cell), "text"));
		expect({ verdict, why, states, path }).toEqual(pick(check(scenarioOf(cell))));
	});

	test("with a second patcher, who waits for the first or does not", () => {
		const [protocol, model] = [protocolNamed("breakpoint"), modelNamed("amd-quad")];
		const cell = { protocol, model, cpus: 1, kind: "call", placement: "straddling" } as const;
		const verdicts = [false, true].map((unlocked) => {
			const second = { protocol, unlocked };
			const { verdict, why, states, path } = check(readScenario(scenarioText(cell, second), "text"));
			expect({ verdict, why, states, path }).toEqual(pick(check(scenarioOf(cell, second))));
			return verdict;
		});
		expect(verdicts).toEqual(["safe", "unsafe"]);
	});

	test("but not where a phase alone would read as a name", () => {
		const protocol = { name: "one", brief: "", phases: [arm()] };
		expect(() =>
			scenarioText({ protocol, model: modelNamed("x86"), cpus: 1, kind: "call", placement: "aligned" }),
		).toThrow("alone would read as the name");
	});
});

function pick({ verdict, why, states, path }: Verdict) {
	return { verdict, why, states, path };
}
