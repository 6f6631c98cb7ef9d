// The atomic steps of a patch. Nothing else ever writes code bytes: a plan is a list of these, and the very same steps
// are run, checked and replayed.

import type { Permissions } from "../../machine/page-entry.ts";

/** One site, or one word of data, to change: `bytes` replace `old`, of the same length. At a site both are one
 * instruction, or RET and filler. */
export interface Edit {
	readonly address: number;
	/** In one process only. */
	readonly space?: number;
	readonly old: Uint8Array;
	readonly bytes: Uint8Array;
	/** What a breakpoint there stands for, before and after, where it is not what an armed trap executes. */
	readonly means?: Uint8Array;
}

/** What every other CPU is asked to do: execute an instruction barrier, flush its TLB, stop until released, with interrupts off
 * (`park`, as stop_machine does) or serving them meanwhile; or, without an interrupt, execute a barrier when it next rests.
 * The patching CPU does not park, and does everything else itself. */
export type Request = (typeof requests)[number];
export const requests = ["serialize", "flush", "park", "park-interruptible", "serialize-at-rest"] as const;

/** Virtual memory, of address space 0. */
export interface Stretch {
	readonly address: number;
	readonly bytes: number;
}

/** Physical memory for a stretch: consecutive frames, or large pages. */
export interface Frames {
	readonly physical: number;
	readonly large: boolean;
	/** It will be executed. */
	readonly text: boolean;
}

/** A stretch to fill or to give back, and what to map there where nothing is mapped yet. */
export interface Span extends Stretch {
	/** The process whose mapping it is; 0 unless said otherwise. */
	readonly space?: number;
	readonly frames?: Frames;
}

/** One atomic action of a patcher. Addresses are virtual, in address space 0 unless `space` says another. */
export type Step =
	/** Waits until nobody else patches text. */
	| { readonly kind: "lock" }
	/** Nobody's pages are held and nobody patches any more. */
	| { readonly kind: "unlock" }
	/** One atomic store through an alias that no CPU has mapped; never crosses an aligned 8 bytes. */
	| { readonly kind: "store"; readonly address: number; readonly bytes: Uint8Array; readonly space?: number }
	/** Cache maintenance by address, on models that need it: data to where fetches look, old code out of every cache. Of one
	 * unit, or of all that so many bytes touch. */
	| {
			readonly kind: "clean" | "invalidate";
			readonly address: number;
			readonly bytes?: number;
			readonly space?: number;
	  }
	/** Asks every CPU that may execute, or these. */
	| { readonly kind: "interrupt"; readonly request: Request; readonly cpus?: readonly number[] }
	/** Goes on once every CPU that this patcher asked has done it. */
	| { readonly kind: "await" }
	/** Lets parked CPUs go on; they, and the patching CPU, execute an instruction barrier first if so said. */
	| { readonly kind: "release"; readonly serialize: boolean }
	/** From here on a breakpoint at one of the plan's sites executes the new instruction instead. */
	| { readonly kind: "arm" }
	| { readonly kind: "disarm" }
	/** Stores many bytes at once, or breakpoints, through an alias, into memory that no CPU can execute. */
	| { readonly kind: "copy"; readonly address: number; readonly bytes: Uint8Array }
	| { readonly kind: "poison"; readonly address: number; readonly bytes: number }
	/** Changes what the page table permits there, of text or not; with `frames`, these are mapped there. */
	| ({
			readonly kind: "map";
			readonly permissions: Permissions;
			readonly frames?: Frames;
			readonly space?: number;
	  } & Stretch)
	/** Takes from every mapping of the memory there, in any address space, all rights but these. */
	| ({ readonly kind: "restrict"; readonly permissions: Permissions } & Stretch)
	/** From here on the memory there is as if it had never been text, if it can be. */
	| ({ readonly kind: "retire" } & Stretch)
	/** What agents of scenarios do besides (runtime/check): waits until another patcher has carried out its plan. */
	| { readonly kind: "after"; readonly patcher: number }
	/** Another patcher dies: it does no further step, and what it holds stays held. */
	| { readonly kind: "kill"; readonly patcher: number }
	/** A CPU executes an instruction barrier, or flushes its TLB, as if its program had said so. */
	| { readonly kind: "serialize" | "flush"; readonly cpu: number }
	/** A CPU that is off begins. */
	| { readonly kind: "start"; readonly cpu: number }
	/** Two CPUs exchange the tasks that they run, between two instructions; with an instruction barrier if so said. */
	| { readonly kind: "exchange"; readonly cpus: readonly [number, number]; readonly serialize: boolean }
	/** Waits until no CPU is in the text there, nor will return to it. */
	| { readonly kind: "vacate"; readonly address: number; readonly bytes: number }
	/** Makes one stretch of physical memory like another. */
	| { readonly kind: "clone"; readonly from: number; readonly to: number; readonly bytes: number }
	/** A page of a process is this memory from here on, with the rights it had. CPUs see it when they flush. */
	| {
			readonly kind: "remap";
			readonly space: number;
			readonly page: number;
			readonly physical: number;
			/** A virtual address of that memory, for people. */
			readonly of?: number;
	  }
	/** From here on the text there is somebody's to execute, or nobody's. Nothing is done: the checker judges by it. */
	| { readonly kind: "live" | "free"; readonly address: number; readonly bytes: number }
	/** Changes what every mapping of the text there permits. Until the patcher unlocks, a CPU that faults there retries. */
	| { readonly kind: "protect"; readonly address: number; readonly bytes: number; readonly permissions: Permissions };

/** Stores are atomic within aligned units of this size. */
export const ATOMIC = 8;

/** Splits a store where it crosses the aligned unit. */
export function atomicStores(address: number, bytes: Uint8Array, space?: number): Step[] {
	const steps: Step[] = [];
	for (let from = 0; from < bytes.length; ) {
		const to = Math.min(bytes.length, from + ATOMIC - ((address + from) % ATOMIC));
		steps.push({ kind: "store", address: address + from, bytes: bytes.slice(from, to), ...inSpace(space) });
		from = to;
	}
	return steps;
}

/** For steps that are about one address space; without one they are about all that run the program. */
export function inSpace(space: number | undefined): { readonly space?: number } {
	return space === undefined ? {} : { space };
}

export function same(a: Uint8Array, b: Uint8Array): boolean {
	return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
