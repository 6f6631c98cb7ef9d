// Drives a system: the party whose clock is furthest behind goes next, be it a CPU or a patcher, so a run with the same
// seed is the same every time.

import { Stop } from "../../linker/isa/core.ts";
import { Cpu, Global, Patcher, Status } from "../machine/layout.ts";
import { TICKS_PER_CYCLE } from "../machine/profile.ts";
import { advance, interruptible, take } from "../machine/run.ts";
import { getCounter, getCpu, type Machine, random, setCpu } from "../machine/state.ts";
import { serveHostCall } from "./host-calls.ts";
import { perform, ready } from "./perform.ts";
import { planUpdate, type Update } from "./static-calls.ts";
import { getPatcher, patcherClocks, type Queued, type System, setPatcher } from "./system.ts";
import { serveTrap } from "./trap.ts";

/** Ticks a CPU may run ahead of the others; while text is patched, one instruction at a time. */
const QUANTUM = 256 * TICKS_PER_CYCLE;
/** Ticks a CPU that is alone runs before it looks up. */
const LONG = 2 ** 30;

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

interface Turn {
	clock: number;
	/** When the next party is due. */
	until: number;
	kind: "cpu" | "patcher" | "queue";
	/** Which one of its kind. */
	index: number;
}

function takeTurn(system: System, turn: Turn, limit: number): RunEnd | undefined {
	switch (turn.kind) {
		case "queue":
			return begin(system, turn.index);
		case "patcher":
			stepPatcher(system, turn.index);
			return undefined;
		case "cpu":
			return stepCpu(system, turn.index, Math.min(turn.until, limit) - turn.clock);
	}
}

/** Who is furthest behind. */
function nextTurn(system: System): Turn | undefined {
	const { machine } = system;
	const turn: Turn = { clock: Number.POSITIVE_INFINITY, until: Number.POSITIVE_INFINITY, kind: "cpu", index: -1 };
	for (let cpu = 0; cpu < machine.config.cpus; cpu++) {
		if (isDue(machine, cpu)) offer(turn, "cpu", cpu, machine.cores[cpu]!.counters[0]!);
	}
	let patching = false;
	for (let patcher = 0; patcher < machine.config.patchers; patcher++) {
		if (getPatcher(machine, patcher, Patcher.active) === 0) continue;
		patching = true;
		if (ready(system, patcher)) offer(turn, "patcher", patcher, patcherClocks(machine, patcher)[Patcher.clock / 2]!);
	}
	if (!patching) for (const [i, { clock }] of system.queue.entries()) offer(turn, "queue", i, clock);
	if (turn.index < 0) return undefined;
	turn.until =
		turn.until === Number.POSITIVE_INFINITY ? turn.clock + LONG : turn.until + (patching ? 1 : jitter(machine));
	return turn;
}

function isDue(machine: Machine, cpu: number): boolean {
	return getCpu(machine, cpu, Cpu.status) === Status.running || interruptible(machine, cpu);
}

function offer(turn: Turn, kind: Turn["kind"], index: number, clock: number): void {
	if (clock >= turn.clock) {
		turn.until = Math.min(turn.until, clock);
		return;
	}
	turn.until = turn.clock;
	turn.clock = clock;
	turn.kind = kind;
	turn.index = index;
}

/** How far a CPU may run ahead, different every time so that seeds meet different interleavings. */
function jitter(machine: Machine): number {
	return QUANTUM / 2 + random(machine, QUANTUM);
}

/** Nobody is due: all is over, or somebody waits in vain. A CPU that idles with nothing pending waits for nobody. */
function ended(system: System): RunEnd {
	const over: ReadonlySet<number> = new Set([Status.halted, Status.idle]);
	const all = system.machine.cores.every((core) => over.has(getCpu(system.machine, core.id, Cpu.status)));
	return all && system.queue.length === 0 ? { kind: "halted" } : { kind: "stuck" };
}

/** Plans the queued update that is due, and lets a patcher start on it. */
function begin(system: System, index: number): RunEnd | undefined {
	const [queued] = system.queue.splice(index, 1) as [Queued];
	const update = planUpdate(system, queued.changes, system.protocol);
	if ("refused" in update) {
		system.refusal = update.refused;
		if (queued.cpu === undefined) return { kind: "refused", why: update.refused };
		setCpu(system.machine, queued.cpu, Cpu.status, Status.trapped);
		return trapOf(system.machine, queued.cpu);
	}
	if (!submit(system, update, queued.clock, queued.cpu) && queued.cpu !== undefined)
		setCpu(system.machine, queued.cpu, Cpu.status, Status.running);
	return undefined;
}

/** Gives an update to a patcher that begins at `clock` (ticks). @returns false when there is nothing to do
 * @throws Error when every patcher is busy */
export function submit(system: System, update: Update, clock: number, cpu?: number): boolean {
	const { machine } = system;
	if (update.steps.length === 0) return false;
	let patcher = 0;
	while (getPatcher(machine, patcher, Patcher.active) !== 0) patcher++;
	if (patcher >= machine.config.patchers) throw new Error("assert: every patcher is busy");
	system.plans[patcher] = update;
	setPatcher(machine, patcher, Patcher.active, 1);
	setPatcher(machine, patcher, Patcher.at, 0);
	setPatcher(machine, patcher, Patcher.cpu, cpu === undefined ? 0 : cpu + 1);
	patcherClocks(machine, patcher).fill(clock, Patcher.clock / 2, Patcher.started / 2 + 1);
	system.counts.updates++;
	system.counts.sites += update.edits.length;
	system.events?.push({ clock, cpu, what: "begin", detail: update.keys.join(", "), duration: 0 });
	return true;
}

/** Carries out an update while nothing runs: at load time. */
export function applyNow(system: System, update: Update): void {
	if (!submit(system, update, 0)) return;
	const patcher = system.plans.lastIndexOf(update);
	while (getPatcher(system.machine, patcher, Patcher.active) !== 0) stepPatcher(system, patcher);
}

function stepPatcher(system: System, patcher: number): void {
	const { machine } = system;
	perform(system, patcher);
	if (getPatcher(machine, patcher, Patcher.at) < system.plans[patcher]!.steps.length) return;
	setPatcher(machine, patcher, Patcher.active, 0);
	const clocks = patcherClocks(machine, patcher);
	const clock = clocks[Patcher.clock / 2]!;
	const started = clocks[Patcher.started / 2]!;
	system.counts.ticks += clock - started;
	const cpu = getPatcher(machine, patcher, Patcher.cpu) - 1;
	system.events?.push({ clock, cpu: cpu < 0 ? undefined : cpu, what: "end", detail: "", duration: clock - started });
	if (cpu < 0) return;
	const { counters } = machine.cores[cpu]!;
	counters[0] = Math.max(counters[0]!, clock);
	setCpu(machine, cpu, Cpu.status, Status.running);
}

function stepCpu(system: System, cpu: number, ticks: number): RunEnd | undefined {
	const { machine } = system;
	if (interruptible(machine, cpu)) {
		const clock = getCounter(machine, cpu, Cpu.clock);
		take(machine, { kind: "interrupt", cpu });
		system.events?.push({
			clock,
			cpu,
			what: "interrupt",
			detail: "",
			duration: getCounter(machine, cpu, Cpu.clock) - clock,
		});
		return undefined;
	}
	const stop = advance(machine, cpu, ticks);
	if (stop === Stop.ecall) serveHostCall(system, cpu);
	if (getCpu(machine, cpu, Cpu.status) !== Status.trapped) return undefined;
	const clock = getCounter(machine, cpu, Cpu.clock);
	const pc = getCpu(machine, cpu, Cpu.pc) >>> 0;
	const served = serveTrap(system, cpu) && getCpu(machine, cpu, Cpu.status) !== Status.trapped;
	const duration = getCounter(machine, cpu, Cpu.clock) - clock;
	system.events?.push({ clock, cpu, what: served ? "trap" : "fault", detail: `0x${pc.toString(16)}`, duration });
	return served ? undefined : trapOf(machine, cpu);
}

function trapOf(machine: Machine, cpu: number): RunEnd {
	const read = (field: number): number => getCpu(machine, cpu, field);
	return { kind: "trapped", cpu, stop: read(Cpu.stop), value: read(Cpu.stopValue), pc: read(Cpu.pc) >>> 0 };
}
