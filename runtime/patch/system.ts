// A machine with a program and those who patch it: what `run` drives and `check` explores. All that changes and matters
// is in the machine's buffer; the plans that patchers carry out are fixed data beside it.

import type { Image } from "../../linker/link/image.ts";
import { Patcher } from "../machine/layout.ts";
import type { Machine } from "../machine/state.ts";
import type { Change, Update } from "./change/change.ts";
import type { Plan } from "./plan/plan.ts";
import type { Phase, Protocol } from "./plan/protocol.ts";
import type { Step } from "./plan/step.ts";

/** What patching did so far. */
export interface PatchCounts {
	updates: number;
	/** Calls, branches and entries of functions that updates changed. */
	sites: number;
	/** Jumps of trampolines that updates changed. */
	trampolines: number;
	stores: number;
	/** Rounds of interrupts. */
	syncs: number;
	/** Interrupts taken, over all CPUs. */
	interrupts: number;
	traps: number;
	/** Traps of probes: a hit is one, or two when it is stepped out of line. */
	probeTraps: number;
	/** Ticks from the first to the last step, over all updates. */
	ticks: number;
}

/** An update that waits for its turn: planned when it is, against the sites as they are then. */
export interface Queued {
	readonly changes: readonly Change[];
	/** What is done instead, by somebody who has no such changes. */
	readonly planned?: () => Update;
	/** The CPU that waits for it; undefined for a request from outside. */
	readonly cpu: number | undefined;
	/** Ticks. */
	readonly clock: number;
}

/**
 * A machine with the program that it runs and whoever patches it. What is not in the machine's buffer is what
 * records happenings, and what is waiting to be done.
 */
export interface System {
	readonly machine: Machine;
	/** The program with the modules that are loaded now. */
	image: Image;
	/** How the program was settled at boot, and modules are when they are loaded; undefined while it is not. */
	booted: BootOptions | undefined;
	/** How run-time updates are done. */
	readonly protocol: Protocol;
	/** What each patcher of the machine carries out. */
	readonly plans: Plan[];
	readonly queue: Queued[];
	readonly counts: PatchCounts;
	/** Finished lines, and the values of the unfinished line of each CPU. */
	readonly output: string[];
	readonly line: Map<number, string[]>;
	/** Why the last update was refused. */
	refusal: string | undefined;
	/** What happened, in order, when a trace is wanted. */
	readonly events: Happening[] | undefined;
	/** For the trace: sites whose new bytes some CPU has not run yet. */
	readonly firstRuns: Map<number, FirstRuns>;
	/** What traced functions reported. */
	readonly tracer: Tracer;
	/** Who serves traps, in the order in which they are asked. */
	readonly trapServers: TrapServer[];
	/** Addresses of the program's own handlers: of breakpoints that nobody else serves, and of NMIs. */
	readonly handlers: { trap: number | undefined; nmi: number | undefined };
	/** Who holds text that others must not patch. */
	readonly claims: Claim[];
	/** The address spaces of the processes that run the image, from 0. */
	readonly spaces: readonly number[];
	/** Pages of text that a process has a copy of. */
	readonly copies: PageCopy[];
	/** What mappings are called that no segment names. */
	readonly named: NamedMapping[];
	/** Processes that a trap ended, while others went on. */
	readonly deaths: Death[];
}

/** How operations and alternatives are settled when a program starts. */
export interface BootOptions {
	/** What the machine has. */
	readonly features?: readonly string[];
	/** False: every call of an operation stays a call. */
	readonly inline?: boolean;
	/** Modules may ask for features that the program does not ask for. */
	readonly modules?: boolean;
}

/** New bytes at a site, and the CPUs that have run them. */
export interface FirstRuns {
	readonly bytes: Uint8Array;
	readonly cpus: Set<number>;
}

/** One call of a traced function. */
export interface TracedCall {
	readonly cpu: number;
	/** Address of the function. */
	readonly address: number;
	/** How many traced functions are around it. */
	readonly depth: number;
	/** Ticks. */
	readonly entered: number;
	/** Ticks; undefined while it has not returned. */
	left: number | undefined;
	/** Where it returns to. */
	readonly returnTo: number;
}

/** What traced functions reported: calls, and which of them are still under way. */
export interface Tracer {
	/** In the order of their beginnings. */
	readonly calls: TracedCall[];
	/** For each CPU, the calls that it is in, outermost first. */
	readonly stacks: Map<number, TracedCall[]>;
}

/** A family that patches text, and which text it owns. */
export interface Claim {
	readonly family: string;
	/** Who owns any byte of [start, end), in words: `static call 'pick'`. */
	owner(system: System, start: number, end: number): string | undefined;
}

/** A page of text that a process has, or may come to have, a copy of: both are kept alike, whichever is mapped. It is a record of
 * frames that belong together, made when they are reserved; which of them is mapped, the page table says. */
export interface PageCopy {
	readonly space: number;
	/** Virtual. */
	readonly page: number;
	/** Physical: what the others map, and the process's own. */
	readonly shared: number;
	readonly own: number;
}

/** Serves the trap a CPU stopped at. @returns false when it is not its own: the next one is asked */
export type TrapServer = (system: System, cpu: number) => boolean;

/** A mapping of a process that is no segment of a file: `[probes]`. */
export interface NamedMapping {
	readonly space: number;
	readonly address: number;
	readonly bytes: number;
	readonly name: string;
}

/** The trap that ended a process, and the CPU that met it. */
export interface Death {
	readonly space: number;
	readonly cpu: number;
	/** A `Stop`. */
	readonly stop: number;
	readonly value: number;
	readonly pc: number;
	/** The stack pointer. */
	readonly sp: number;
	/** What is to be said of it, if more is known than the trap tells. */
	readonly why: string | undefined;
}

/** Something worth a line in a trace. `begin`, `step` and `end` are a patcher's: an update, its parts, its end.
 * `first`: the CPU runs the new bytes of a site for the first time. `module`: one is about to come, to run its init
 * function, or to go. */
export interface Happening {
	/** Ticks. */
	readonly clock: number;
	/** Who does it, or whom a patcher works for; undefined: a patcher from outside. */
	readonly cpu: number | undefined;
	/** Which patcher. */
	readonly patcher?: number;
	/** The phase that a step belongs to. */
	readonly phase?: Phase | undefined;
	/** What was done, where `detail` says it in words. */
	readonly step?: Step;
	/** Where the instruction is that trapped, faulted, or ran for the first time. */
	readonly address?: number;
	readonly what:
		| "step"
		| "interrupt"
		| "trap"
		| "begin"
		| "end"
		| "print"
		| "halt"
		| "fault"
		| "first"
		| "probe"
		| "module";
	readonly detail: string;
	/** Ticks. */
	readonly duration: number;
	/** Bytes of code that some CPU may fetch older than memory holds them, after a step or an interrupt. */
	readonly flux?: number | undefined;
}

/** `Patcher.active`: has nothing to do, carries out its plan, or died in the middle of it (recover.ts). */
export const Life = { idle: 0, atWork: 1, dead: 2 } as const;

export function getPatcher(machine: Machine, patcher: number, field: number): number {
	return machine.words[(machine.layout.patchers >> 2) + patcher * Patcher.words + field]!;
}

export function setPatcher(machine: Machine, patcher: number, field: number, value: number): void {
	machine.words[(machine.layout.patchers >> 2) + patcher * Patcher.words + field] = value;
}

/** A patcher's clocks as doubles: index (Patcher.clock or Patcher.started) / 2. */
export function patcherClocks(machine: Machine, patcher: number): Float64Array {
	return new Float64Array(machine.buffer, machine.layout.patchers + patcher * Patcher.words * 4, Patcher.words / 2);
}
