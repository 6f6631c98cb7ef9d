// JSON that comes from outside: the schemas take what this project writes, name the path of every mistake, and nothing
// gets past them that the readers behind them cannot bear.

import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LinkError, SourceError } from "../../linker/errors.ts";
import { type Schema, validate } from "../../linker/schema.ts";
import {
	check,
	readScenario,
	replay,
	type Scenario,
	scenarioFromJson,
	scenarioSchema,
	VERDICTS_SCHEMA,
	verdictFromJson,
	verdictsFromJson,
} from "../../runtime/check/index.ts";
import { modelSchema, models, profileSchema, profiles } from "../../runtime/machine/index.ts";
import { runStress, STRESS_SCHEMA, type StressCase, stressCase, stressSchema } from "../../runtime/measure/index.ts";
import { protocolSchema } from "../../runtime/patch/index.ts";
import { protocols } from "../../runtime/patch/plan/protocols/index.ts";
import { schemas } from "../../tools/schemas.ts";
import { howMany } from "../extent.ts";

const folder = "fixtures/check";
const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".s"));

/** What comes out of JSON.parse after it went into JSON.stringify. */
function throughJson(value: unknown): unknown {
	return JSON.parse(JSON.stringify(value));
}

const naive = readScenario(readFileSync(`${folder}/naive.s`, "utf8"), "naive.s");
const scenario = {
	program: naive.program,
	model: "x86",
	cpus: [{ entry: "caller", count: 2 }],
	patchers: [{ poke: { site: "deadline" }, protocol: ["write tail", "write head"] }],
	agents: [{ steps: ["await"] }],
	never: ["deadline"],
	expect: { verdict: "unsafe", property: "torn", steps: 3 },
} as const;
const verdict = throughJson(check(naive));

describe("what this project writes is taken", () => {
	test.each(files)("%s", (file) => {
		const { model = "x86", ...rest } = readScenario(readFileSync(`${folder}/${file}`, "utf8"), file);
		const whole = { ...rest, model } as Scenario;
		expect(scenarioFromJson(throughJson(whole), file)).toEqual(throughJson(whole));
	});

	test.each(models)("model $name", (model) => {
		expect(validate(modelSchema, throughJson(model), "m.json")).toEqual(model);
	});

	test.each(profiles)("profile $name", (profile) => {
		expect(validate(profileSchema, throughJson(profile), "p.json")).toEqual(profile);
	});

	test.each(protocols)("protocol $name", (protocol) => {
		expect(validate(protocolSchema, throughJson(protocol), "p.json")).toEqual(protocol);
	});

	test("stress cases", () => {
		for (let seed = 0; seed < 20; seed++) {
			const value = { schema: STRESS_SCHEMA, failed: { what: "x", case: stressCase(seed, 100) } };
			expect(validate(stressSchema, throughJson(value), "s.json")).toEqual(value);
		}
	});

	test("verdicts of every kind", () => {
		for (const name of ["naive.s", "text-poke.s", "litmus/sb.s", "execmem/jit-map-unsynced.s"]) {
			const one = throughJson(check(readScenario(readFileSync(`${folder}/${name}`, "utf8"), name)));
			expect(verdictFromJson(one, "v.json")).toEqual(one);
			const list = { schema: VERDICTS_SCHEMA, verdicts: [{ file: name, verdict: one }] };
			expect(verdictsFromJson(list, "v.json")).toEqual(list.verdicts);
		}
	});
});

describe("every mistake is named by its path", () => {
	const { patchers: _, ...nobody } = scenario;
	const [ideal] = models;

	test.each<[unknown, string]>([
		[{ ...nobody, patcher: scenario.patchers }, "at the top: there is no 'patcher' (did you mean 'patchers'?)"],
		[{ ...scenario, model: undefined }, "at the top: 'model' is missing"],
		[{ ...scenario, cpus: [] }, "cpus: there are fewer than 1"],
		[{ ...scenario, cpus: [{ entry: "caller", count: 0 }] }, "cpus[0].count: 0 is not in [1, 64]"],
		[{ ...scenario, cpus: [{ entry: "caller", count: 300 }] }, "cpus[0].count: 300 is not in [1, 64]"],
		[{ ...scenario, cpus: [{ entry: "caller", cuont: 2 }] }, "cpus[0]: there is no 'cuont' (did you mean 'count'?)"],
		[{ ...scenario, cpus: [{ entry: "caller", count: 1.5 }] }, "cpus[0].count: 1.5 is not a whole number"],
		[{ ...scenario, patchers: { poke: {} } }, "patchers: an object is not a list"],
		[{ ...scenario, patchers: [{ poke: { site: 1 }, protocol: "naive" }] }, "patchers[0].poke.site: 1 is not a string"],
		[{ ...scenario, patchers: [{ poke: {}, protocol: [] }] }, "patchers[0].protocol: there are fewer than 1"],
		[{ ...scenario, patchers: [{ poke: {}, protocol: { name: "p" } }] }, "patchers[0].protocol: 'brief' is missing"],
		[
			{ ...scenario, patchers: [{ poke: {}, protocol: { name: "p", brief: "", phases: [{ kind: "wirte" }] } }] },
			"patchers[0].protocol.phases[0].kind: 'wirte' is not 'write', 'sync', 'release'",
		],
		[
			{ ...scenario, patchers: [{ poke: {}, protocol: { name: "p", brief: "", phases: [{ kind: "write" }] } }] },
			"patchers[0].protocol.phases[0]: 'part' is missing",
		],
		[{ ...scenario, agents: [{ steps: "await" }] }, "agents[0].steps: 'await' is not a list"],
		[{ ...scenario, never: "deadline" }, "never: 'deadline' is not a list"],
		[{ ...scenario, properties: ["tron"] }, "properties[0]: 'tron' is not 'torn', 'target'"],
		[{ ...scenario, model: { name: "b2", unit: 8 } }, "model: 'brief' is missing"],
		[{ ...scenario, model: { ...ideal, unit: 2 } }, "model.unit: 2 is not 0, 1, 4, 8"],
		[{ ...scenario, model: { ...ideal, caches: "yes" } }, "model.caches: 'yes' is not a boolean"],
		[{ ...scenario, model: { ...ideal, cahces: true } }, "model: there is no 'cahces' (did you mean 'caches'?)"],
		[{ ...scenario, memory: [{ kind: "fill" }] }, "memory[0]: 'buffer' is missing"],
		[{ ...scenario, expect: { verdict: "save" } }, "expect.verdict: 'save' is not 'safe', 'unsafe'"],
		[
			JSON.parse(`{"__proto__": {}, "program": "", "model": "x86", "cpus": [{"entry": "a"}]}`),
			"there is no '__proto__'",
		],
		[JSON.parse(`{"\\ud800": 1, "program": "", "model": "x86", "cpus": [{"entry": "a"}]}`), "no well-formed text"],
		[null, "at the top: null is not an object"],
		[[], "at the top: a list is not an object"],
	])("%j", (value, message) => {
		expect(() => scenarioFromJson(throughJson(value), "mine.json")).toThrow(/^mine\.json: /);
		expect(() => scenarioFromJson(throughJson(value), "mine.json")).toThrow(message);
	});

	test("of verdicts, profiles and stress cases", () => {
		const cycles = { ...profiles[0]!.cycles, alu: -1 };
		expect(() => validate(profileSchema, { ...profiles[0]!, cycles }, "p.json")).toThrow(
			"p.json: cycles.alu: -1 is not in [0, 1000000000]",
		);
		expect(() => verdictFromJson({ ...(verdict as object), path: [-1] }, "v.json")).toThrow(
			"v.json: path[0]: -1 is not in [0,",
		);
		const { trace, ...rest } = check(naive);
		const uneven = { ...rest, trace: trace!.map((step, at) => (at === 1 ? { ...step, sites: [] } : step)) };
		expect(() => verdictFromJson(throughJson(uneven), "v.json")).toThrow(
			new LinkError("v.json: trace[1].sites: there are 0 and not 1, as in trace[0]"),
		);
		expect(() => verdictsFromJson({ schema: "else" }, "v.json")).toThrow(
			`v.json: its schema is not ${VERDICTS_SCHEMA}`,
		);
		const calls = [{ call: "free", slot: 80_000_000 }];
		const value = { schema: STRESS_SCHEMA, failed: { what: "", case: { ...stressCase(1, 0), calls } } };
		expect(() => validate(stressSchema, value, "s.json")).toThrow(
			"failed.case.calls[0].slot: 80000000 is not in [0, 11]",
		);
	});
});

/** A value with one of its parts replaced, dropped or added. */
const hostile: readonly unknown[] = [
	null,
	true,
	-1,
	0,
	1.5,
	1e9,
	"",
	"x",
	"caller",
	[],
	{},
	[[]],
	{ x: 1 },
	"0:r1=1",
	"await",
];

function mutated(value: unknown, at: readonly number[], what: number, how: "put" | "drop" | "add"): unknown {
	const [first, ...rest] = at;
	if (first === undefined || typeof value !== "object" || value === null) return hostile[what % hostile.length];
	const keys = Object.keys(value);
	const copy = (Array.isArray(value) ? [...value] : { ...value }) as Record<string, unknown>;
	const key = keys[first % Math.max(1, keys.length)];
	if (how === "add" && rest.length === 0) copy[`${key}s`] = hostile[what % hostile.length];
	else if (key === undefined) return hostile[what % hostile.length];
	else if (how === "drop" && rest.length === 0) delete copy[key];
	else copy[key] = mutated(copy[key], rest, what, how);
	return copy;
}

const mutation = fc.tuple(
	fc.array(fc.nat(40), { maxLength: 5 }),
	fc.nat(),
	fc.constantFrom("put", "drop", "add" as const),
);

/** Does it, or is told what is wrong with the value. */
function bears(act: () => unknown): void {
	try {
		act();
	} catch (error) {
		if (!(error instanceof LinkError) && !(error instanceof SourceError)) throw error;
	}
}

describe("nothing else is ever thrown", () => {
	const bounds = { states: 50 };
	const recorded = { ...naive, model: "x86", memory: [], probes: [], alias: {}, exists: "0:r1=1", also: {} };
	const stress = { schema: STRESS_SCHEMA, failed: { what: "x", case: stressCase(3, 20) } };

	test.each<[string, unknown, (value: unknown) => unknown]>([
		["a scenario", scenario, (value) => check(scenarioFromJson(value, "m.json"), { bounds })],
		["a recorded scenario", recorded, (value) => check(scenarioFromJson(value, "m.json"), { bounds })],
		["a model", { ...scenario, model: models[1] }, (value) => check(scenarioFromJson(value, "m.json"), { bounds })],
		["a verdict to replay", verdict, (value) => replay(verdictFromJson(value, "v.json"))],
		["a verdict to join", verdict, (value) => verdictsFromJson(value, "v.json")],
		["a profile", profiles[0], (value) => validate(profileSchema, value, "p.json")],
		[
			"a stress case",
			stress,
			(value) =>
				runStress(
					validate<{ failed: { case: StressCase } }>(stressSchema, value, "s.json").failed?.case ?? stressCase(1, 1),
				),
		],
	])("%s", (_, value, act) => {
		fc.assert(
			fc.property(mutation, ([at, what, how]) => {
				bears(() => act(throughJson(mutated(value, at, what, how)) ?? null));
			}),
			{ numRuns: howMany(60, 300) },
		);
	});
});

test("a published schema is draft 2020-12", () => {
	for (const name of Object.keys(schemas)) {
		const file = JSON.parse(readFileSync(`docs/schemas/${name}.json`, "utf8")) as Schema;
		expect(file.$schema).toBe("https://json-schema.org/draft/2020-12/schema");
	}
	expect(scenarioSchema.additionalProperties).toBe(false);
});
