// Steps that only their own CPU can see, which are merged into the move before them: which instructions these are, and the argument
// that nothing is lost.

import { decode } from "../../linker/isa/decode.ts";
import type { Row } from "../../linker/isa/instruction-set.ts";
import { SP } from "../../linker/isa/sets/toy.ts";
import { Cpu, Status } from "../machine/layout.ts";
import { readVirtual } from "../machine/memory.ts";
import { advance } from "../machine/run.ts";
import { getCpu, PAGE } from "../machine/state.ts";
import { drain, storeAt, waiting } from "../machine/store-buffer.ts";
import type { System } from "../patch/system.ts";
import type { Built } from "./build.ts";
import type { Stack } from "./footprint.ts";
import { hasOwnStack, judgeStackUse, type StackUse } from "./stack-use.ts";

/** Steps merged into one at most: a program that never does anything visible is still explored. */
const MERGED = 64;

/** Why this keeps verdicts and shortest counterexamples: a local step changes and reads only its own CPU's registers and
 * stack, its bytes are written by nobody, and no property looks at it; so it commutes with every move of the others, and
 * whatever they can do before it they can do after. Interrupts may be taken before or after with the same effect.
 *
 * A local step whose fetch had a choice (its page is being remapped) is the last one that is merged. Were more merged, their
 * choices would multiply in one move: two for each of ten instructions are a thousand ways to the same few states. */
export function mergeLocal(
	use: StackUse,
	cpu: number,
	local: (pc: number) => boolean,
	settle: (cpu: number, from: number) => void,
): number[] {
	const { machine } = use.system;
	const places: number[] = [];
	const asked = machine.oracle.options.length;
	while (places.length < MERGED) {
		const pc = getCpu(machine, cpu, Cpu.pc) >>> 0;
		if (getCpu(machine, cpu, Cpu.status) !== Status.running || !local(pc)) return places;
		if (!hasOwnStack(use, cpu)) return places;
		const sp = machine.cores[cpu]!.r[SP]!;
		advance(machine, cpu, 1);
		judgeStackUse(use, cpu, sp);
		settle(cpu, pc);
		places.push(pc);
		if (machine.oracle.options.length > asked) return places;
	}
	return places;
}

/** Stores to a CPU's own stack leave its buffer, also those that others wait before. Only the CPU itself loads them, and finds them
 * either way; where anybody else reaches a stack, nothing is merged (stack-use.ts), and `stacks` is empty. */
export function emptyOwn({ machine }: System, cpu: number, stacks: readonly Stack[]): void {
	const stack = stacks[cpu];
	if (stack === undefined) return;
	for (let i = 0; i < waiting(machine, cpu); ) {
		const physical = storeAt(machine, cpu, i);
		if (physical >= stack.physical - stack.bytes && physical < stack.physical) drain(machine, cpu, i);
		else i++;
	}
}

/** Tells of an address whether its instruction is local: in bytes that no plan touches, and without shared memory. */
export function localInstructions(built: Built, ownStacks: boolean): (pc: number) => boolean {
	const { system } = built;
	// An NMI sees every instruction between which it comes.
	if (system.handlers.nmi !== undefined) return () => false;
	// Somebody looks where every CPU is and what is on its stack: no step of one is its own.
	if (system.plans.some(({ steps }) => steps.some(({ kind }) => kind === "vacate"))) return () => false;
	const touched = touchedRanges(built);
	const known = new Map<number, boolean>();
	return (pc) => {
		let answer = known.get(pc);
		if (answer === undefined) {
			const bytes = readVirtual(system.machine, 0, pc, 6);
			const instruction = bytes && decode(bytes, 0);
			answer =
				instruction !== undefined &&
				isOwn(instruction.row, ownStacks) &&
				!touched.some(([from, to]) => pc < to && pc + instruction.length > from);
			known.set(pc, answer);
		}
		return answer;
	};
}

/** A CPU's own stack is its own, unless what is stored there waits in a buffer among other stores. */
function isOwn(row: Row, ownStacks: boolean): boolean {
	return !row.stops
		? row.mnemonic !== "cli" && row.mnemonic !== "spin"
		: ownStacks && ["call", "ret", "push", "pop"].includes(row.mnemonic);
}

/** The sites that are judged, also where a plan leaves them as they are; what plans write, in whole fetch units, the pages
 * whose rights they change or that CPUs may write, what is freed, and the places that somebody looks for. */
function touchedRanges({ system, never, reaches, writable }: Built): [number, number][] {
	const ranges = [...never, ...reaches.keys()].map((at): [number, number] => [at, at + 1]);
	for (const page of writable) ranges.push([page, page + PAGE]);
	const unit = Math.max(1, system.machine.config.model.unit);
	for (const { steps, edits } of system.plans) {
		for (const { address, bytes } of edits) ranges.push([address, address + bytes.length]);
		for (const step of steps) {
			if (step.kind === "store") {
				const end = step.address + step.bytes.length;
				ranges.push([step.address - (step.address % unit), Math.ceil(end / unit) * unit]);
			}
			if (step.kind === "copy") ranges.push([step.address, step.address + step.bytes.length]);
			if (step.kind === "poison") ranges.push([step.address, step.address + step.bytes]);
			if (step.kind === "live" || step.kind === "free") ranges.push([step.address, step.address + step.bytes]);
			if (step.kind === "protect" || step.kind === "map" || step.kind === "restrict")
				ranges.push([step.address, step.address + Math.max(PAGE, step.bytes)]);
		}
	}
	return ranges;
}
