// What may happen next in a system, one indivisible move at a time. The moves are those of `run`: an instruction, an
// interrupt, an NMI, a trap served, a store that drains, a step of a patcher; `run` picks one, the checker tries all.

import { Mask, Stop } from "../../../linker/isa/core.ts";
import { enterHandler, takesNmi } from "../../machine/handlers.ts";
import { Cpu, Status } from "../../machine/layout.ts";
import { advance, interruptible, take } from "../../machine/run.ts";
import { getCpu } from "../../machine/state.ts";
import { waiting } from "../../machine/store-buffer.ts";
import { perform, ready } from "../perform/perform.ts";
import { serveTrap } from "../perform/trap.ts";
import type { System } from "../system.ts";
import { serveHostCall } from "./host-calls.ts";

/** One indivisible thing that a CPU or a patcher may do next. */
export interface Move {
	readonly kind: "step" | "interrupt" | "nmi" | "trap" | "drain" | "patch";
	/** Number of the CPU, or of the patcher. */
	readonly who: number;
}

/** A CPU that trapped, or called its host. */
const serviced: ReadonlySet<number> = new Set([Status.trapped, Status.hostCall]);

/** Every move, for a system of so many CPUs and patchers: `possible` says which of them can be made now. */
export function allMoves(cpus: number, patchers: number): Move[] {
	const moves: Move[] = [];
	for (let who = 0; who < cpus; who++)
		for (const kind of ["interrupt", "trap", "step", "drain", "nmi"] as const) moves.push({ kind, who });
	for (let who = 0; who < patchers; who++) moves.push({ kind: "patch", who });
	return moves;
}

/** The moves that can be made now. */
export function moves(system: System): Move[] {
	const { cpus, patchers } = system.machine.config;
	return allMoves(cpus, patchers).filter((move) => possible(system, move));
}

/** Whether a move can be made now. */
export function possible(system: System, move: Move): boolean {
	switch (move.kind) {
		case "step":
			return getCpu(system.machine, move.who, Cpu.status) === Status.running;
		case "interrupt":
			return interruptible(system.machine, move.who);
		case "nmi":
			return system.handlers.nmi !== undefined && takesNmi(system.machine, move.who);
		case "trap":
			return serviced.has(getCpu(system.machine, move.who, Cpu.status));
		case "drain":
			return waiting(system.machine, move.who) > 0;
		case "patch":
			return ready(system, move.who);
	}
}

/** Makes a possible move. @returns false when it was a trap that nobody serves */
export function make(system: System, move: Move): boolean {
	switch (move.kind) {
		case "step":
			advance(system.machine, move.who, 1);
			return true;
		case "interrupt":
		case "drain":
			take(system.machine, { kind: move.kind, cpu: move.who });
			return true;
		case "nmi":
			enterHandler(system.machine, move.who, system.handlers.nmi!, Mask.interrupts | Mask.nmis);
			return true;
		case "trap":
			return serveStopped(system, move.who);
		case "patch":
			perform(system, move.who);
			return true;
	}
}

/** What the host does not know as a call may be a trap of somebody's; the program's own handler is asked last. */
function serveStopped(system: System, cpu: number): boolean {
	if (getCpu(system.machine, cpu, Cpu.status) === Status.hostCall) serveHostCall(system, cpu);
	if (getCpu(system.machine, cpu, Cpu.status) !== Status.trapped || serveTrap(system, cpu)) return true;
	const { trap } = system.handlers;
	if (trap === undefined || getCpu(system.machine, cpu, Cpu.stop) !== Stop.breakpoint) return false;
	enterHandler(system.machine, cpu, trap, Mask.interrupts);
	return true;
}
