// Every scenario under fixtures/check against its own header, exact counts included, and once more without reductions; the
// pages that tell of them leave none out. Adding a case is adding a file.

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { check, disagreement, onEveryModel, readScenario, type Scenario } from "../../runtime/check/index.ts";
import { everything, howMany, spread } from "../extent.ts";
import { modelNamed } from "../machines.ts";
import { checkerMutants } from "../mutants/checker.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = "fixtures/check";
const files = readdirSync(`${root}/${folder}`, { recursive: true, encoding: "utf8" })
	.map((file) => file.replaceAll("\\", "/"))
	.filter((file) => file.endsWith(".s"))
	.sort();

/** Without reductions the same is explored if it takes no more states than this. */
const SMALL = howMany(500, 4_000);

function scenarioOf(file: string): Scenario {
	return readScenario(readFileSync(`${root}/${folder}/${file}`, "utf8"), file);
}

/** Scenarios with more states than this have brothers that are smaller: every witness of a planted fault has fewer. */
const LARGE = howMany(1_000, Number.POSITIVE_INFINITY);

/** Scenarios that notice a planted fault are tried on every model of their headers, others on the first and every third. */
const witnesses = new Set(checkerMutants.map(({ witness }) => `${witness.replace("fixture ", "")}.s`));

const cases = files.flatMap((file) =>
	onEveryModel(scenarioOf(file)).map((scenario, i) => ({ file, model: String(scenario.model), scenario, i })),
);
const taken = cases.filter(
	({ file, scenario, i }) =>
		(scenario.expect?.states ?? 0) <= LARGE && (everything || witnesses.has(file) || i === 0 || i % 3 === 1),
);

test("no header forgets how many states or steps there are", () => {
	for (const { file, scenario } of cases)
		expect(scenario.expect?.states ?? scenario.expect?.steps, file).toBeGreaterThan(0);
});

test.each(taken)("$file on $model is what its header says, to the state", ({ scenario }) => {
	expect(disagreement(scenario.expect!, check(scenario))).toBeUndefined();
});

describe.each(spread(taken, 4))("$file on $model", ({ scenario }) => {
	const { expect: expected } = scenario;

	test("is the same without reductions", () => {
		const reductions = { symmetry: false, merge: false };
		const { verdict } = check(scenario, { reductions, bounds: { states: SMALL } });
		expect([expected!.verdict, "undecided"]).toContain(verdict);
	});
});

describe.each(["cache", "claims", "museum", "litmus", "execmem", "modules", "probes"])("docs/%s.md", (page) => {
	const text = readFileSync(`${root}/docs/${page}.md`, "utf8");
	const inFolder = files.filter((file) => file.startsWith(`${page}/`));

	test("links every scenario, and nothing that is not there", () => {
		const links = [...text.matchAll(/fixtures\/check\/([\w./-]+\.s)/g)].map(([, file]) => file);
		expect(new Set(links)).toEqual(new Set(inFolder));
	});
});

describe("the bug museum", () => {
	const exhibits = files.filter((file) => file.startsWith("museum/"));

	test("has each bug broken and fixed, with its reference", () => {
		const names = new Set(exhibits.map((file) => file.replace(/-(broken|fixed)\.s$/, "")));
		expect(names.size).toBeGreaterThanOrEqual(12);
		for (const name of names) {
			const [broken, fixed] = [scenarioOf(`${name}-broken.s`), scenarioOf(`${name}-fixed.s`)];
			expect([broken.expect?.verdict, fixed.expect?.verdict]).toEqual(["unsafe", "safe"]);
			for (const { also } of [broken, fixed])
				expect(Object.keys(also ?? {})).toEqual(expect.arrayContaining(["x86-tso", "arm-tso"]));
			for (const end of ["broken", "fixed"])
				expect(readFileSync(`${root}/${folder}/${name}-${end}.s`, "utf8")).toMatch(/^# reference: \S/m);
		}
	});
});

describe("the published verdicts", () => {
	const published = cases.filter(({ file, model }) => /^litmus\/.* arm(-idc)?(-dic)?$/.test(`${file} ${model}`));

	test("are many, both ways", () => {
		const verdicts = published.map(({ scenario }) => scenario.expect!.verdict);
		expect(verdicts.filter((verdict) => verdict === "allowed").length).toBeGreaterThan(20);
		expect(verdicts.filter((verdict) => verdict === "forbidden").length).toBeGreaterThan(20);
	});

	test("lose without a queue what the literature says, and nothing else", () => {
		const arm = published.filter(({ model }) => model === "arm");
		const lost = arm.filter(({ scenario }) => {
			const model = { ...modelNamed("arm"), queue: false };
			return check({ ...scenario, model }).verdict !== scenario.expect!.verdict;
		});
		expect(lost.map(({ file }) => file)).toEqual([
			"litmus/minijit01.s",
			"litmus/mp.ff-clean-inval.s",
			"litmus/mp.ff-dmb.st-cachesync.s",
			"litmus/mp.rf-cachesync-ctrl.s",
			"litmus/sm-cachesync.s",
		]);
	});

	test.each(spread(published, 4))("$file on $model: a store buffer shows nothing forbidden", ({ model, scenario }) => {
		const { verdict } = check({ ...scenario, model: `${model}-tso` });
		expect(verdict).toBe(scenario.expect!.verdict);
	});
});
