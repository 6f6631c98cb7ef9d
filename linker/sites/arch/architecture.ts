// What patchbay knows of an architecture's branches: how they look, how far they reach, which relocations fill them. There
// is one literal per architecture; tables, the collector, validation and retargeting are written once against this shape.

import { type ElfObject, SHF_ALLOC, SHF_WRITE } from "../../elf/object.ts";
import type { SiteKind } from "../../format/static-calls.ts";

/** A direct branch that a relocation fills, and how to write it. Offsets count from the instruction's first byte. */
export interface BranchForm {
	readonly kind: SiteKind;
	/** Bytes of the instruction. */
	readonly length: number;
	/** Displacements count from the instruction's first byte plus this. */
	readonly base: number;
	/** Inclusive range of the displacement. */
	readonly min: number;
	readonly max: number;
	/** The displacement of the instruction whose first byte is at `at`. */
	readonly read: (view: DataView, at: number) => number;
	/** Changes the displacement, nothing else of the instruction. */
	readonly write: (view: DataView, at: number, displacement: number) => void;
	/** The whole instruction when there is nothing to call; undefined where no one instruction does that. */
	readonly nothing: readonly number[] | undefined;
	/** The whole instruction when what is called would return 0; undefined where that takes a call. */
	readonly zero?: readonly number[];
}

/** What a relocation in code that names a function is for. Codes are the values of a column. */
export const branchKinds = ["call", "tail", "conditional", "indirect call", "indirect jump"] as const;
/** The name of a kind, as lists print it. */
export type BranchKind = (typeof branchKinds)[number];

/** A branch as it is found at a relocation: of a form, or indirect, which no edit can turn into another call. */
export interface RelocatedBranch {
	/** Index in `branchKinds`. */
	readonly kind: number;
	/** Undefined for an indirect branch, which cannot be retargeted. */
	readonly form: BranchForm | undefined;
	/** Where the relocation's field starts, from the first byte of the instruction. */
	readonly fieldAt: number;
	readonly length: number;
	/** The addend of a relocation that goes to its symbol's first byte. */
	readonly addend: number;
	/** The type of its relocation where another function is called. */
	readonly relocation: number;
}

/** @param from, target, field offsets of its first byte, of where it goes as the bytes are, and of its displacement */
export type VisitTarget = (from: number, target: number, field: number) => void;

/** @param field offset of the displacement of a memory operand, where it has one @param isCall whether it comes back: jumps are
 * tail calls and jump tables @param isMemory whether the address is read from memory, or else is in a register */
export type VisitIndirect = (field: number, isCall: boolean, isMemory: boolean) => void;

/** What the collector needs to know about an architecture's objects: how their table of call sites looks, and what else
 * code may do with a trampoline than call it. */
export interface SiteRules {
	/** SHF_* of the table's section. */
	readonly flags: number;
	/** Whether the rows of init text carry INIT. Linux's objtool does not say it: the kernel looks at addresses. */
	readonly marksInit: boolean;
	/** Whether calls in the replacements of alternatives have rows. The toy's are patched along with their copies; the
	 * kernel patches none of them. */
	readonly inReplacements: boolean;
	/** Whether the table goes on to our own linker, which reads its relocations by columns. Otherwise it only goes to a file,
	 * and its relocations, which may be millions, are made while they are written. */
	readonly isLinkedHere: boolean;
	/** Refuses relocation `i` of a section that names a trampoline and is no branch: the toy's compiler and assembler make
	 * nothing of the kind. Undefined where other compilers may do what they like.
	 * @throws LinkError */
	readonly refuseOther: ((object: ElfObject, section: number, i: number) => void) | undefined;
}

/** What one branch table and one collector need to know: every machine, the toy's too, has one such literal. */
export interface Architecture {
	readonly name: string;
	/** e_machine */
	readonly machine: number;
	/** Linkers delete bytes of code. They move symbols then, not what is added to one, so a place needs a symbol of its own. */
	readonly isRelaxed: boolean;
	readonly branches: readonly RelocatedBranch[];
	/** Which of `branches` the relocation of `type` fills whose field is at `at`; -1 for what is no branch. */
	readonly find: (type: number, bytes: Uint8Array, at: number) => number;
	readonly relocation: {
		/** The type that does nothing. */
		readonly none: number;
		/** `S + A - P`, 32 bits, in data. */
		readonly relative32: number;
	};
	readonly sites: SiteRules;
}

/** An architecture of processors that exist: what it takes to list and retarget files that other compilers and linkers made,
 * and programs that run. */
export interface RealArchitecture extends Architecture {
	/** Instructions start at multiples of this. */
	readonly align: number;
	readonly relocation: Architecture["relocation"] & {
		/** `S + A`, 64 bits. */
		readonly absolute64: number;
		/** Types that fill nothing, but say something of the relocation before them. */
		readonly marks: readonly number[];
		/** Types of relocations of branches, and the one that does nothing, by their names in the psABI. */
		readonly names: Readonly<Record<string, number>>;
	};
	/** Whether the instruction at `at` is a breakpoint, of which debuggers and tracers leave some in running programs. */
	readonly isBreakpoint: (bytes: Uint8Array, at: number) => boolean;
	/** Whether one store may replace an instruction, at this address, by another while threads run through it. */
	readonly fitsOneStore: (address: number, before: Uint8Array, after: Uint8Array) => boolean;
	/** Whether the relocation of `type` whose field is at `at` gives an instruction the address of a function, in full, that code
	 * behind it calls; undefined where no compiler does that. */
	readonly callsLoaded: ((type: number, bytes: Uint8Array, at: number) => boolean) | undefined;
	/** Where the veneer at `at` goes, which a linker put there because what was called is out of reach; undefined where there is
	 * none. Undefined itself where linkers make none. */
	readonly followVeneer: ((bytes: Uint8Array, at: number, address: number) => number | undefined) | undefined;
	/** Visits every direct branch from `start` to `end`, by linear decoding. Bytes that are no instruction end it.
	 * @returns where it ended */
	readonly visitTargets: (bytes: Uint8Array, start: number, end: number, visit: VisitTarget) => number;
	/** Visits every indirect call and jump in the same way, but not returns. */
	readonly visitIndirect: (bytes: Uint8Array, start: number, end: number, visit: VisitIndirect) => number;
	/** Behind the last instruction from `start` to `end` that nothing runs past, a return or a jump; `start` if there is none. What
	 * follows it up to bytes that are no instruction is no code either. */
	readonly lastExit: (bytes: Uint8Array, start: number, end: number) => number;
}

/** What Linux's objtool does, whatever the processor. */
export const kernelRules: SiteRules = {
	flags: SHF_ALLOC | SHF_WRITE,
	marksInit: false,
	inReplacements: false,
	isLinkedHere: false,
	refuseOther: undefined,
};
