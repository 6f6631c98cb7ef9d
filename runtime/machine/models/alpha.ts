import type { Model } from "../model.ts";

export const alpha: Model = {
	name: "alpha",
	brief: "fetches 4 bytes; found by virtual address, stale until imb on that CPU; nothing is broadcast",
	source:
		"Alpha Architecture Reference Manual: CALL_PAL IMB makes the executing processor's instruction stream coherent; the instruction cache may be virtual",
	unit: 4,
	caches: true,
	cleans: false,
	invalidates: "own",
	queue: false,
	tag: "virtual",
	upkeep: "imb",
	returns: "plain",
};
