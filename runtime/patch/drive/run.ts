// Drives a system: the party whose clock is furthest behind goes next, be it a CPU or a patcher, so a run with the same
// seed is the same every time.

import { Stop } from "../../../linker/isa/core.ts";
import { SP } from "../../../linker/isa/sets/toy.ts";
import { placeOf } from "../../../linker/link/image.ts";
import { Cpu, Global, Patcher, Status } from "../../machine/layout.ts";
import { TICKS_PER_CYCLE } from "../../machine/profile.ts";
import { advance, Interrupt, interruptible, take } from "../../machine/run.ts";
import { getCounter, getCpu, type Machine, random, setCpu } from "../../machine/state.ts";
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
/** Cycles that whoever asks for an update waits for it. */
const PATIENCE = 1e9;
/** While CPUs may see different things, they take turns by the instruction. */
const ONE_INSTRUCTION = 1;

export interface RunLimits {
	/** Stop when the next party's clock is here, in cycles. */
	readonly cycles?: number;
	/** Updates from outside, each requested at a cycle. */
	readonly updates?: readonly ScheduledUpdate[];
}

export interface ScheduledUpdate {
	/** Cycles. */
	readonly at: number;
	readonly changes: Queued["changes"];
}

/** Why a run ended: every CPU halted or idles, one trapped, an update from outside was refused, the limit came, or
 * everybody waits for somebody. */
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
	| { readonly kind: "stuck" };

/** Runs until something ends it. A run that ended at a limit can be gone on with; its scheduled updates stay queued. */
export function run(system: System, limits: RunLimits = {}): RunEnd {
	const limit = (limits.cycles ?? Number.POSITIVE_INFINITY) * TICKS_PER_CYCLE;
	for (const { at, changes } of limits.updates ?? [])
		system.queue.push({ changes, cpu: undefined, clock: at * TICKS_PER_CYCLE });
	for (;;) {
		const turn = nextTurn(system);
		if (turn === undefined) return ended(system);
		if (turn.clock >= limit) return { kind: "limit" };
		const end = takeTurn(system, turn, limit);
		if (end !== undefined) return end;
	}
}

/** Runs until nobody patches and no update that is due waits, or so many cycles have passed: a CPU may keep its interrupts
 * masked forever. @returns why it ended before that */
export function settle(system: System, cycles?: number): RunEnd | undefined {
	const isDue = ({ clock }: Queued): boolean => clock <= now(system);
	return runWhile(system, () => isPatching(system.machine) || system.queue.some(isDue), cycles);
}

/** Runs while something is so, or until so many cycles have passed. @returns why it ended before that */
export function runWhile(system: System, isSo: () => boolean, cycles: number = PATIENCE): RunEnd | undefined {
	const limit = now(system) + cycles * TICKS_PER_CYCLE;
	while (isSo()) {
		const turn = nextTurn(system);
		if (turn !== undefined && turn.clock >= limit) return { kind: "limit" };
		const end = turn === undefined ? ended(system) : takeTurn(system, turn, limit);
		if (end !== undefined) return end;
	}
	return undefined;
}

/** Ticks: the clock of who goes next; when nobody does, of the last who did. */
export function now(system: System): number {
	const clock = nextTurn(system)?.clock;
	return clock ?? Math.max(...system.machine.cores.map((core) => getCounter(system.machine, core.id, Cpu.clock)));
}

interface Turn {
	clock: number;
	kind: "cpu" | "patcher" | "queue";
	/** Which one of its kind. */
	index: number;
	/** When the next other CPU is due, and the next patcher or queued update. */
	nextCpu: number;
	nextPatch: number;
}

function takeTurn(system: System, turn: Turn, limit: number): RunEnd | undefined {
	switch (turn.kind) {
		case "queue":
			return beginQueued(system, turn.index);
		case "patcher":
			stepPatcher(system, turn.index);
			return undefined;
		case "cpu":
			return stepCpu(system, turn.index, ticksOf(system.machine, turn, limit));
	}
}

/** Who is furthest behind. */
function nextTurn(system: System): Turn | undefined {
	const { machine } = system;
	const never = Number.POSITIVE_INFINITY;
	const turn: Turn = { clock: never, kind: "cpu", index: -1, nextCpu: never, nextPatch: never };
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

function isDue(machine: Machine, cpu: number): boolean {
	return getCpu(machine, cpu, Cpu.status) === Status.running || interruptible(machine, cpu);
}

function offerCpu(turn: Turn, cpu: number, clock: number): void {
	if (clock >= turn.clock) {
		turn.nextCpu = Math.min(turn.nextCpu, clock);
		return;
	}
	turn.nextCpu = turn.clock;
	turn.clock = clock;
	turn.index = cpu;
}

function offer(turn: Turn, kind: "patcher" | "queue", index: number, clock: number): void {
	turn.nextPatch = Math.min(turn.nextPatch, clock);
	if (clock >= turn.clock) return;
	turn.clock = clock;
	turn.kind = kind;
	turn.index = index;
}

/** How long a CPU runs before somebody else has his turn. */
function ticksOf(machine: Machine, { clock, nextCpu, nextPatch }: Turn, limit: number): number {
	const ahead = nextCpu === Number.POSITIVE_INFINITY ? LONG : nextCpu - clock + slack(machine);
	return Math.min(ahead, nextPatch - clock + ONE_INSTRUCTION, limit - clock);
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

function stepCpu(system: System, cpu: number, ticks: number): RunEnd | undefined {
	const { machine } = system;
	const due = interruptible(machine, cpu);
	if (due && !isLate(machine, cpu)) {
		takeInterrupt(system, cpu);
		return undefined;
	}
	const stop = advance(machine, cpu, due ? ONE_INSTRUCTION : ticks);
	noteFirstRuns(system);
	if (stop === Stop.ecall) serveHostCall(system, cpu);
	if (stop === Stop.halt) noteHalt(system, cpu);
	if (getCpu(machine, cpu, Cpu.status) !== Status.trapped) return undefined;
	if (!serve(system, cpu)) return endProcess(system, cpu);
	// The trap may have been served by executing a host call in the instruction's place.
	if (getCpu(machine, cpu, Cpu.status) === Status.hostCall) serveHostCall(system, cpu);
	return undefined;
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
		setCpu(machine, id, Cpu.status, Status.halted);
		setCpu(machine, id, Cpu.pending, 0);
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

function takeInterrupt(system: System, cpu: number): void {
	const { machine } = system;
	const clock = getCounter(machine, cpu, Cpu.clock);
	const detail = system.events === undefined ? "" : requestsIn(getCpu(machine, cpu, Cpu.pending));
	take(machine, { kind: "interrupt", cpu });
	system.counts.interrupts++;
	const duration = getCounter(machine, cpu, Cpu.clock) - clock;
	system.events?.push({ clock, cpu, what: "interrupt", detail, duration });
}

/** The names of pending interrupts. */
function requestsIn(pending: number): string {
	const names = Object.entries(Interrupt).filter(([, bit]) => (pending & bit) !== 0);
	return names.map(([name]) => name).join(", ");
}

/** @returns whether the CPU goes on */
function serve(system: System, cpu: number): boolean {
	const { machine } = system;
	const clock = getCounter(machine, cpu, Cpu.clock);
	const pc = getCpu(machine, cpu, Cpu.pc) >>> 0;
	const served = serveTrap(system, cpu) && getCpu(machine, cpu, Cpu.status) !== Status.trapped;
	const duration = getCounter(machine, cpu, Cpu.clock) - clock;
	if (served) noteEmulated(system, cpu, pc, clock);
	system.events?.push({ clock, cpu, what: served ? "trap" : "fault", detail: placeOf(system.image, pc), duration });
	return served;
}

function trapOf(machine: Machine, cpu: number): Extract<RunEnd, { kind: "trapped" }> {
	const read = (field: number): number => getCpu(machine, cpu, field);
	const sp = machine.cores[cpu]!.r[SP]! >>> 0;
	return { kind: "trapped", cpu, stop: read(Cpu.stop), value: read(Cpu.stopValue), pc: read(Cpu.pc) >>> 0, sp };
}
