// What a case of the abuser is when it comes back as JSON: its numbers are those that a random case can have.

import {
	askedSchema,
	count,
	listOf,
	objectOf,
	partsSchema,
	type Schema,
	taggedBy,
	text,
	yesOrNo,
} from "../../../linker/schema.ts";
import { typeNames } from "../../execmem/memory-types.ts";
import { models } from "../../machine/models/index.ts";
import { LARGE_PAGE } from "../../machine/page-entry.ts";
import { MODULES, MOST_CPUS, MOST_LARGE_PAGES, SLOTS, type StressCase } from "./case.ts";

const upTo = (maximum: number, minimum = 0): Schema => ({ type: "integer", minimum, maximum });

const slot = upTo(SLOTS - 1);
const seed = upTo(2 ** 31 - 1);
const cpu = upTo(MOST_CPUS - 1);
const mask = upTo(2 ** MOST_CPUS - 1);
const module = upTo(MODULES - 1);
const bytes = upTo(2 * LARGE_PAGE, 1);

const call = taggedBy("call", {
	alloc: objectOf({ slot, type: { enum: [...typeNames] }, bytes, node: upTo(1) }),
	jit: objectOf({ slot, bytes }),
	"in-place": objectOf({ slot, bytes }),
	write: objectOf({ slot, seed }),
	finish: objectOf({ slot, atRest: yesOrNo }),
	execute: objectOf({ slot, cpus: mask }),
	free: objectOf({ slot }),
	flush: objectOf({}),
	late: objectOf({ slot, cpu }),
	patch: objectOf({}),
	load: objectOf({ module }),
	unload: objectOf({ module }),
	enter: objectOf({ module, cpus: mask }),
});

const fields: Record<keyof StressCase, Schema> = {
	model: { enum: models.map(({ name }) => name) },
	fetch: { enum: ["fresh", "stale", "random"] },
	cpus: upTo(MOST_CPUS, 1),
	nodes: upTo(2, 1),
	textPoke: yesOrNo,
	lazy: upTo(1024, 1),
	largePages: upTo(MOST_LARGE_PAGES, 1),
	seed,
	calls: listOf(call),
};

/** What `schema` is in the JSON of a case of stress. */
export const STRESS_SCHEMA = "patchbay/stress@1";

/** What `stress --json` writes. */
export const stressSchema: Schema = objectOf(
	{
		schema: { const: STRESS_SCHEMA },
		counts: objectOf({ calls: count, refused: count, executions: count, shootdowns: count, trapped: count }),
		stopped: yesOrNo,
		parts: partsSchema,
		/** What was asked of a search, and how many cases it has tried. */
		asked: askedSchema,
		tried: count,
		failed: { ...objectOf({ what: text, case: objectOf(fields) }), type: ["object", "null"] },
	},
	["schema", "failed"],
);
