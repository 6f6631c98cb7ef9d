// A machine with a program and those who patch it: what `run` drives and `check` will explore.

import type { Image } from "../../linker/link/image.ts";
import type { Machine } from "../machine/state.ts";
import type { Protocol } from "./protocol.ts";
import type { Edit, Step } from "./step.ts";

/** Somebody who carries out a plan step by step: a CPU whose program asked for it, or the outside world. */
export interface Patcher {
	/** The CPU that waits for it; undefined for a request from outside. */
	readonly cpu: number | undefined;
	readonly steps: readonly Step[];
	/** Index of the next step. */
	at: number;
	/** Ticks. */
	clock: number;
	readonly started: number;
}

/** What patching did so far. */
export interface PatchCounts {
	updates: number;
	sites: number;
	stores: number;
	/** Rounds of interrupts. */
	syncs: number;
	traps: number;
	/** Ticks from the first to the last step, over all updates. */
	ticks: number;
}

export interface System {
	readonly machine: Machine;
	readonly image: Image;
	/** How run-time updates are done. */
	readonly protocol: Protocol;
	readonly patchers: Patcher[];
	/** The batch the breakpoint trap looks in, sorted by address. */
	armed: readonly Edit[];
	readonly counts: PatchCounts;
	/** Finished lines, and the values of the unfinished line of each CPU. */
	readonly output: string[];
	readonly line: Map<number, string[]>;
	/** Why the program's own last request was refused; its CPU is then trapped. */
	refusal: string | undefined;
}

export function createSystem(machine: Machine, image: Image, protocol: Protocol): System {
	return {
		machine,
		image,
		protocol,
		patchers: [],
		armed: [],
		counts: { updates: 0, sites: 0, stores: 0, syncs: 0, traps: 0, ticks: 0 },
		output: [],
		line: new Map(),
		refusal: undefined,
	};
}
