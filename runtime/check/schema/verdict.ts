// What verdicts are when they come back as JSON: to be joined, or to be gone through again.

import { LinkError } from "../../../linker/errors.ts";
import {
	askedSchema,
	count,
	listOf,
	objectOf,
	recordOf,
	type Schema,
	text,
	validate,
	yesOrNo,
} from "../../../linker/schema.ts";
import { VERDICT_SCHEMA, type Verdict } from "../check.ts";
import { propertyNames } from "../properties.ts";
import type { Reductions } from "../space.ts";
import type { SiteBytes, TraceStep } from "../trace.ts";
import { recordedScenarioSchema } from "./scenario.ts";

/** What `schema` is in the JSON of several verdicts. */
export const VERDICTS_SCHEMA = "patchbay/verdicts@1";

/** A verdict, and what it and the header's expectation disagree on. */
export interface Judged {
	readonly file: string;
	readonly verdict: Verdict;
	readonly failed: string | undefined;
}

const site: Record<keyof SiteBytes, Schema> = { address: count, place: text, change: text, bytes: text };

const step: Record<keyof TraceStep, Schema> = {
	who: text,
	kind: { enum: ["step", "interrupt", "nmi", "trap", "drain", "patch"] },
	text,
	merged: listOf(text),
	pc: count,
	fetched: text,
	older: text,
	sites: listOf(objectOf(site)),
	broken: { enum: [...propertyNames, "outcome"] },
};
const steps = listOf(objectOf(step, ["who", "kind", "text", "sites"]));

const reductions: Record<keyof Reductions, Schema> = { symmetry: yesOrNo, merge: yesOrNo };

const fields: Record<keyof Verdict, Schema> = {
	schema: { const: VERDICT_SCHEMA },
	name: text,
	model: text,
	verdict: { enum: ["safe", "unsafe", "undecided", "refused", "allowed", "forbidden"] },
	why: text,
	property: { enum: [...propertyNames, "sometimes"] },
	stopped: yesOrNo,
	states: count,
	steps: count,
	depth: count,
	occurred: listOf(text),
	assumptions: listOf(text),
	unexercised: listOf(text),
	outcomes: listOf(objectOf({ values: recordOf({ type: "integer" }), states: count })),
	trace: steps,
	sample: steps,
	path: listOf(count),
	reductions: objectOf(reductions),
	scenario: recordedScenarioSchema,
};
const always = Object.keys(fields).filter(
	(field) => !["why", "property", "stopped", "outcomes", "trace", "sample"].includes(field),
);

/** The JSON schema of a verdict. */
export const verdictSchema: Schema = objectOf(fields, always);

/** The JSON schema of several verdicts, each of its own file. */
export const verdictsSchema: Schema = objectOf(
	{
		schema: { const: VERDICTS_SCHEMA },
		verdicts: listOf(objectOf({ file: text, verdict: verdictSchema, failed: text }, ["file", "verdict"])),
		asked: askedSchema,
	},
	["schema", "verdicts"],
);

/** @throws LinkError when the value is no verdict of one scenario, naming the path */
export function verdictFromJson(value: unknown, place: string): Verdict {
	return consistent(validate(verdictSchema, value, place), place);
}

/** The verdict, when each step shows the same sites. @throws LinkError naming the step that does not */
function consistent(verdict: Verdict, place: string): Verdict {
	for (const name of ["trace", "sample"] as const)
		for (const [i, { sites }] of (verdict[name] ?? []).entries()) {
			const expected = verdict[name]![0]!.sites.length;
			if (sites.length !== expected)
				throw new LinkError(
					`${place}: ${name}[${i}].sites: there are ${sites.length} and not ${expected}, as in ${name}[0]`,
				);
		}
	return verdict;
}

/** Takes one verdict or a list of them. @throws LinkError naming the path */
export function verdictsFromJson(value: unknown, place: string): Judged[] {
	const schema = (value as { readonly schema?: unknown } | null)?.schema;
	if (schema === VERDICTS_SCHEMA) {
		const { verdicts } = validate<{ verdicts: Judged[] }>(verdictsSchema, value, place);
		for (const [i, { verdict }] of verdicts.entries()) consistent(verdict, `${place}: verdicts[${i}].verdict`);
		return verdicts;
	}
	if (schema !== VERDICT_SCHEMA)
		throw new LinkError(`${place}: its schema is not ${VERDICTS_SCHEMA} or ${VERDICT_SCHEMA}`);
	const verdict = verdictFromJson(value, place);
	return [{ file: verdict.name, verdict, failed: undefined }];
}
