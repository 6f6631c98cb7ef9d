// Code on its way to bytes: instructions of the machine in basic blocks, over registers without number limit until
// registers.ts has chosen among the machine's.

import { type Clobbers, SCRATCH } from "../../isa/index.ts";
import type { Position } from "../origin.ts";

/** 0..15 are the machine's, larger ones are virtual. */
export type Register = number;
export const FIRST_VIRTUAL = 16;

export { calleeSaved, callerSaved, RESULT, RESULT_LENGTH, roles, SCRATCH } from "../../isa/index.ts";

/** A field whose value the linker knows. */
export interface Reference {
	readonly symbol: string;
	readonly addend: number;
}

/** What the table of sites says of a call of a paravirt operation. */
export interface OperationCall {
	/** Symbol of the operation's word. */
	readonly operation: string;
	/** What is reserved for whatever takes the place of the call. */
	readonly bytes: number;
	readonly clobbers: Clobbers;
}

/** One instruction. Fields that its format does not have are 0. */
export interface Op {
	readonly mnemonic: string;
	a: Register;
	b: Register;
	c: Register;
	readonly imm: number;
	/** The condition of `j` and `set`. */
	readonly condition: number;
	/** Takes the place of `imm`. */
	readonly reference: Reference | undefined;
	/** Registers used beside the fields: arguments. */
	readonly reads: readonly Register[];
	/** Registers changed beside the fields: what a call does not keep. */
	readonly writes: readonly Register[];
	readonly paravirt: OperationCall | undefined;
	/** How many words of arguments are on the stack for a call. */
	readonly passed: number;
	/** Which word of the function's own arguments a load gets. It takes the place of `imm`, once the frame is known. */
	readonly argument: number | undefined;
	readonly at: Position;
}

/** What the table of patched branches says of one. */
export interface PatchedLabel {
	/** Symbol of the static key. */
	readonly key: string;
	/** Jumps while the key is enabled and this is false, or the other way round. */
	readonly expected: boolean;
	/** Jumps at the start. */
	readonly jumps: boolean;
}

export type End =
	| { readonly kind: "jump"; readonly to: Block }
	/** On the flags that the last `cmp` left. */
	| {
			readonly kind: "branch";
			readonly condition: number;
			readonly yes: Block;
			readonly no: Block;
			readonly at: Position;
	  }
	/** NOP5 or JMP, as whoever patches it decides: on to `next`, or to `target`. */
	| {
			readonly kind: "patched";
			readonly label: PatchedLabel;
			readonly next: Block;
			readonly target: Block;
			readonly at: Position;
	  }
	| { readonly kind: "return"; readonly reads: readonly Register[]; readonly at: Position }
	/** A jump to another function, which returns to our caller. */
	| { readonly kind: "tail"; readonly op: Op }
	/** A jump to the address in SCRATCH, which came from the table of these blocks. */
	| { readonly kind: "table"; readonly name: string; readonly targets: readonly Block[]; readonly at: Position };

export interface Block {
	ops: Op[];
	end: End | undefined;
	/** How many loops are around it. */
	readonly depth: number;
}

export interface Code {
	/** The first is where the function begins; the order is that of the bytes. */
	blocks: Block[];
	/** One more than the highest register in use. */
	registers: number;
	/** Words at `sp+0` and above that calls pass arguments in. */
	outgoing: number;
}

const none: readonly Register[] = [];

export type Fields = Partial<
	Pick<
		Op,
		"a" | "b" | "c" | "imm" | "condition" | "reference" | "reads" | "writes" | "paravirt" | "passed" | "argument"
	>
>;

export function newOp(mnemonic: string, fields: Fields, at: Position): Op {
	return {
		mnemonic,
		a: 0,
		b: 0,
		c: 0,
		imm: 0,
		condition: 0,
		reference: undefined,
		reads: none,
		writes: none,
		paravirt: undefined,
		passed: 0,
		argument: undefined,
		at,
		...fields,
	};
}

export function newBlock(depth: number): Block {
	return { ops: [], end: undefined, depth };
}

export function successors({ end }: Block): readonly Block[] {
	switch (end?.kind) {
		case "jump":
			return [end.to];
		case "branch":
			return [end.yes, end.no];
		case "patched":
			return [end.next, end.target];
		case "table":
			return end.targets;
		default:
			return [];
	}
}

/** What the end of a block reads. */
export function endReads({ end }: Block): readonly Register[] {
	switch (end?.kind) {
		case "return":
			return end.reads;
		case "tail":
			return end.op.reads;
		case "table":
			return [SCRATCH];
		default:
			return none;
	}
}
