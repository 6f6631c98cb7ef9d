import type { Model } from "../model.ts";

/** DIC = 0, IDC = 0: nothing is coherent. */
export const arm: Model = {
	name: "arm",
	brief: "fetches 4 bytes; clean, then broadcast invalidate; a queue until SERIALIZE",
	source: "Simner et al., instruction fetch in relaxed architectures (ESOP 2020); CTR_EL0 with DIC = 0 and IDC = 0",
	unit: 4,
	caches: true,
	cleans: true,
	invalidates: "broadcast",
	queue: true,
	upkeep: "by-address",
	returns: "barrier",
};
