// Every kind of JSON that patchbay reads: scenarios, verdicts, stress cases, models, protocols, cost profiles.

import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import {
	check,
	readScenario,
	replay,
	scenarioFromJson,
	VERDICTS_SCHEMA,
	verdictFromJson,
} from "../../runtime/check/index.ts";
import { models, profiles } from "../../runtime/machine/index.ts";
import { STRESS_SCHEMA, stressCase } from "../../runtime/measure/index.ts";
import { protocols } from "../../runtime/patch/index.ts";
import { repository } from "../../tools/repository.ts";
import { command, fileOf } from "../command-line.ts";
import { editedJson, type JsonEdit, jsonEdits } from "../mutate/json.ts";
import { target, Wrong } from "../target.ts";
import { checkBriefly } from "./brief-check.ts";

/** One kind of value, and what is done with it. */
interface Kind {
	readonly name: string;
	readonly values: () => readonly unknown[] | Promise<readonly unknown[]>;
	readonly use: (value: unknown) => void | Promise<void>;
}

const named = (name: string): ReturnType<typeof readScenario> =>
	readScenario(readFileSync(repository(`fixtures/check/${name}.s`), "utf8"), `${name}.s`);
const names = [
	"text-poke",
	"naive",
	"stop-machine",
	"alternative-running",
	"museum/early-sync-broken",
	"masked-for-a-while",
];

function scenarios(): unknown[] {
	return names.map((name) => plain({ ...named(name), model: named(name).model ?? "x86" }));
}

function verdicts(): unknown[] {
	return ["naive", "text-poke"].map((name) =>
		plain(check({ ...named(name), model: "x86" }, { bounds: { states: 3000 } })),
	);
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

const jsonFile = (name: string, value: unknown): string => fileOf({ name, bytes: JSON.stringify(value) ?? "" });
const few = ["--max-states", "300", "--max-units", "64"];
const scenario = () => repository("fixtures/check/text-poke.s");
const program = () => repository("fixtures/programs/pick.js");

/** Small campaigns whose reports are resumed. */
const campaigns = [
	["check", scenario(), repository("fixtures/check/naive.s"), "--model", "x86", ...few],
	["stress", "--cases", "2", "--calls", "8"],
	["chaos", "--calls", "100", "--protocol", "naive", "--model", "x86"],
	["matrix", "--cpus", "1", "--protocol", "naive", "--model", "x86"],
];

async function reportOf(argv: readonly string[]): Promise<unknown> {
	const { code, out } = await command(...argv, "--json");
	if (code > 1) throw new Wrong(`${argv.join(" ")}: exit code ${code}`);
	return JSON.parse(out);
}

const kinds: readonly Kind[] = [
	{ name: "scenario", values: scenarios, use: (value) => void checkBriefly(scenarioFromJson(value, "input.json")) },
	{ name: "verdict", values: verdicts, use: (value) => void replay(verdictFromJson(value, "input.json")) },
	{
		name: "verdicts",
		values: () => [{ schema: VERDICTS_SCHEMA, verdicts: verdicts().map((verdict) => ({ file: "a.s", verdict })) }],
		use: async (value) => void (await command("merge", jsonFile("verdicts.json", value))),
	},
	{
		name: "stress case",
		values: () =>
			[1, 2, 3].map((seed) => plain({ schema: STRESS_SCHEMA, failed: { what: "", case: stressCase(seed, 12) } })),
		use: async (value) => void (await command("stress", "--replay", jsonFile("stress.json", value))),
	},
	{
		name: "model",
		values: () => models.map((model) => plain({ ...model, name: "mine" })),
		use: async (value) => {
			const file = jsonFile("model.json", value);
			await command("check", scenario(), "--model", file, ...few);
			await command("run", program(), "--model", file, "--max-cycles", "5000");
		},
	},
	{
		name: "protocol",
		values: () => protocols.map((protocol) => plain({ ...protocol, name: "mine" })),
		use: async (value) => {
			const file = jsonFile("protocol.json", value);
			await command("check", scenario(), "--protocol", file, ...few);
			await command("run", program(), "--protocol", file, "--set", "pick=deadline@100", "--max-cycles", "5000");
		},
	},
	...campaigns.map((argv) => ({
		name: `report of ${argv[0]}`,
		values: async () => [await reportOf(argv)],
		use: async (value: unknown) => void (await command(...argv, "--resume", jsonFile("report.json", value))),
	})),
	{
		name: "profile",
		values: () => profiles.map((profile) => plain({ ...profile, name: "mine" })),
		use: async (value) =>
			void (await command("run", program(), "--profile", jsonFile("profile.json", value), "--max-cycles", "5000")),
	},
];

const known = new Map<string, readonly unknown[]>();

async function valuesOf({ name, values }: Kind): Promise<readonly unknown[]> {
	if (!known.has(name)) known.set(name, await values());
	return known.get(name)!;
}

interface Recipe {
	readonly kind: number;
	readonly value: number;
	readonly edits: readonly JsonEdit[];
}

async function mutantOf({ kind, value, edits }: Recipe): Promise<{ kind: Kind; value: unknown }> {
	const chosen = kinds[kind]!;
	const all = await valuesOf(chosen);
	return { kind: chosen, value: editedJson(all[value % all.length], edits) };
}

export const json = target<Recipe>({
	name: "JSON",
	weight: 80,
	batch: 40,
	recipes: fc.record({ kind: fc.nat(kinds.length - 1), value: fc.nat(100), edits: jsonEdits }),
	async input(recipe) {
		const { kind, value } = await mutantOf(recipe);
		return { name: `${kind.name}.json`, bytes: Buffer.from(JSON.stringify(value, null, "\t") ?? "") };
	},
	async try(recipe) {
		const { kind, value } = await mutantOf(recipe);
		await kind.use(value);
	},
});
