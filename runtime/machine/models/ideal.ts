import type { Model } from "../model.ts";

/** Every fetch sees the newest bytes, all of them at once. */
export const ideal: Model = {
	name: "ideal",
	brief: "fetches the whole instruction at once, never stale",
	source: "no machine: what a patcher would wish for",
	unit: 0,
	caches: false,
	cleans: false,
	invalidates: "own",
	queue: false,
	upkeep: "none",
	returns: "plain",
};
