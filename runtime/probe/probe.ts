// A probe: an instruction of a process that somebody wants to be told of. The instruction gives way to a breakpoint in a
// copy of its page that only this process has; whoever hits it is noted, and does what the instruction would have done.

import type { Instruction } from "../../linker/isa/instruction-set.ts";
import type { System } from "../patch/system.ts";
import type { Frames } from "./frames.ts";

/** What a hit leaves behind, besides being counted: nothing, a line, the registers as they were. */
export type Handler = "count" | "print" | "registers";
/** Every `Handler`. */
export const handlers: readonly Handler[] = ["count", "print", "registers"];

/** A hit that a handler noted. */
export interface Note {
	readonly cpu: number;
	/** Ticks. */
	readonly clock: number;
	readonly registers: readonly number[];
	/** Arguments beyond those in registers, where a function begins; undefined where nothing is mapped. */
	readonly stack: readonly (number | undefined)[];
}

/** A probe: the instruction that it is on, what a hit leaves behind, and the hits so far. */
export interface Probe {
	/** Its place in the record of its process (slot-area.ts). */
	readonly index: number;
	readonly space: number;
	readonly address: number;
	/** `main+0x10` */
	readonly place: string;
	/** What the program has there. */
	readonly bytes: Uint8Array;
	readonly instruction: Instruction;
	readonly handler: Handler;
	/** Why no CALL may stand in for the breakpoint (optimise.ts); undefined when one may. */
	readonly uncallable: string | undefined;
	hits: number;
	/** The last ones. */
	readonly notes: Note[];
	/** Whether it was asked to become a CALL. */
	asked: boolean;
}

/** A page of code beside the program: its virtual address and its frame. */
export interface CodePage {
	readonly address: number;
	readonly physical: number;
}

/** What a process executes out of line, and where (slot-area.ts). */
export interface SlotArea extends CodePage {
	readonly space: number;
	/** Physical address of the record. */
	readonly record: number;
	/** Every probe that the process ever had, the last at each address. */
	readonly known: Map<number, Probe>;
	/** Where a CALL goes that stands in for a breakpoint (optimise.ts); undefined until one is asked for. */
	trampoline: CodePage | undefined;
}

/** How probes are carried out. */
export interface ProbeOptions {
	/** `always`: also what could be emulated is executed in a slot, but for what asks the machine for something. */
	readonly outOfLine?: "needed" | "always";
	/** How many of a page's slots are used. */
	readonly slots?: number;
	/** Whether probes on NOP5 become calls after their first hit. */
	readonly optimise?: boolean;
	/** Bytes below the stack pointer that functions may use without telling anybody. */
	readonly redzone?: number;
	/** False: slots are written without a word to the caches. For scenarios that show why not. */
	readonly maintained?: boolean;
}

/** The probes of a system. */
export interface Probes {
	readonly system: System;
	readonly options: Required<ProbeOptions>;
	readonly frames: Frames;
	/** By address space; made for the first probe of a process. */
	readonly areas: Map<number, SlotArea>;
	/** Lines of the handlers that print. */
	readonly lines: string[];
}

/** Why a probe cannot be had. Nothing was changed. */
export interface ProbeRefusal {
	readonly refused: string;
}

/** How many notes a probe keeps. */
export const NOTES_KEPT = 1000;
