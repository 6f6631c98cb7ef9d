// The traps of probes: a breakpoint that is one, the end of a step out of line, and what goes wrong in a step. A CPU takes no
// interrupt and no other task from the moment its instruction is in a slot to the end of the step, so the slot is its own
// and nobody else need be told what is in it.

import { decode } from "../../linker/isa/decode.ts";
import { encode } from "../../linker/isa/encode.ts";
import { HostCall } from "../../linker/isa/host-calls.ts";
import { Stop } from "../../linker/isa/index.ts";
import type { Instruction } from "../../linker/isa/instruction-set.ts";
import { Cpu, Status } from "../machine/layout.ts";
import { readVirtual } from "../machine/memory.ts";
import { barrier, emulate } from "../machine/run.ts";
import { addCounter, getCpu, setCpu } from "../machine/state.ts";
import { copyToUserPage } from "../patch/perform/cache-maintenance.ts";
import { PHYSICAL } from "../patch/perform/frames-behind.ts";
import { actOnMemory, comply } from "../patch/perform/perform.ts";
import { chargeTrap } from "../patch/perform/trap.ts";
import { atomicStores, type Step } from "../patch/plan/step.ts";
import type { TrapServer } from "../patch/system.ts";
import { noteHit } from "./hits.ts";
import { askForCall, serveCall } from "./optimise.ts";
import { copyFor, putRight, way } from "./out-of-line.ts";
import type { Probe, Probes, SlotArea } from "./probe.ts";
import { freeSlot, isInForce, SLOT_BYTES, takeSlot } from "./slot-area.ts";

const BREAKPOINT = encode("brk")[0]!;

/** @returns a server for the traps of these probes */
export function probeTraps(probes: Probes): TrapServer {
	return (system, cpu) => {
		const { machine } = system;
		const stop = getCpu(machine, cpu, Cpu.stop);
		const called = stop === Stop.ecall && getCpu(machine, cpu, Cpu.stopValue) === HostCall.probe;
		if (called) return serveCall(probes, cpu);
		const area = probes.areas.get(getCpu(machine, cpu, Cpu.space));
		if (area === undefined) return false;
		const stepping = getCpu(machine, cpu, Cpu.stepping) !== 0;
		if (stepping && stop !== Stop.step) return abortStep(probes, area, cpu);
		const served = stepping ? endStep(probes, area, cpu) : stop === Stop.breakpoint && serveHit(probes, area, cpu);
		if (served) chargeTrap(system, cpu, "probeTraps");
		return served;
	};
}

function serveHit(probes: Probes, area: SlotArea, cpu: number): boolean {
	const { machine } = probes.system;
	const address = getCpu(machine, cpu, Cpu.pc) >>> 0;
	const probe = area.known.get(address);
	if (probe === undefined) return false;
	if (!isInForce(machine, area, probe)) return tryAgain(probes, area, cpu, address);
	const { instruction } = probe;
	if (way(instruction.row, probes.options.outOfLine === "always") === "emulated") {
		hit(probes, probe, cpu);
		emulate(machine, cpu, instruction, address);
		return true;
	}
	return stepOutOfLine(probes, area, probe, cpu);
}

function hit(probes: Probes, probe: Probe, cpu: number): void {
	noteHit(probes, probe, cpu);
	askForCall(probes, probe, cpu);
}

/** A probe was here: what the CPU fetched was old if there is no breakpoint any more. */
function tryAgain({ system }: Probes, { space }: SlotArea, cpu: number, address: number): boolean {
	if (readVirtual(system.machine, space, address, 1)?.[0] === BREAKPOINT) return false;
	goOn(system.machine, cpu);
	return true;
}

/** Goes back to the program, the way the model does. */
function goOn(machine: Probes["system"]["machine"], cpu: number): void {
	if (machine.config.model.returns === "barrier") barrier(machine, cpu);
	setCpu(machine, cpu, Cpu.status, Status.running);
}

/** Puts the instruction into a slot and lets the CPU go one step there. Where all slots are taken it waits, and comes back
 * to the breakpoint when one is free: nothing was noted yet. */
function stepOutOfLine(probes: Probes, area: SlotArea, probe: Probe, cpu: number): boolean {
	const { machine } = probes.system;
	const slot = takeSlot(machine, area, probes.options.slots);
	if (slot === undefined) {
		setCpu(machine, cpu, Cpu.status, Status.waiting);
		return true;
	}
	const at = area.address + slot * SLOT_BYTES;
	const bytes = copyFor(probe.instruction, probe.address, at);
	hit(probes, probe, cpu);
	if (bytes === undefined) {
		freeSlot(machine, area, slot);
		emulate(machine, cpu, probe.instruction, probe.address);
		return true;
	}
	fill(probes, area, slot, bytes, cpu);
	setCpu(machine, cpu, Cpu.stepping, slot + 1);
	setCpu(machine, cpu, Cpu.probed, probe.address);
	setCpu(machine, cpu, Cpu.pc, at);
	goOn(machine, cpu);
	return true;
}

/** Only this CPU executes what is in the slot, before it does anything else: no other one's caches matter. */
function fill({ system, options }: Probes, area: SlotArea, slot: number, bytes: Uint8Array, cpu: number): void {
	const { machine } = system;
	const at = area.physical + slot * SLOT_BYTES;
	const user = { space: PHYSICAL, cpu, cpus: [cpu], threads: 1, migrates: false };
	const old = machine.memory.slice(at, at + bytes.length);
	const steps: Step[] = options.maintained
		? copyToUserPage(machine.config.model, user, area.physical, at, bytes, old)
		: atomicStores(at, bytes, PHYSICAL);
	for (const step of steps) {
		if (step.kind === "serialize") comply(machine, cpu, "serialize");
		else if (step.kind === "store" || step.kind === "clean" || step.kind === "invalidate")
			addCounter(machine, cpu, Cpu.clock, actOnMemory(system, step));
		else throw new Error(`assert: a slot is one CPU's, and '${step.kind}' is for others`);
	}
}

function endStep({ system }: Probes, area: SlotArea, cpu: number): boolean {
	const { machine } = system;
	const home = getCpu(machine, cpu, Cpu.probed) >>> 0;
	const slot = getCpu(machine, cpu, Cpu.stepping) - 1;
	putRight(machine, cpu, area.known.get(home)!.instruction, home, area.address + slot * SLOT_BYTES);
	leaveSlot(machine, area, cpu);
	setCpu(machine, cpu, Cpu.stop, Stop.none);
	setCpu(machine, cpu, Cpu.status, Status.running);
	return true;
}

/** The instruction trapped in its slot: that happened at its home. A slot that is no longer what was put there is the
 * process's own doing, and its end. */
function abortStep({ system }: Probes, area: SlotArea, cpu: number): boolean {
	const { machine } = system;
	const home = getCpu(machine, cpu, Cpu.probed);
	const stop = getCpu(machine, cpu, Cpu.stop);
	const spoilt: readonly number[] = [Stop.illegal, Stop.breakpoint, Stop.fetchFault];
	if (spoilt.includes(stop)) {
		const place = system.image.symbolize(home >>> 0);
		system.refusal = `the page where probed instructions are executed was unmapped or overwritten: ${place} cannot go on`;
	}
	leaveSlot(machine, area, cpu);
	setCpu(machine, cpu, Cpu.pc, home);
	return false;
}

function leaveSlot(machine: Probes["system"]["machine"], area: SlotArea, cpu: number): void {
	freeSlot(machine, area, getCpu(machine, cpu, Cpu.stepping) - 1);
	setCpu(machine, cpu, Cpu.stepping, 0);
	setCpu(machine, cpu, Cpu.probed, 0);
}

/** What a CPU is to execute in its slot; undefined when it is in none. */
export function instructionInSlot({ system, areas }: Probes, cpu: number): Instruction | undefined {
	const { machine } = system;
	const slot = getCpu(machine, cpu, Cpu.stepping) - 1;
	if (slot < 0) return undefined;
	const area = areas.get(getCpu(machine, cpu, Cpu.space))!;
	const home = getCpu(machine, cpu, Cpu.probed) >>> 0;
	return decode(copyFor(area.known.get(home)!.instruction, home, area.address + slot * SLOT_BYTES)!, 0);
}
