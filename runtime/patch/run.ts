// Drives a system: the party whose clock is furthest behind goes next, be it a CPU or a patcher, so a run is the same
// every time. Host calls of programs are served here.

import { HostCall, Stop } from "../../linker/isa/index.ts";
import { Cpu, Status } from "../machine/layout.ts";
import { readVirtual } from "../machine/memory.ts";
import { TICKS_PER_CYCLE } from "../machine/profile.ts";
import { advance, interruptible, take } from "../machine/run.ts";
import { getCounter, getCpu, setCpu } from "../machine/state.ts";
import { perform, ready } from "./perform.ts";
import { planUpdateAt, queryAt, type Refusal, type Update } from "./static-calls.ts";
import type { Patcher, System } from "./system.ts";
import { serveBreakpoint } from "./trap.ts";

/** Ticks a CPU may run ahead of the others. */
const QUANTUM = 64 * TICKS_PER_CYCLE;

export interface RunLimits {
	/** Stop when the next party's clock is here, in cycles. */
	readonly cycles?: number;
}

/** Why a run ended: every CPU halted, one trapped, the limit came, or everybody waits for something. */
export type RunEnd =
	| { readonly kind: "halted" }
	| {
			readonly kind: "trapped";
			readonly cpu: number;
			readonly stop: number;
			readonly value: number;
			readonly pc: number;
	  }
	| { readonly kind: "limit" }
	| { readonly kind: "stuck" };

/** Runs until something ends it. A run that ended at a limit can be gone on with. */
export function run(system: System, limits: RunLimits = {}): RunEnd {
	const limit = (limits.cycles ?? Number.POSITIVE_INFINITY) * TICKS_PER_CYCLE;
	for (;;) {
		const turn = nextTurn(system);
		if (turn === undefined) return stillThere(system) ? { kind: "stuck" } : { kind: "halted" };
		if (turn.clock >= limit) return { kind: "limit" };
		if ("patcher" in turn) stepPatcher(system, turn.patcher);
		else {
			stepCpu(system, turn.cpu, Math.min(turn.until, limit) - turn.clock);
			if (getCpu(system.machine, turn.cpu, Cpu.status) === Status.trapped) return trapOf(system, turn.cpu);
		}
	}
}

type Turn =
	| { readonly clock: number; readonly until: number; readonly cpu: number }
	| { readonly clock: number; readonly until: number; readonly patcher: Patcher };

/** Who is furthest behind, and how far it may go before the next one is due. */
function nextTurn(system: System): Turn | undefined {
	let first: Turn | undefined;
	let second = Number.POSITIVE_INFINITY;
	const offer = (turn: Turn): void => {
		if (first === undefined || turn.clock < first.clock) {
			if (first !== undefined) second = Math.min(second, first.clock);
			first = turn;
		} else second = Math.min(second, turn.clock);
	};
	for (const patcher of system.patchers) {
		if (ready(system, patcher)) offer({ clock: patcher.clock, until: 0, patcher });
	}
	for (let cpu = 0; cpu < system.machine.config.cpus; cpu++) {
		if (getCpu(system.machine, cpu, Cpu.status) === Status.running) {
			offer({ clock: getCounter(system.machine, cpu, Cpu.clock), until: 0, cpu });
		}
	}
	return first && { ...first, until: second === Number.POSITIVE_INFINITY ? first.clock + 2 ** 30 : second + QUANTUM };
}

function stillThere(system: System): boolean {
	if (system.patchers.length > 0) return true;
	return system.machine.cores.some((core) => getCpu(system.machine, core.id, Cpu.status) !== Status.halted);
}

function stepPatcher(system: System, patcher: Patcher): void {
	perform(system, patcher);
	if (patcher.at < patcher.steps.length) return;
	system.patchers.splice(system.patchers.indexOf(patcher), 1);
	system.counts.ticks += patcher.clock - patcher.started;
	if (patcher.cpu === undefined) return;
	system.machine.cores[patcher.cpu]!.counters[0] = patcher.clock;
	setCpu(system.machine, patcher.cpu, Cpu.status, Status.running);
}

function stepCpu(system: System, cpu: number, ticks: number): void {
	const { machine } = system;
	if (interruptible(machine, cpu)) take(machine, { kind: "interrupt", cpu });
	const stop = advance(machine, cpu, ticks);
	if (stop === Stop.breakpoint) serveBreakpoint(system, cpu);
	else if (stop === Stop.ecall) serveHostCall(system, cpu);
}

function trapOf(system: System, cpu: number): RunEnd {
	const read = (field: number): number => getCpu(system.machine, cpu, field);
	return { kind: "trapped", cpu, stop: read(Cpu.stop), value: read(Cpu.stopValue), pc: read(Cpu.pc) >>> 0 };
}

function serveHostCall(system: System, cpu: number): void {
	const { machine, protocol } = system;
	const { r } = machine.cores[cpu]!;
	const key = r[0]! >>> 0;
	setCpu(machine, cpu, Cpu.status, Status.running);
	switch (getCpu(machine, cpu, Cpu.stopValue)) {
		case HostCall.printInt:
			print(system, cpu, String(r[0]));
			break;
		case HostCall.printUint:
			print(system, cpu, String(key));
			break;
		case HostCall.printText:
			print(system, cpu, text(system, key, r[1]!));
			break;
		case HostCall.printEnd:
			system.output.push((system.line.get(cpu) ?? []).join(" "));
			system.line.delete(cpu);
			break;
		case HostCall.update:
			request(system, cpu, planUpdateAt(system, key, r[1]! >>> 0, protocol));
			break;
		case HostCall.reset:
			request(system, cpu, planUpdateAt(system, key, undefined, protocol));
			break;
		case HostCall.query:
			r[0] = queryAt(system, key);
			break;
		default:
			setCpu(machine, cpu, Cpu.status, Status.trapped);
	}
}

/** Starts a program's own update; its CPU goes on when it is complete. */
function request(system: System, cpu: number, update: Update | Refusal): void {
	if ("refused" in update) {
		system.refusal = update.refused;
		setCpu(system.machine, cpu, Cpu.status, Status.trapped);
	} else if (submit(system, update, getCounter(system.machine, cpu, Cpu.clock), cpu)) {
		setCpu(system.machine, cpu, Cpu.status, Status.patching);
	}
}

/** Queues an update that begins at `clock` (ticks). @returns false when there is nothing to do */
export function submit(system: System, update: Update, clock: number, cpu?: number): boolean {
	if (update.steps.length === 0) return false;
	system.patchers.push({ cpu, steps: update.steps, at: 0, clock, started: clock });
	system.counts.updates++;
	system.counts.sites += update.edits.length;
	return true;
}

/** Carries out an update while nothing runs: at load time. */
export function applyNow(system: System, update: Update): void {
	if (submit(system, update, 0)) {
		const patcher = system.patchers.at(-1)!;
		while (patcher.at < patcher.steps.length) perform(system, patcher);
		system.patchers.pop();
	}
}

function print(system: System, cpu: number, value: string): void {
	const line = system.line.get(cpu) ?? [];
	line.push(value);
	system.line.set(cpu, line);
}

function text(system: System, address: number, length: number): string {
	return new TextDecoder().decode(readVirtual(system.machine, 0, address, length) ?? new Uint8Array());
}
