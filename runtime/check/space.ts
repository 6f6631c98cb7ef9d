// The states of a system as the explorer wants them: rows of words, and what follows from each. Everything that happens is
// done by the machine and the patcher themselves, on one working machine that is put into state after state.

import { LinkError } from "../../linker/errors.ts";
import { hex } from "../../linker/hex.ts";
import { Stop } from "../../linker/isa/core.ts";
import { decode } from "../../linker/isa/decode.ts";
import { HostCall } from "../../linker/isa/host-calls.ts";
import type { Instruction, Row } from "../../linker/isa/instruction-set.ts";
import { SP } from "../../linker/isa/sets/toy.ts";
import { placeOf } from "../../linker/link/image.ts";
import { Cpu, Patcher, Status } from "../machine/layout.ts";
import { restore } from "../machine/machine.ts";
import { readVirtual } from "../machine/memory.ts";
import { advance } from "../machine/run.ts";
import { BoundReached, getCpu, PAGE } from "../machine/state.ts";
import { drain, isBuffered, storeAt, waiting } from "../machine/store-buffer.ts";
import { allMoves, type Move, make, possible } from "../patch/drive/moves.ts";
import { storesIntoText } from "../patch/perform/memory-steps.ts";
import { nextStep } from "../patch/perform/perform.ts";
import { describeStep } from "../patch/plan/describe-step.ts";
import type { Step } from "../patch/plan/step.ts";
import { getPatcher, type System } from "../patch/system.ts";
import { instructionInSlot } from "../probe/serve.ts";
import type { Built } from "./build.ts";
import { type Coverage, newCoverage, stepObserver } from "./coverage.ts";
import type { Space } from "./explore.ts";
import {
	type Footprint,
	isFinished,
	pack,
	type Shape,
	type Stack,
	shapeOf,
	tasksMove,
	unpack,
	watch,
} from "./footprint.ts";
import { equal, judgeSite, noteBeginning, type WatchedSite, watchedSites } from "./judge-site.ts";
import { holding, isOver } from "./outcome.ts";
import { type Ends, noteEnd } from "./outcomes.ts";
import { freedText, judgeMappings, type Occurrence, type Property, propertyNames } from "./properties.ts";
import { hasOwnStack, judgePatcherStores, judgeStackUse, type StackUse } from "./stack-use.ts";

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

/** Steps merged into one at most: a program that never does anything visible is still explored. */
const MERGED = 64;

/** @param judge the properties that count; the others may break
 * @param ends where every state in which nothing can happen any more is noted; then the outcome does not end the search */
export function machineSpace(
	built: Built,
	footprint: Footprint,
	reductions: Reductions,
	judge: ReadonlySet<Property>,
	ends?: Ends,
): MachineSpace {
	const { system, stacks, equals, start, never, reaches, outcome } = built;
	const { machine } = system;
	restore(machine, start);
	machine.written = [];
	machine.accesses = [];
	const moves = allMoves(machine.config.cpus, system.plans.length);
	const sites = watchedSites(system);
	const buffered = isBuffered(machine);
	/** Nobody can tell when a store to a CPU's own stack reaches memory: it does at once. */
	const ownStacks = reductions.merge && !tasksMove(system);
	const emptied = buffered && ownStacks ? stacks : [];
	const local = reductions.merge ? localInstructions(built, !buffered || ownStacks) : () => false;
	// A buffer holds physical addresses: CPUs whose stacks are among them are not alike.
	const alike = reductions.symmetry && (!buffered || ownStacks);
	const groups = alike ? equals.filter((group) => group.length > 1) : [];
	const shape = shapeOf(system, footprint, stacks, start, built.redzone, groups.length > 0);
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

	/** @returns the bound of the machine that kept something from happening */
	function bounded(act: () => void): string | undefined {
		try {
			act();
		} catch (error) {
			if (!(error instanceof BoundReached)) throw error;
			for (const list of [machine.written, machine.accesses]) list?.splice(0);
			return `${error.message} (--max-${error.bound})`;
		}
		return undefined;
	}

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
		const held = holding(machine, outcome);
		for (const term of held) coverage.terms.add(term);
		return held.length === outcome.length && ends === undefined;
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
				const bound = bounded(() => take(move, next, emit));
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

/** Makes a move and judges it. */
function judged(
	{ system, probes }: Built,
	sites: ReadonlyMap<number, readonly WatchedSite[]>,
	judge: ReadonlySet<Property>,
	move: Move,
	seen: (what: Occurrence) => void,
): Property | undefined {
	const { machine } = system;
	if (move.kind === "patch") {
		noteBeginning(system, move.who);
		const step = nextStep(system, move.who)!;
		if (storesIntoText(machine, step)) return refuseToStore(system, step, judge);
		make(system, move);
		return isMapping(system, move) ? judgeMappings(system) : undefined;
	}
	const cpu = move.who;
	const core = machine.cores[cpu]!;
	const watched = sites.get(getCpu(machine, cpu, Cpu.pc) >>> 0);
	const sp = core.r[SP]!;
	const stop = getCpu(machine, cpu, Cpu.stop);
	const inSlot = move.kind === "step" ? instructionInSlot(probes, cpu) : undefined;
	core.fetched = undefined;
	if (move.kind === "trap") refuseHostCall(system, cpu);
	const served = make(system, move);
	if (move.kind === "trap") forgetOutput(system);
	if (inSlot !== undefined && core.fetched !== undefined && !equal(core.fetched, inSlot)) return "torn";
	if (!served) return watched !== undefined && stop === Stop.breakpoint ? "breakpoint" : "fault";
	const unjudged: readonly Move["kind"][] = ["interrupt", "nmi", "drain"];
	if (watched === undefined || unjudged.includes(move.kind)) return undefined;
	if (move.kind === "trap" && handles(system, cpu)) return undefined;
	if (move.kind === "trap" && stop !== Stop.breakpoint) return undefined;
	if (move.kind === "step" && core.fetched === undefined && getCpu(machine, cpu, Cpu.stop) !== Stop.illegal)
		return undefined;
	return judgeSite(system, watched, cpu, core.fetched, move.kind === "trap", sp, seen);
}

/** What a program asks its host for besides printing is remembered beside the machine, where no state of a search can have it.
 * @throws LinkError when it asks for that */
function refuseHostCall({ machine, image }: System, cpu: number): void {
	if (getCpu(machine, cpu, Cpu.status) !== Status.hostCall) return;
	const number = getCpu(machine, cpu, Cpu.stopValue);
	const asked = unrepresented.find((name) => HostCall[name] === number);
	if (asked === undefined) return;
	const place = placeOf(image, getCpu(machine, cpu, Cpu.pc) >>> 0);
	throw new LinkError(
		`${image.name}: the program asks its host for '${asked}' (ecall ${number}) before ${place}, which cannot be checked; say what is patched by 'poke'`,
	);
}

const unrepresented = ["update", "reset", "toggle", "traceEntry", "traceReturn"] as const;

/** Nobody reads what a program prints while it is checked. */
function forgetOutput({ output, line }: System): void {
	output.length = 0;
	line.clear();
}

/** A long store is no atomic step, so where a CPU may execute it is never carried out: it breaks `w^x`.
 * @throws LinkError when nobody asked about that */
function refuseToStore({ image }: System, step: Step, judge: ReadonlySet<Property>): Property {
	if (judge.has("w^x")) return "w^x";
	const text = describeStep(step, (address) => image.symbolize(address) ?? hex(address));
	throw new LinkError(
		`${image.name}: '${text}' stores many bytes at once where a CPU may execute them, which cannot be carried out; let 'always' judge w^x, which it breaks`,
	);
}

/** Whether a CPU was just sent to the program's own handler of breakpoints: what it does there is judged as it does it. */
function handles({ machine, handlers }: System, cpu: number): boolean {
	return handlers.trap !== undefined && getCpu(machine, cpu, Cpu.pc) >>> 0 === handlers.trap;
}

function isMapping(system: System, move: Move): boolean {
	if (move.kind !== "patch") return false;
	return ["protect", "map", "remap", "restrict", "retire"].includes(stepBefore(system, move.who)?.kind ?? "");
}

/** The step that a patcher just did. */
function stepBefore(system: System, patcher: number): Step | undefined {
	return system.plans[patcher]!.steps[getPatcher(system.machine, patcher, Patcher.at) - 1];
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

/** Why this keeps verdicts and shortest counterexamples: a local step changes and reads only its own CPU's registers and
 * stack, its bytes are written by nobody, and no property looks at it; so it commutes with every move of the others, and
 * whatever they can do before it they can do after. Interrupts may be taken before or after with the same effect. */
function mergeLocal(
	use: StackUse,
	cpu: number,
	local: (pc: number) => boolean,
	settle: (cpu: number, from: number) => void,
): number[] {
	const { machine } = use.system;
	const places: number[] = [];
	while (places.length < MERGED) {
		const pc = getCpu(machine, cpu, Cpu.pc) >>> 0;
		if (getCpu(machine, cpu, Cpu.status) !== Status.running || !local(pc)) return places;
		if (!hasOwnStack(use, cpu)) return places;
		const sp = machine.cores[cpu]!.r[SP]!;
		advance(machine, cpu, 1);
		judgeStackUse(use, cpu, sp);
		settle(cpu, pc);
		places.push(pc);
	}
	return places;
}

/** Stores to a CPU's own stack leave its buffer, also those that others wait before. Only the CPU itself loads them, and finds them
 * either way; where anybody else reaches a stack, nothing is merged (stack-use.ts), and `stacks` is empty. */
function emptyOwn({ machine }: System, cpu: number, stacks: readonly Stack[]): void {
	const stack = stacks[cpu];
	if (stack === undefined) return;
	for (let i = 0; i < waiting(machine, cpu); ) {
		const physical = storeAt(machine, cpu, i);
		if (physical >= stack.physical - stack.bytes && physical < stack.physical) drain(machine, cpu, i);
		else i++;
	}
}

/** Tells of an address whether its instruction is local: in bytes that no plan touches, and without shared memory. */
function localInstructions(built: Built, ownStacks: boolean): (pc: number) => boolean {
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

/** Sorts the blocks of equal CPUs: which of them is in which situation does not matter, since they run the same program
 * and nothing names a CPU. */
function sortBlocks(shape: Shape, group: readonly number[], row: Int32Array, places: number[]): void {
	const { block, shared } = shape;
	for (let i = 1; i < group.length; i++) {
		for (let j = i; j > 0; j--) {
			const a = shared + group[j - 1]! * block;
			const b = shared + group[j]! * block;
			let k = 0;
			while (k < block && row[a + k] === row[b + k]) k++;
			if (k === block || row[a + k]! < row[b + k]!) break;
			const left = places[group[j - 1]!]!;
			places[group[j - 1]!] = places[group[j]!]!;
			places[group[j]!] = left;
			for (let w = 0; w < block; w++) {
				const word = row[a + w]!;
				row[a + w] = row[b + w]!;
				row[b + w] = word;
			}
		}
	}
}
