// What protocols and their phases are when they come as JSON.

import { listOf, objectOf, type Schema, taggedBy, text, yesOrNo } from "../../../linker/schema.ts";
import type { Part, Protocol } from "./protocol.ts";
import { requests } from "./step.ts";

const parts = ["breakpoint", "spin", "tail", "head", "whole"] satisfies Part[];
const permissions = objectOf({ permissions: objectOf({ r: yesOrNo, w: yesOrNo, x: yesOrNo }) });

/** A phase as data. */
export const phaseSchema: Schema = taggedBy("kind", {
	write: objectOf({ part: { enum: parts } }),
	sync: objectOf({ request: { enum: [...requests] }, unless: { const: "coherent" } }, ["request"]),
	release: objectOf({ serialize: yesOrNo }),
	trap: objectOf({ arm: yesOrNo }),
	protect: permissions,
	map: permissions,
	restrict: permissions,
	copy: objectOf({}),
	poison: objectOf({}),
	maintain: objectOf({}),
	retire: objectOf({}),
});

const fields: Record<keyof Protocol, Schema> = {
	name: text,
	brief: text,
	requires: { enum: ["aligned", "quiet"] },
	phases: listOf(phaseSchema),
};

/** The JSON schema of a protocol in a file. */
export const protocolSchema: Schema = objectOf(fields, ["name", "brief", "phases"]);
