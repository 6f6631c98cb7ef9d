// What time costs. A profile is a literal (profiles/): cycles per cost class and per event, with where the numbers come
// from. Clocks count in sixteenths of a cycle, so that fractions of superscalar machines add up exactly.

import type { CostClass } from "../../linker/isa/instruction-set.ts";

/** Clocks count in ticks, so that cycles may be multiples of 1/16. */
export const TICKS_PER_CYCLE = 16;

/** How long instructions, traps and interrupts take on a real machine. Everything is in cycles of a CPU. */
export interface CostProfile {
	readonly name: string;
	/** Where the numbers come from. */
	readonly source: string;
	/** Cycles per instruction of a class, correctly predicted: multiples of 1/16, at least 1/16. */
	readonly cycles: Readonly<Record<CostClass, number>>;
	/** Cycles lost when a return or an indirect jump goes elsewhere than predicted. */
	readonly mispredict: number;
	/** Cycles of one breakpoint trap with emulation, from trap to resume. */
	readonly trap: number;
	/** Cycles of a call of the kernel, there and back. */
	readonly syscall: number;
	/** Cycles the sender waits for one round of interrupts: whoever is asked, and more for each CPU that is. */
	readonly syncRound: number;
	readonly syncCpu: number;
	/** Cycles that each receiver spends in it. */
	readonly interrupt: number;
	/** Cycles of one store of code bytes through the alias. */
	readonly poke: number;
	/** Cycles that fetching 64 bytes takes more for every 10 that their memory is more distant than one's own node's. */
	readonly farLine: number;
}

/** A cycle count as people read it: whole, or with the fraction it has. */
export function ticksToCycles(ticks: number): number {
	return ticks / TICKS_PER_CYCLE;
}

/** What an instruction of a class takes, at least one tick. */
export function ticksOf(profile: CostProfile, cost: CostClass): number {
	return Math.max(1, Math.round(profile.cycles[cost] * TICKS_PER_CYCLE));
}
