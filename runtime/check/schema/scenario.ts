// What a scenario is when it comes as JSON.

import {
	count,
	listOf,
	nameOr,
	objectOf,
	recordOf,
	type Schema,
	taggedBy,
	text,
	validate,
	yesOrNo,
} from "../../../linker/schema.ts";
import type { Fill, Release } from "../../execmem/fill.ts";
import { modelSchema } from "../../machine/model-schema.ts";
import { phaseSchema, protocolSchema } from "../../patch/plan/protocol-schema.ts";
import type { FillPart, ReleasePart } from "../memory-part.ts";
import { occurrences, properties } from "../properties.ts";
import {
	type AgentPart,
	type CpuPart,
	type Expectation,
	MOST_CPUS,
	type PatcherPart,
	type ProbePart,
	probeWords,
	SCENARIO_SCHEMA,
	type Scenario,
} from "../scenario.ts";

const cpu: Record<keyof CpuPart, Schema> = {
	entry: text,
	count: { type: "integer", minimum: 1, maximum: MOST_CPUS },
	off: yesOrNo,
	place: text,
};

const patcher: Record<keyof PatcherPart, Schema> = {
	poke: recordOf(text),
	protocol: { ...protocolSchema, ...listOf(text), minItems: 1, type: ["string", "array", "object"] },
	unlocked: yesOrNo,
	after: count,
	place: text,
};

const agent: Record<keyof AgentPart, Schema> = { steps: listOf(text), place: text };

const probe: Record<keyof ProbePart, Schema> = {
	at: text,
	does: { enum: ["insert", "remove", "optimise", "stay"] },
	options: listOf({ enum: [...probeWords] }),
	place: text,
};

const phases = listOf(phaseSchema);
const fill: Record<keyof Fill, Schema> = {
	name: text,
	brief: text,
	text: yesOrNo,
	before: { enum: ["mapped", "nothing"] },
	release: text,
	alloc: phases,
	write: phases,
	finish: phases,
};
const release: Record<keyof Release, Schema> = { name: text, brief: text, free: phases, flush: phases };

const fillPart: Record<Exclude<keyof FillPart, "kind">, Schema> = {
	buffer: text,
	code: text,
	by: nameOr(objectOf(fill)),
	after: listOf(text),
	place: text,
};
const releasePart: Record<Exclude<keyof ReleasePart, "kind">, Schema> = {
	buffer: text,
	by: nameOr(objectOf(release)),
	after: listOf(text),
	place: text,
};
const memory = taggedBy("kind", {
	fill: objectOf(fillPart, ["buffer", "code", "by", "after"]),
	release: objectOf(releasePart, ["buffer", "by", "after"]),
});

const expectationFields: Record<keyof Expectation, Schema> = {
	verdict: { enum: ["safe", "unsafe", "undecided", "refused", "allowed", "forbidden"] },
	states: count,
	property: text,
	steps: count,
};
const expectation = objectOf(expectationFields, ["verdict"]);

const fields: Record<keyof Scenario, Schema> = {
	name: text,
	about: text,
	program: text,
	model: nameOr(modelSchema),
	cpus: { ...listOf(objectOf(cpu, ["entry"])), minItems: 1 },
	patchers: listOf(objectOf(patcher, ["poke", "protocol"])),
	agents: listOf(objectOf(agent, ["steps"])),
	memory: listOf(memory),
	probes: listOf(objectOf(probe, ["at", "does", "options"])),
	tso: yesOrNo,
	alias: recordOf(text),
	redzone: { type: "integer", minimum: 0, maximum: 4096 },
	trap: text,
	nmi: text,
	never: listOf(text),
	reaches: listOf(text),
	exists: text,
	properties: listOf({ enum: Object.keys(properties) }),
	sometimes: listOf({ enum: Object.keys(occurrences) }),
	expect: expectation,
	also: recordOf(expectation),
	places: recordOf(text),
};

/** A model must be named: a scenario that a program writes has no reason to leave it open. */
export const scenarioSchema: Schema = objectOf({ $schema: text, schema: { const: SCENARIO_SCHEMA }, ...fields }, [
	"program",
	"model",
	"cpus",
]);

/** The scenario inside a verdict: one that a header told of may have left its model open. */
export const recordedScenarioSchema: Schema = objectOf(fields, ["name", "program", "cpus"]);

/** Takes a JSON value for a scenario. A header inside its `program` is not read. @throws LinkError naming the path */
export function scenarioFromJson(value: unknown, name: string): Scenario {
	const {
		$schema: _,
		schema: __,
		...scenario
	} = validate<Scenario & { $schema?: string; schema?: string }>(scenarioSchema, value, name);
	return { ...scenario, name };
}
