// What a model is when it comes as JSON.

import { objectOf, type Schema, text, yesOrNo } from "../../linker/schema.ts";
import type { Model } from "./model.ts";

const fields: Record<keyof Model, Schema> = {
	name: text,
	brief: text,
	source: text,
	unit: { enum: [0, 1, 4, 8] },
	caches: yesOrNo,
	cleans: yesOrNo,
	invalidates: { enum: ["own", "broadcast"] },
	queue: yesOrNo,
	tag: { enum: ["virtual"] },
	upkeep: { enum: ["none", "by-address", "fence.i", "imb"] },
	returns: { enum: ["barrier", "plain"] },
	buffer: { enum: ["until-fence", "until-serialize"] },
};

/** Every field is required but those that a model has or has not: a promise that nobody wrote down is none. */
export const modelSchema: Schema = objectOf(
	fields,
	Object.keys(fields).filter((field) => field !== "buffer" && field !== "tag"),
);
