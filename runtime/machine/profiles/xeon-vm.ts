import type { CostProfile } from "../profile.ts";

/** Measured: a virtual machine with two CPUs of a Xeon, about 4.1 GHz. An iteration of an empty loop took 0.241 ns (one
 * cycle); a direct call and return of a trivial function added next to nothing, a jump in between 0.10 ns, a predicted
 * indirect call 0.73 ns, a retpoline (always a mispredicted return) 8.5 ns; two targets in random order cost half a
 * misprediction, 3.7 ns. A system call was not measured: the published
 * 13.9 M/s beside 3.2 M/s emulated hits of a probe, which are a trap each, make it 0.23 of a trap. Interrupt rounds are virtualised there: 0.17 us with nobody
 * to ask, 12 us with one other CPU (14 us for each of 24 have been published); a trap round trip about 1 us.
 * Its memory is one node: what a line costs more from another socket, 60 ns, is what is usual. */
export const xeonVm: CostProfile = {
	name: "xeon-vm",
	source:
		"user-space loops on a 2-CPU Xeon VM, 0.241 ns per cycle: direct 1, jmp trampoline 1.4, pointer 3.9, retpoline 36",
	cycles: {
		alu: 0.25,
		mul: 1,
		div: 6,
		load: 0.5,
		store: 0.5,
		nop: 0.0625,
		branch: 0.5,
		jump: 0.4375,
		call: 0.0625,
		return: 0.0625,
		indirect: 3,
		atomic: 18,
		barrier: 24,
		cache: 24,
		host: 1,
		system: 1,
	},
	mispredict: 32,
	trap: 4000,
	syscall: 930,
	syncRound: 700,
	syncCpu: 49300,
	interrupt: 4000,
	poke: 8,
	farLine: 250,
};
