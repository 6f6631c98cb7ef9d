import type { Model } from "../model.ts";

export const amdQuad: Model = {
	name: "amd-quad",
	brief: "fetches aligned 8 bytes at once; coherent, stale until the CPU serializes",
	source: "AMD64 APM vol. 2, cross-modifying code: a store inside a naturally aligned quadword is fetched whole",
	unit: 8,
	caches: true,
	cleans: false,
	invalidates: "own",
	queue: false,
	upkeep: "none",
	returns: "barrier",
};
