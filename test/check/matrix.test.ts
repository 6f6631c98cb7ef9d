// The verdict matrix: every cell is checked anew and must be what docs/verdicts.md says.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ablate } from "../../runtime/check/ablate.ts";
import { check } from "../../runtime/check/check.ts";
import {
	cells,
	checkCell,
	matrixMarkdown,
	matrixProtocols,
	matrixRows,
	scenarioOf,
	tabulated,
} from "../../runtime/check/matrix.ts";
import { synthesize, type Wish } from "../../runtime/check/synthesize.ts";
import { models } from "../../runtime/machine/models/index.ts";
import { profiles } from "../../runtime/machine/profiles/index.ts";
import { protocols } from "../../runtime/patch/plan/protocols/index.ts";
import { everything, spread } from "../extent.ts";

const modelNamed = (name: string) => models.find((model) => model.name === name)!;
const protocolNamed = (name: string) => protocols.find((protocol) => protocol.name === name)!;

describe("the verdict matrix is what docs/verdicts.md says", () => {
	const page = readFileSync("docs/verdicts.md", "utf8");

	test("of these protocols", () => {
		expect([...page.matchAll(/^## (.*)$/gm)].map(([, name]) => name)).toEqual(matrixProtocols.map(({ name }) => name));
	});

	const shown = matrixProtocols.filter(({ name }) => everything || ["stop-machine"].includes(name));
	test.each(shown)("$name", (protocol) => {
		const mine = cells({ protocols: [protocol] });
		const section = matrixMarkdown(matrixRows(mine, mine.map(checkCell))).split(/^(?=## )/m)[1]!;
		expect(page.split(/^(?=## )/m).map((text) => text.trim())).toContain(section.trim());
	});
});

describe("on a machine with a store buffer", () => {
	const buffered = tabulated.filter(({ buffer }) => buffer !== undefined);
	const mine = cells({ protocols: [protocolNamed("stop-machine")], models: buffered, most: 2 });
	const few = mine.filter(({ kind, placement }) => kind === "call" && placement === "aligned");

	test.each(few)("what a release drains is nobody's store: $model.name, $cpus CPUs", (cell) => {
		const { verdict } = check(scenarioOf(cell));
		expect(verdict).toBe("safe");
	});
});

describe("ablate", () => {
	const needed = (model: string) =>
		ablate(protocolNamed("breakpoint"), modelNamed(model), 2)
			.filter(({ change, verdict }) => change === "drop" && verdict === "needed")
			.map(({ text }) => text);

	test.each(spread(["x86", "amd-quad", "arm", "riscv", "alpha"], 2))(
		"finds every phase of text_poke_bp but disarm needed on %s",
		(model) => {
			expect(needed(model)).toEqual([
				"arm",
				"write breakpoint",
				"sync serialize",
				"write tail",
				"sync serialize",
				"write head",
				"sync serialize",
			]);
		},
	);

	test("finds only the last sync needed where nothing is stale: a CPU may be between the breakpoint and its handler", () => {
		const drops = ablate(protocolNamed("breakpoint"), modelNamed("ideal"), 2).filter(({ change }) => change === "drop");
		const syncs = drops.filter(({ text }) => text === "sync serialize");
		expect(syncs.map(({ verdict }) => verdict)).toEqual(["not needed", "not needed", "needed"]);
		expect(syncs[2]!.witness?.property).toBe("breakpoint");
	});

	test.runIf(everything)(
		"finds every deletion of every protocol that is safe, on every model, needed or harmless, with a witness",
		() => {
			for (const protocol of protocols)
				for (const model of models)
					for (const { verdict, witness } of ablate(protocol, model, 1))
						expect(witness !== undefined).toBe(verdict === "needed");
		},
	);
});

describe("synthesize", () => {
	const wish = (model: string, placement: Wish["placements"][number], without: readonly string[]): Wish => ({
		model: modelNamed(model),
		length: 8,
		placements: [placement],
		kinds: ["call"],
		cpus: 2,
		without,
		profile: profiles[0]!,
	});

	test("finds text_poke_bp on x86", () => {
		expect(synthesize(wish("x86", "straddling", ["sync park", "write spin"]))?.phases).toEqual([
			"arm",
			"write breakpoint",
			"sync serialize",
			"write tail",
			"sync serialize",
			"write head",
			"sync serialize",
			"disarm",
		]);
	});

	test.runIf(everything)("finds one store and one sync for an aligned site on amd-quad", () => {
		expect(synthesize(wish("amd-quad", "aligned", []))?.phases).toEqual(["write whole", "sync serialize"]);
	});

	test("says when there is none", () => {
		expect(synthesize({ ...wish("x86", "straddling", ["sync serialize", "sync park"]), length: 5 })).toBeUndefined();
	});
});
