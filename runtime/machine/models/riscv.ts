import type { Model } from "../model.ts";

export const riscv: Model = {
	name: "riscv",
	brief: "fetches 4 bytes; data coherent, stale until fence.i on that CPU",
	source: "RISC-V unprivileged ISA, Zifencei: FENCE.I orders the local hart's fetches only",
	unit: 4,
	caches: true,
	cleans: false,
	invalidates: "own",
	queue: false,
	upkeep: "fence.i",
	returns: "plain",
};
