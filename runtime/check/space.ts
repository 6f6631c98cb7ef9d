// The states of a system as the explorer wants them: rows of words, and what follows from each. Everything that happens is
// done by the machine and the patcher themselves, on one working machine that is put into state after state.

import type { Instruction } from "../../linker/isa/instruction-set.ts";
import { SP } from "../../linker/isa/sets/toy.ts";
import { Cpu, Status } from "../machine/layout.ts";
import { restore } from "../machine/machine.ts";
import { BoundReached, getCpu, type Machine } from "../machine/state.ts";
import { isBuffered } from "../machine/store-buffer.ts";
import { allMoves, type Move, possible } from "../patch/drive/moves.ts";
import type { System } from "../patch/system.ts";
import type { Built } from "./build.ts";
import { type Coverage, newCoverage, stepObserver } from "./coverage.ts";
import type { Space } from "./explore.ts";
import { type Footprint, type Shape, type Stack, shapeOf, tasksMove, watch } from "./footprint.ts";
import { handles, isMapping, judged, stepBefore } from "./judge-move.ts";
import { watchedSites } from "./judge-site.ts";
import { emptyOwn, localInstructions, mergeLocal } from "./local-steps.ts";
import { holding, isAskedFor, isOver } from "./outcome.ts";
import { type Ends, noteEnd } from "./outcomes.ts";
import { freedText, judgeMappings, type Occurrence, type Property, propertyNames } from "./properties.ts";
import { isFinished, pack, sortBlocks, unpack } from "./rows.ts";
import { judgePatcherStores, judgeStackUse, type StackUse } from "./stack-use.ts";

export interface Reductions {
	/** CPUs that run the same program and that no patcher is bound to may change places: rows are sorted by CPU. */
	readonly symmetry: boolean;
	/** A step that no other party can see or hinder is taken together with the move before it. */
	readonly merge: boolean;
}

/** A step that was just taken; the system is in the state after it, its CPUs as they stood before it. */
export interface Taken {
	readonly move: Move;
	/** Where the CPU that moved was. */
	readonly pc: number;
	/** What it fetched: the bytes, and the instruction they are, if they are one. */
	readonly bytes: Uint8Array;
	readonly instruction: Instruction | undefined;
	/** Where the local steps are that were merged into it. */
	readonly merged: readonly number[];
	readonly broken: Fault | undefined;
	/** Which CPU of the state before is CPU i of the state after. */
	readonly places: readonly number[];
}

export interface MachineSpace extends Space {
	readonly system: System;
	/** What happened of `Occurrence`, the labels that were to be reached, and `OVER`. */
	readonly occurred: ReadonlySet<string>;
	readonly coverage: Coverage;
	/** Puts the system into a state. */
	enter(state: Int32Array): void;
	/** Takes the step with this ordinal out of a state and shows it to `visit`. @returns the state after it, or undefined when
	 * there is no such step */
	replay(state: Int32Array, ordinal: number, visit: (taken: Taken) => void): Int32Array | undefined;
}

/** The outcome of a litmus test, as what ends a search; and that all was over once, in whatever way. */
export const WANTED = "outcome";

export const OVER = "the end";

export type Fault = Property | typeof WANTED;

/** What the explorer's faults are. */
export const faults: readonly Fault[] = [...propertyNames, WANTED];

type Emit = (fault: number | undefined, move: Move, broken: Fault | undefined) => void;

interface Reduced {
	/** Stacks whose stores leave their CPU's buffer at once. */
	readonly emptied: readonly Stack[];
	/** Whether the instruction at an address is merged into the move before it. */
	readonly local: (pc: number) => boolean;
	/** CPUs that may change places. */
	readonly groups: readonly (readonly number[])[];
	readonly shape: Shape;
}

/** What of the reductions fits a system: a buffer holds physical addresses, and tasks may move with their stacks. */
function reduced(built: Built, footprint: Footprint, reductions: Reductions): Reduced {
	const { system, stacks, equals, start, redzone } = built;
	const buffered = isBuffered(system.machine);
	// Nobody can tell when a store to a CPU's own stack reaches memory: it does at once.
	const ownStacks = reductions.merge && !tasksMove(system);
	// CPUs whose stacks are among the addresses in buffers are not alike.
	const alike = reductions.symmetry && (!buffered || ownStacks);
	const groups = alike ? equals.filter((group) => group.length > 1) : [];
	return {
		emptied: buffered && ownStacks ? stacks : [],
		local: reductions.merge ? localInstructions(built, !buffered || ownStacks) : () => false,
		groups,
		shape: shapeOf(system, footprint, stacks, start, redzone, groups.length > 0),
	};
}

/** @param judge the properties that count; the others may break
 * @param ends where every state in which nothing can happen any more is noted; then the outcome does not end the search */
export function machineSpace(
	built: Built,
	footprint: Footprint,
	reductions: Reductions,
	judge: ReadonlySet<Property>,
	ends?: Ends,
): MachineSpace {
	const { system, stacks, start, never, reaches, outcome } = built;
	const { machine } = system;
	restore(machine, start);
	machine.written = [];
	machine.accesses = [];
	const moves = allMoves(machine.config.cpus, system.plans.length);
	const sites = watchedSites(system);
	const { emptied, local, groups, shape } = reduced(built, footprint, reductions);
	const { redZone, symmetric } = shape;
	const use: StackUse = { system, stacks, redZone, symmetry: symmetric, merge: reductions.merge };
	const isFreed = freedText(system);
	const occurred = new Set<string>();
	const coverage = newCoverage();
	const notice = stepObserver(built, coverage);
	const settle = (cpu: number, from: number): void => {
		emptyOwn(system, cpu, emptied);
		notice(cpu, from);
	};
	const seen = (what: Occurrence): void => {
		occurred.add(what);
	};
	const { oracle } = machine;
	let from = 0;
	let merged: readonly number[] = [];
	let instruction: Instruction | undefined;
	let bytes: Uint8Array = new Uint8Array();
	const places = machine.cores.map((core) => core.id);

	/** Makes a move with the oracle's answers, and the invisible steps after it. */
	function go(move: Move): Property | undefined {
		from = move.kind === "patch" ? 0 : getCpu(machine, move.who, Cpu.pc) >>> 0;
		merged = [];
		const freed = move.kind === "step" && isFreed(from);
		const sp = move.kind === "patch" ? 0 : machine.cores[move.who]!.r[SP]!;
		const found = judged(built, sites, judge, move, seen);
		if (move.kind === "patch") judgePatcherStores(use, move.who, stepBefore(system, move.who)!);
		else judgeStackUse(use, move.who, sp);
		if (move.kind !== "patch") emptyOwn(system, move.who, emptied);
		if (move.kind === "step") ({ fetched: instruction, fetchedBytes: bytes } = machine.cores[move.who]!);
		if (move.kind === "step") notice(move.who, from);
		if ((move.kind === "step" || move.kind === "trap") && sites.has(from)) coverage.sites.add(from);
		if (move.kind === "nmi") coverage.handlers.add("nmi");
		if (move.kind === "trap" && handles(system, move.who)) coverage.handlers.add("trap");
		let broken = judge.has(found!) ? found : undefined;
		if (freed && instruction !== undefined && instruction.row.flow !== "trap" && judge.has("freed")) broken ??= "freed";
		if (broken === undefined && move.kind !== "patch") {
			merged = mergeLocal(use, move.who, local, settle);
			if (arrives(move.who) && judge.has("never")) broken = "never";
		}
		keepTrack(move);
		return broken;
	}

	/** @returns whether the CPU came to a place that is ruled out */
	function arrives(cpu: number): boolean {
		if (getCpu(machine, cpu, Cpu.status) !== Status.running) return false;
		const pc = getCpu(machine, cpu, Cpu.pc) >>> 0;
		const label = reaches.get(pc);
		if (label !== undefined) occurred.add(label);
		return never.has(pc);
	}

	function keepTrack(move: Move): void {
		const patch = move.kind === "patch";
		watch(shape, patch ? undefined : move.who, isMapping(system, move));
		const moved = patch && stepBefore(system, move.who)?.kind === "exchange";
		for (const { id } of moved ? machine.cores : []) watch(shape, id, false);
	}

	/** Whether all is over, in a way that a litmus test asks for. */
	function isWanted(): boolean {
		if (outcome === undefined || !isOver(machine)) return false;
		occurred.add(OVER);
		const held = holding(machine, outcome.terms);
		for (const term of held) coverage.terms.add(term);
		return ends === undefined && isAskedFor(outcome, held);
	}

	function expand(state: Int32Array, next: Int32Array, emit: Emit): string | undefined {
		unpack(shape, state);
		const now = moves.map((move) => possible(system, move));
		if (ends !== undefined && isOver(machine) && !now.includes(true)) noteEnd(ends, machine);
		let dirty = false;
		for (const [i, move] of moves.entries()) {
			if (!now[i]) continue;
			oracle.answers.length = 0;
			do {
				if (dirty) unpack(shape, state);
				dirty = true;
				oracle.options.length = 0;
				const bound = bounded(machine, () => take(move, next, emit));
				if (bound !== undefined) return bound;
			} while (nextAnswers(oracle.answers, oracle.options));
		}
		return undefined;
	}

	function take(move: Move, next: Int32Array, emit: Emit): void {
		const broken = go(move) ?? (isWanted() ? WANTED : undefined);
		pack(shape, next);
		for (let i = 0; i < places.length; i++) places[i] = i;
		for (const group of groups) sortBlocks(shape, group, next, places);
		emit(broken === undefined ? undefined : faults.indexOf(broken), move, broken);
	}

	return {
		system,
		occurred,
		coverage,
		width: shape.width,
		initial(state) {
			restore(machine, start);
			let broken = judgeMappings(system);
			for (let cpu = 0; cpu < machine.config.cpus; cpu++) {
				mergeLocal(use, cpu, local, settle);
				if (arrives(cpu)) broken ??= "never";
				watch(shape, cpu, false);
			}
			pack(shape, state);
			for (const group of groups) sortBlocks(shape, group, state, places);
			return broken !== undefined && judge.has(broken) ? faults.indexOf(broken) : undefined;
		},
		expand,
		...(judge.has("finish") && {
			goal: { fault: propertyNames.indexOf("finish"), reached: (row) => isFinished(shape, row) },
		}),
		enter: (state) => unpack(shape, state),
		replay(state, ordinal, visit) {
			const next = new Int32Array(shape.width);
			let count = 0;
			let after: Int32Array | undefined;
			expand(state, next, (_fault, move, broken) => {
				if (count++ !== ordinal) return;
				after = next.slice();
				visit({ move, pc: from, bytes, instruction, merged, broken, places });
			});
			return after;
		},
	};
}

/** @returns the bound of the machine that kept something from happening */
function bounded(machine: Machine, act: () => void): string | undefined {
	try {
		act();
	} catch (error) {
		if (!(error instanceof BoundReached)) throw error;
		for (const list of [machine.written, machine.accesses]) list?.splice(0);
		return `${error.message} (--max-${error.bound})`;
	}
	return undefined;
}

/** The next combination of answers after one that met these options, like an odometer. @returns false after the last */
function nextAnswers(answers: number[], options: readonly number[]): boolean {
	answers.length = Math.min(answers.length, options.length);
	while (answers.length < options.length) answers.push(0);
	for (let i = answers.length - 1; i >= 0; i--) {
		answers[i]!++;
		if (answers[i]! < options[i]!) {
			answers.length = i + 1;
			return true;
		}
	}
	return false;
}
