import type { CostProfile } from "../profile.ts";

/** A textbook five-stage machine: one instruction a cycle, loads two, a pipeline of depth ten to refill. */
export const inOrder: CostProfile = {
	name: "in-order",
	source: "textbook single-issue pipeline; no machine in particular",
	cycles: {
		alu: 1,
		mul: 3,
		div: 20,
		load: 2,
		store: 1,
		nop: 1,
		branch: 1,
		jump: 1,
		call: 2,
		return: 2,
		indirect: 4,
		atomic: 10,
		barrier: 10,
		cache: 10,
		host: 1,
		system: 1,
	},
	mispredict: 10,
	trap: 200,
	syscall: 60,
	syncRound: 500,
	syncCpu: 500,
	interrupt: 200,
	poke: 50,
	farLine: 100,
};
