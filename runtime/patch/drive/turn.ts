// Turns: the party whose clock is furthest behind goes next, be it a CPU or a patcher, so a run with the same seed is the
// same every time. What is left of a CPU's turn when somebody pauses lies in the machine's buffer, and is the next turn:
// where a run is paused never changes it.

import { Stop } from "../../../linker/isa/core.ts";
import { SP } from "../../../linker/isa/sets/toy.ts";
import { placeOf } from "../../../linker/link/image.ts";
import { bytesInFlux } from "../../machine/histories.ts";
import { Cpu, Global, Patcher, Status } from "../../machine/layout.ts";
import { TICKS_PER_CYCLE } from "../../machine/profile.ts";
import { advance, halt, Interrupt, interruptible, take } from "../../machine/run.ts";
import {
	BoundReached,
	endTurn,
	getCounter,
	getCpu,
	type Machine,
	random,
	setCpu,
	turnEnd,
} from "../../machine/state.ts";
import { drain, waiting } from "../../machine/store-buffer.ts";
import { ready } from "../perform/perform.ts";
import { serveTrap } from "../perform/trap.ts";
import { noteEmulated, noteFirstRuns } from "../record/first-runs.ts";
import { getPatcher, Life, patcherClocks, type Queued, type System } from "../system.ts";
import { serveHostCall } from "./host-calls.ts";
import { begin, isPatching, stepPatcher } from "./patchers.ts";

/** Ticks a CPU may run ahead of the others. */
const QUANTUM = 256 * TICKS_PER_CYCLE;
/** Ticks a CPU that is alone runs before it looks up. */
const LONG = 2 ** 30;
/** While CPUs may see different things, they take turns by the instruction. */
const ONE_INSTRUCTION = 1;

/** Why a run ended: every CPU halted or idles, one trapped, an update from outside was refused, the limit came, there is no
 * room for what happened, or everybody waits for somebody. */
export type RunEnd =
	| { readonly kind: "halted" }
	| {
			readonly kind: "trapped";
			readonly cpu: number;
			readonly stop: number;
			readonly value: number;
			readonly pc: number;
			/** The stack pointer. */
			readonly sp: number;
	  }
	| { readonly kind: "refused"; readonly why: string }
	| { readonly kind: "limit" }
	/** The machine has no room for what happened, and would have to forget what some CPU may see: the run cannot be gone on with. */
	| { readonly kind: "bound"; readonly why: string }
	| { readonly kind: "stuck" };

/** Who goes next. */
export interface Turn {
	/** The clock of who goes next, in ticks. */
	readonly clock: number;
	/** A CPU, a patcher, or an update that waits for one. */
	readonly kind: "cpu" | "patcher" | "queue";
	/** Which one of its kind. */
	readonly index: number;
}

/** How far a run may go at most, and how far it went. */
export interface Reach {
	/** Ticks: no instruction begins at this clock or later. */
	readonly clock: number;
	/** Instructions of one turn. */
	readonly instructions: number;
	/** Counts what was done: every instruction, interrupt and trap, every step of a patcher, every update that was begun. It
	 * does not depend on where a turn was cut. */
	steps: number;
}

interface NextTurn extends Turn {
	clock: number;
	kind: Turn["kind"];
	index: number;
	/** When the next other CPU is due, and the next patcher or queued update. */
	nextCpu: number;
	nextPatch: number;
	/** The clock that a turn lasts to which a pause cut short. */
	end: number | undefined;
}

/** Does what comes next, or as much of it as the reach allows. @returns why the run ended, if it did */
export function takeTurn(system: System, reach: Reach): RunEnd | undefined {
	try {
		return moveOn(system, reach);
	} catch (error) {
		if (error instanceof BoundReached) return { kind: "bound", why: error.message };
		throw error;
	}
}

function moveOn(system: System, reach: Reach): RunEnd | undefined {
	const turn = nextTurn(system);
	if (turn === undefined) return ended(system);
	if (turn.clock >= reach.clock) return { kind: "limit" };
	switch (turn.kind) {
		case "queue":
			reach.steps++;
			return beginQueued(system, turn.index);
		case "patcher":
			reach.steps++;
			stepPatcher(system, turn.index);
			return undefined;
		case "cpu":
			return stepCpu(system, turn, reach);
	}
}

/** Who goes next; undefined when nobody does. */
export function peekTurn(system: System): Turn | undefined {
	return nextTurn(system);
}

/** The one whose turn was cut short, else the one whose clock is furthest behind. */
function nextTurn(system: System): NextTurn | undefined {
	const { machine } = system;
	if (machine.words[Global.turn] !== 0) {
		const cpu = machine.words[Global.turn]! - 1;
		const cut = cutTurn(system, cpu);
		if (cut !== undefined) return cut;
		finishTurn(machine, cpu);
	}
	const never = Number.POSITIVE_INFINITY;
	const turn: NextTurn = { clock: never, kind: "cpu", index: -1, nextCpu: never, nextPatch: never, end: undefined };
	for (let cpu = 0; cpu < machine.config.cpus; cpu++) {
		if (isDue(machine, cpu)) offerCpu(turn, cpu, machine.cores[cpu]!.counters[0]!);
	}
	let patching = false;
	for (let patcher = 0; patcher < machine.config.patchers; patcher++) {
		if (getPatcher(machine, patcher, Patcher.active) === Life.idle) continue;
		patching = true;
		if (ready(system, patcher)) offer(turn, "patcher", patcher, patcherClocks(machine, patcher)[Patcher.clock / 2]!);
	}
	if (!patching) for (const [i, { clock }] of system.queue.entries()) offer(turn, "queue", i, clock);
	return turn.index < 0 ? undefined : turn;
}

/** The rest of a CPU's turn; undefined when there is none. An update that was queued meanwhile ends it as it would have, had
 * it been queued before. */
function cutTurn({ machine, queue }: System, cpu: number): NextTurn | undefined {
	const clock = getCounter(machine, cpu, Cpu.clock);
	let end = turnEnd(machine)[0]!;
	if (!isPatching(machine)) for (const queued of queue) end = Math.min(end, queued.clock + ONE_INSTRUCTION);
	if (clock >= end || getCpu(machine, cpu, Cpu.status) !== Status.running) return undefined;
	const never = Number.POSITIVE_INFINITY;
	return { clock, kind: "cpu", index: cpu, nextCpu: never, nextPatch: never, end };
}

function isDue(machine: Machine, cpu: number): boolean {
	return getCpu(machine, cpu, Cpu.status) === Status.running || interruptible(machine, cpu);
}

function offerCpu(turn: NextTurn, cpu: number, clock: number): void {
	if (clock >= turn.clock) {
		turn.nextCpu = Math.min(turn.nextCpu, clock);
		return;
	}
	turn.nextCpu = turn.clock;
	turn.clock = clock;
	turn.index = cpu;
}

function offer(turn: NextTurn, kind: "patcher" | "queue", index: number, clock: number): void {
	turn.nextPatch = Math.min(turn.nextPatch, clock);
	if (clock >= turn.clock) return;
	turn.clock = clock;
	turn.kind = kind;
	turn.index = index;
}

/** How long a CPU runs before somebody else has his turn. */
function ticksOf(machine: Machine, { clock, nextCpu, nextPatch }: NextTurn): number {
	const ahead = nextCpu === Number.POSITIVE_INFINITY ? LONG : nextCpu - clock + slack(machine);
	return Math.min(ahead, nextPatch - clock + ONE_INSTRUCTION);
}

/** How far a CPU may run ahead of the others: different every time, so that seeds meet different interleavings. */
function slack(machine: Machine): number {
	if (machine.words[Global.histories] !== 0) return ONE_INSTRUCTION;
	return QUANTUM / 2 + random(machine, QUANTUM);
}

/** Nobody is due: all is over, or somebody waits in vain. A CPU that idles with nothing pending waits for nobody. */
function ended(system: System): RunEnd {
	const { machine } = system;
	const over: ReadonlySet<number> = new Set([Status.halted, Status.idle]);
	const waits = Array.from({ length: machine.config.patchers }, (_, i) => getPatcher(machine, i, Patcher.active));
	const all = machine.cores.every((core) => over.has(getCpu(machine, core.id, Cpu.status)));
	return all && system.queue.length === 0 && !waits.includes(Life.atWork) ? { kind: "halted" } : { kind: "stuck" };
}

function beginQueued(system: System, index: number): RunEnd | undefined {
	const [queued] = system.queue.splice(index, 1) as [Queued];
	const refusal = begin(system, queued);
	if (refusal === undefined) return undefined;
	system.refusal = refusal.refused;
	if (queued.cpu === undefined) return { kind: "refused", why: refusal.refused };
	setCpu(system.machine, queued.cpu, Cpu.status, Status.trapped);
	return endProcess(system, queued.cpu);
}

function stepCpu(system: System, turn: NextTurn, reach: Reach): RunEnd | undefined {
	const { machine } = system;
	const { index: cpu, clock } = turn;
	// A turn was not cut short where an interrupt came.
	const due = turn.end === undefined && interruptible(machine, cpu);
	if (due && !isLate(machine, cpu)) {
		reach.steps++;
		takeInterrupt(system, cpu);
		return undefined;
	}
	const until = turn.end ?? clock + (due ? ONE_INSTRUCTION : ticksOf(machine, turn));
	const before = getCounter(machine, cpu, Cpu.instructions);
	const stop = advance(machine, cpu, Math.min(until - clock, reach.clock - clock, reach.instructions));
	reach.steps += getCounter(machine, cpu, Cpu.instructions) - before;
	keepRest(machine, cpu, stop, until);
	noteFirstRuns(system);
	if (stop === Stop.ecall) serveHostCall(system, cpu);
	if (stop === Stop.halt) noteHalt(system, cpu);
	if (getCpu(machine, cpu, Cpu.status) !== Status.trapped) return undefined;
	reach.steps++;
	if (!serveTrapped(system, cpu)) return endProcess(system, cpu);
	// The trap may have been served by executing a host call in the instruction's place.
	if (getCpu(machine, cpu, Cpu.status) === Status.hostCall) serveHostCall(system, cpu);
	return undefined;
}

/** Notes in the buffer what is left of a turn that ended before its time, though nothing stopped the CPU. */
function keepRest(machine: Machine, cpu: number, stop: number, end: number): void {
	if (stop !== Stop.none || getCounter(machine, cpu, Cpu.clock) >= end) {
		finishTurn(machine, cpu);
		return;
	}
	machine.words[Global.turn] = cpu + 1;
	turnEnd(machine)[0] = end;
}

/** A turn is over. Of the stores that wait in the CPU's buffer, where the model has one, some drain now: how many the seed decides.
 * All do where the CPU goes on no further by itself, since nobody would drain them later. */
function finishTurn(machine: Machine, cpu: number): void {
	endTurn(machine);
	const stores = waiting(machine, cpu);
	if (stores === 0) return;
	const goesOn = getCpu(machine, cpu, Cpu.status) === Status.running;
	const draining = goesOn ? random(machine, stores + 1) : stores;
	for (let i = 0; i < draining; i++) drain(machine, cpu);
}

/** A trap that nobody serves ends the process. Where it is the only one the run ends too; else the others go on. */
function endProcess(system: System, cpu: number): RunEnd | undefined {
	const { machine } = system;
	const trap = trapOf(machine, cpu);
	if (system.spaces.length === 1) return trap;
	const space = getCpu(machine, cpu, Cpu.space);
	const { kind: _, ...what } = trap;
	system.deaths.push({ space, ...what, why: system.refusal });
	system.refusal = undefined;
	for (const { id } of machine.cores) {
		if (getCpu(machine, id, Cpu.space) !== space) continue;
		halt(machine, id);
	}
	return undefined;
}

function noteHalt(system: System, cpu: number): void {
	const clock = getCounter(system.machine, cpu, Cpu.clock);
	system.events?.push({ clock, cpu, what: "halt", detail: "", duration: 0 });
}

/** Interrupts travel: where old bytes are in play, a running CPU may execute a few more instructions first. */
function isLate(machine: Machine, cpu: number): boolean {
	const { fetch } = machine.config;
	const travels = fetch === "stale" || fetch === "random";
	return travels && getCpu(machine, cpu, Cpu.status) === Status.running && random(machine, 4) !== 0;
}

/** Takes a pending interrupt, and tells of it. */
export function takeInterrupt(system: System, cpu: number): void {
	const { machine } = system;
	const clock = getCounter(machine, cpu, Cpu.clock);
	const detail = system.events === undefined ? "" : requestsIn(getCpu(machine, cpu, Cpu.pending));
	take(machine, { kind: "interrupt", cpu });
	system.counts.interrupts++;
	const duration = getCounter(machine, cpu, Cpu.clock) - clock;
	system.events?.push({ clock, cpu, what: "interrupt", detail, duration, flux: bytesInFlux(machine) });
}

/** The names of pending interrupts. */
function requestsIn(pending: number): string {
	const names = Object.entries(Interrupt).filter(([, bit]) => (pending & bit) !== 0);
	return names.map(([name]) => name).join(", ");
}

/** Serves a trap, and tells of it. @param server who serves it @returns whether the CPU goes on */
export function serveTrapped(
	system: System,
	cpu: number,
	server: () => boolean = () => serveTrap(system, cpu),
): boolean {
	const { machine } = system;
	const clock = getCounter(machine, cpu, Cpu.clock);
	const pc = getCpu(machine, cpu, Cpu.pc) >>> 0;
	const served = server() && getCpu(machine, cpu, Cpu.status) !== Status.trapped;
	const duration = getCounter(machine, cpu, Cpu.clock) - clock;
	if (served) noteEmulated(system, cpu, pc, clock);
	system.events?.push({
		clock,
		cpu,
		what: served ? "trap" : "fault",
		detail: placeOf(system.image, pc),
		address: pc,
		duration,
	});
	return served;
}

function trapOf(machine: Machine, cpu: number): Extract<RunEnd, { kind: "trapped" }> {
	const read = (field: number): number => getCpu(machine, cpu, field);
	const sp = machine.cores[cpu]!.r[SP]! >>> 0;
	return { kind: "trapped", cpu, stop: read(Cpu.stop), value: read(Cpu.stopValue), pc: read(Cpu.pc) >>> 0, sp };
}
