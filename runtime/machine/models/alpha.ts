import type { Model } from "../model.ts";

export const alpha: Model = {
	name: "alpha",
	brief: "fetches 4 bytes; stale until imb on that CPU, which drops its whole cache; nothing is broadcast",
	source:
		"Alpha Architecture Reference Manual: CALL_PAL IMB makes the executing processor's instruction stream coherent",
	unit: 4,
	caches: true,
	cleans: false,
	invalidates: "own",
	queue: false,
	upkeep: "imb",
	returns: "plain",
};
