// Traps that patching causes and serves. A breakpoint at an armed site executes the *new* instruction in its place, with
// the table's own `execute`: an emulated CALL pushes a real return address. A fault in a page that a patcher holds is
// retried. Everything else is the program's own trap and stays one.

import { Stop } from "../../../linker/isa/core.ts";
import { decode } from "../../../linker/isa/decode.ts";
import { Cpu, Global, Status } from "../../machine/layout.ts";
import type { Access } from "../../machine/page-entry.ts";
import { aliasOf, extentOf, permits } from "../../machine/page-table.ts";
import { TICKS_PER_CYCLE } from "../../machine/profile.ts";
import { barrier, emulate, flush, Interrupt } from "../../machine/run.ts";
import { addCounter, getCpu, setCpu } from "../../machine/state.ts";
import type { Edit } from "../plan/step.ts";
import type { System } from "../system.ts";
import { framesBehind } from "./frames-behind.ts";

/** Serves the trap a CPU stopped at, by whoever knows it. @returns false when nobody does: the CPU stays trapped */
export function serveTrap(system: System, cpu: number): boolean {
	return system.trapServers.some((serve) => serve(system, cpu));
}

/** What a trap takes, from where it happens to where the program goes on. */
export function chargeTrap({ machine, counts }: System, cpu: number, whose: "traps" | "probeTraps"): void {
	addCounter(machine, cpu, Cpu.clock, machine.config.profile.trap * TICKS_PER_CYCLE);
	counts[whose]++;
}

/** The traps that patching itself causes. */
export function servePatching(system: System, cpu: number): boolean {
	const stop = getCpu(system.machine, cpu, Cpu.stop);
	const served = stop === Stop.breakpoint ? serveBreakpoint(system, cpu) : retryFault(system, cpu, stop);
	if (served) chargeTrap(system, cpu, "traps");
	return served;
}

/** The CPU takes no interrupt until the new instruction is done, so the patcher's next sync waits for it. Linux counts
 * handlers per CPU instead: they run while the other CPUs go on. */
function serveBreakpoint(system: System, cpu: number): boolean {
	const { machine } = system;
	const address = getCpu(machine, cpu, Cpu.pc) >>> 0;
	const armed = machine.words[Global.armed]!;
	const edit = armed === 0 ? undefined : findEdit(system.plans[armed - 1]!.edits, address);
	const instruction = edit && decode(edit.bytes, 0);
	if (instruction === undefined || instruction.row.flow === "trap") return false;
	if (!sameText(system, getCpu(machine, cpu, Cpu.space), address)) return false;
	emulate(machine, cpu, instruction, address);
	return true;
}

/** Sites are known by their address in the processes of the image: another space may have something else there, with breakpoints of its own. */
function sameText({ machine, spaces }: System, space: number, address: number): boolean {
	return (
		spaces.includes(space) ||
		(extentOf(machine, space, address) !== undefined &&
			aliasOf(machine, space, address) === aliasOf(machine, 0, address))
	);
}

/** A CPU that faults in a page whose rights a patcher changes tries again, and so does one whose TLB is merely old. While
 * it waits the handler does what the CPU is asked for: a patcher waits for that, maybe in vain if interrupts are masked. */
function retryFault(system: System, cpu: number, stop: number): boolean {
	const { machine } = system;
	const access = accesses[stop];
	if (access === undefined) return false;
	const address = getCpu(machine, cpu, Cpu.stopValue) >>> 0;
	const space = getCpu(machine, cpu, Cpu.space);
	if (!permits(machine, space, address, access) && (access === "w" || !isHeld(system, space, address))) return false;
	const pending = getCpu(machine, cpu, Cpu.pending);
	if ((pending & Interrupt.serialize) !== 0) barrier(machine, cpu);
	flush(machine, cpu);
	setCpu(machine, cpu, Cpu.pending, pending & ~(Interrupt.serialize | Interrupt.flush));
	setCpu(machine, cpu, Cpu.stop, Stop.none);
	setCpu(machine, cpu, Cpu.status, Status.running);
	return true;
}

const accesses: Readonly<Record<number, Access>> = {
	[Stop.fetchFault]: "x",
	[Stop.loadFault]: "r",
	[Stop.storeFault]: "w",
};

/** Whether an address is in a page of the sites that a patcher has taken the rights from. */
function isHeld(system: System, space: number, address: number): boolean {
	const { machine } = system;
	const window = machine.words[Global.window]!;
	const page = extentOf(machine, space, address);
	if (window === 0 || page === undefined) return false;
	const holds = (at: number): boolean =>
		framesBehind(system, at).some((physical) => physical >= page.physical && physical < page.physical + page.bytes);
	return system.plans[window - 1]!.edits.some(
		({ address: from, bytes }) => holds(from) || holds(from + bytes.length - 1),
	);
}

/** Binary search by address. @param edits sorted */
export function findEdit(edits: readonly Edit[], address: number): Edit | undefined {
	let low = 0;
	let high = edits.length;
	while (low < high) {
		const middle = (low + high) >> 1;
		if (edits[middle]!.address < address) low = middle + 1;
		else high = middle;
	}
	return edits[low]?.address === address ? edits[low] : undefined;
}
