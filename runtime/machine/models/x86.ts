import type { Model } from "../model.ts";

/** Nothing is promised about how many bytes a fetch takes at once. */
export const x86: Model = {
	name: "x86",
	brief: "fetches byte by byte; coherent, stale until the CPU serializes",
	source: "Intel SDM vol. 3, cross-modifying code: only a serializing instruction on the other CPU makes it safe",
	unit: 1,
	caches: true,
	cleans: false,
	invalidates: "own",
	queue: false,
	upkeep: "none",
	returns: "barrier",
};
