// How programs use their stacks, watched instruction by instruction, because three things rest on it. What lies below a
// stack pointer is no part of a state, so nobody may look there unless the scenario declares a red zone. CPUs that begin
// alike may change places only if nothing but their stack pointers tells whose stack is whose. And a step that touches
// nothing but the CPU's own stack is its own only while nobody else reads there.

import { LinkError } from "../../linker/errors.ts";
import type { Instruction, Row } from "../../linker/isa/instruction-set.ts";
import { SP } from "../../linker/isa/sets/toy.ts";
import { placeOf } from "../../linker/link/image.ts";
import { Cpu } from "../machine/layout.ts";
import { getCpu } from "../machine/state.ts";
import type { Step } from "../patch/plan/step.ts";
import type { System } from "../patch/system.ts";
import type { Stack } from "./footprint.ts";

/** A reduction that does not hold for what the program does: whoever meets it begins anew without it. */
export class Unfounded extends Error {
	readonly reduction: "symmetry" | "merge";

	constructor(reduction: "symmetry" | "merge") {
		super(reduction);
		this.reduction = reduction;
	}
}

export interface StackUse {
	readonly system: System;
	readonly stacks: readonly Stack[];
	/** Bytes below the stack pointer that programs use; undefined where whole stacks are part of the state. */
	readonly redZone: number | undefined;
	/** Reductions that are in use. */
	readonly symmetry: boolean;
	readonly merge: boolean;
}

/** Judges what the machine noted of a CPU's last instruction, and forgets it.
 * @param sp the stack pointer before it
 * @throws LinkError where it looks below a stack pointer, Unfounded where a reduction does not allow it */
export function judgeStackUse(use: StackUse, cpu: number, sp: number): void {
	const { machine } = use.system;
	const { accesses, cores } = machine;
	const { executed } = cores[cpu]!;
	if (use.symmetry && executed !== undefined && (usesPointer(executed) || executed.row.mnemonic === "cpuid"))
		throw new Unfounded("symmetry");
	for (const [i, { physical, bytes }] of accesses!.entries()) {
		const owner = ownerOf(use.stacks, physical);
		// What serves a trap goes by the stack pointer of whoever trapped.
		const onStack = executed === undefined ? owner === cpu : isOnStack(executed, i);
		if (owner >= 0) refuseBelow(use, owner, physical, bytes, owner === cpu ? sp : undefined, `cpu${cpu}`);
		if (use.merge && owner >= 0 && owner !== stackOf(use, cpu, sp)) throw new Unfounded("merge");
		if (use.symmetry && onStack !== (owner === cpu)) throw new Unfounded("symmetry");
	}
	accesses!.length = 0;
	cores[cpu]!.executed = undefined;
}

/** The same of a patcher or agent that just did this step. What a step makes CPUs do, such as emptying their store buffers, is no
 * store of the patcher's. */
export function judgePatcherStores(use: StackUse, patcher: number, { kind }: Step): void {
	if (!storing.has(kind)) return;
	for (const physical of use.system.machine.written!) {
		const owner = ownerOf(use.stacks, physical);
		if (owner < 0) continue;
		refuseBelow(use, owner, physical, 4, undefined, `patcher${patcher}`);
		if (use.merge) throw new Unfounded("merge");
		if (use.symmetry) throw new Unfounded("symmetry");
	}
}

const storing: ReadonlySet<Step["kind"]> = new Set(["store", "copy", "poison", "clone"]);

/** Whether a CPU's stack pointer is in its own stack, so that what it pushes and pops is there. */
export function hasOwnStack(use: StackUse, cpu: number): boolean {
	const sp = use.system.machine.cores[cpu]!.r[SP]!;
	const { top, bytes } = use.stacks[stackOf(use, cpu, sp)] ?? { top: 0, bytes: 0 };
	return isInside(sp, top, bytes);
}

/** The number of the stack that a CPU owns: the one it began with, or, where tasks move, the one its pointer is in. */
function stackOf({ stacks, redZone }: StackUse, cpu: number, sp: number): number {
	return redZone === undefined ? stacks.findIndex(({ top, bytes }) => isInside(sp, top, bytes)) : cpu;
}

function isInside(sp: number, top: number, bytes: number): boolean {
	return sp >>> 0 > top - bytes && sp >>> 0 <= top;
}

function ownerOf(stacks: readonly Stack[], physical: number): number {
	return stacks.findIndex((one) => physical >= one.physical - one.bytes && physical < one.physical);
}

/** @param before the owner's stack pointer before the instruction, if it was the owner's */
function refuseBelow(
	{ system, stacks, redZone }: StackUse,
	owner: number,
	physical: number,
	bytes: number,
	before: number | undefined,
	who: string,
): void {
	if (redZone === undefined) return;
	const { machine, image } = system;
	const stack = stacks[owner]!;
	const now = machine.cores[owner]!.r[SP]!;
	const sp = Math.min(now, before ?? now) >>> 0;
	const below = sp - (stack.top - (stack.physical - physical));
	if (below <= redZone) return;
	const whose = who === `cpu${owner}` ? "its stack pointer" : `the stack pointer of cpu${owner}`;
	const where = who.startsWith("cpu")
		? ` near ${placeOf(image, getCpu(machine, Number(who.slice(3)), Cpu.pc) >>> 0)}`
		: "";
	throw new LinkError(
		`${image.name}: ${who} accesses ${bytes} bytes at ${below} below ${whose}${where}, where interrupts and calls may write: write '# redzone: ${below}' if programs use that much`,
	);
}

/** Whether an access of an instruction, its first or second, is addressed by the stack pointer. */
function isOnStack({ row, a, b }: Instruction, access: number): boolean {
	if (row.mnemonic === "callm") return access > 0;
	if (pushesOrPops.has(row.mnemonic)) return true;
	const { base } = operandsOf(row);
	return base !== undefined && { a, b }[base] === SP;
}

/** Whether it reads or sets the stack pointer as a number: `addi r15, r15, 8` only moves it. */
function usesPointer(instruction: Instruction): boolean {
	const { row, a, b } = instruction;
	if (row.mnemonic === "addi" && a === SP && b === SP) return false;
	return operandsOf(row).data.some((letter) => instruction[letter] === SP);
}

const pushesOrPops: ReadonlySet<string> = new Set(["push", "pop", "call", "ret", "callr", "iret"]);

interface Operands {
	readonly data: readonly ("a" | "b" | "c")[];
	/** The register that an address is counted from. */
	readonly base: "a" | "b" | undefined;
}

const known = new Map<Row, Operands>();

/** Which registers a row uses for what, from its syntax. */
function operandsOf(row: Row): Operands {
	let operands = known.get(row);
	if (operands === undefined) {
		const base = /\[([ab])\+imm\]/.exec(row.syntax)?.[1] as "a" | "b" | undefined;
		const letters = row.syntax.replace(/\[[ab]\+imm\]/, "").match(/\b[abc]\b/g) ?? [];
		operands = { base, data: letters as ("a" | "b" | "c")[] };
		known.set(row, operands);
	}
	return operands;
}
