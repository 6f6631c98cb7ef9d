// Probes without traps. A probe on NOP5 becomes a CALL to a trampoline near it after its first hit: the breakpoint is there
// already, so the tail is stored behind it, then the head, with a sync after each. The trampoline tells the kernel by a
// host call and returns. It is never unmapped: nobody can know whether a CPU is still inside.
//
// A CALL pushes its return address below the stack pointer. Where functions may keep something there (a red zone), only an
// instruction pair that moves the stack pointer out of the way and back makes room for it.

import { SITE_BYTES } from "../../linker/format/static-calls.ts";
import { encode } from "../../linker/isa/encode.ts";
import { HostCall } from "../../linker/isa/host-calls.ts";
import { REL_MAX, REL_MIN, SP } from "../../linker/isa/index.ts";
import { poke } from "../execmem/fills/poke.ts";
import { Cpu, Status } from "../machine/layout.ts";
import { readVirtual } from "../machine/memory.ts";
import { permits } from "../machine/page-table.ts";
import { TICKS_PER_CYCLE } from "../machine/profile.ts";
import { addCounter, getCounter, getCpu, PAGE, setCpu } from "../machine/state.ts";
import { loadedWord } from "../machine/words.ts";
import type { Update } from "../patch/change/change.ts";
import { plan, planMemory, underLock } from "../patch/plan/plan.ts";
import { type Protocol, sync, write } from "../patch/plan/protocol.ts";
import { type Step, same } from "../patch/plan/step.ts";
import type { System } from "../patch/system.ts";
import { hasRoom } from "./frames.ts";
import { noteHit } from "./hits.ts";
import type { ProbePlace } from "./place.ts";
import type { CodePage, Probe, Probes, SlotArea } from "./probe.ts";
import { isInForce, mapReserved, reservePage } from "./slot-area.ts";

/** From a breakpoint that the probe has put there: `text_poke_bp` without its first phase. */
const breakpointToCall: Protocol = {
	name: "breakpoint-to-call",
	brief: "the tail behind a breakpoint that is there already, then the head",
	phases: [
		write("tail"), // who comes here meets the breakpoint
		sync("serialize"), // from here on nobody holds the old tail
		write("head"), // who comes here meets the breakpoint or calls
		sync("serialize"), // from here on nobody traps
	],
};

const callToBreakpoint: Protocol = {
	name: "call-to-breakpoint",
	brief: "the breakpoint, then the tail behind it",
	phases: [
		write("breakpoint"), // who comes here calls or meets the breakpoint
		sync("serialize"), // from here on nobody calls
		write("tail"),
		sync("serialize"), // from here on nobody holds the tail of the call
	],
};

const BREAKPOINT = encode("brk")[0]!;
const TRAMPOLINE = [...encode("ecall", { imm: HostCall.probe }), ...encode("ret")];

/** Bytes that the CALL of the trampoline pushed. */
const RETURN_ADDRESS = 4;

/** Bytes of the trampoline's host call: where a CPU is that made it. */
const TRAMPOLINE_CALL = encode("ecall", { imm: HostCall.probe }).length;

/** Why no CALL may stand in for the breakpoint: it would replace NOP5, within a page, and overwrite nothing. */
export function whyUncallable(
	{ options }: Probes,
	area: SlotArea,
	address: number,
	{ instruction, clearance }: ProbePlace,
): string | undefined {
	const { length, row } = instruction;
	if (row.mnemonic !== "nop5") return `the instruction is ${row.mnemonic}, not nop5`;
	if ((address % PAGE) + length > PAGE) return "the instruction lies in two pages";
	if (clearance < options.redzone) return "a call would overwrite what is below the stack pointer";
	return callTo(area.address, address) === undefined ? "no trampoline is within reach of a call" : undefined;
}

/** The CALL from a probe to `to`; undefined when that is out of reach. */
function callTo(to: number, address: number): Uint8Array | undefined {
	const imm = to - (address + 5);
	return imm < REL_MIN || imm > REL_MAX ? undefined : encode("call", { imm });
}

/** Asks, once, that a probe become a CALL: the request waits its turn among the others. */
export function askForCall(probes: Probes, probe: Probe, cpu: number): void {
	const { system, options } = probes;
	if (probe.asked || !options.optimise || probe.uncallable !== undefined) return;
	probe.asked = true;
	if (!reserveTrampoline(probes, probe.space)) return;
	const clock = getCounter(system.machine, cpu, Cpu.clock);
	system.queue.push({ changes: [], planned: () => optimisation(probes, probe), cpu: undefined, clock });
}

/** Takes memory for the trampoline of a process, once. @returns false when there is none: probes stay breakpoints */
export function reserveTrampoline({ system, areas, frames }: Probes, space: number): boolean {
	const area = areas.get(space)!;
	if (area.trampoline === undefined && !hasRoom(frames, 1)) return false;
	area.trampoline ??= reservePage(system, frames, space, "[probe-trampolines]");
	return true;
}

/** The steps that put a CALL where the breakpoint is, behind those that fill the trampoline if nobody did; none when the probe is
 * gone by then. Planning them changes nothing. */
export function optimisation({ system, areas }: Probes, probe: Probe): Update {
	const { machine } = system;
	const { model } = machine.config;
	const { space } = probe;
	const area = areas.get(space)!;
	const { trampoline } = area;
	const nothing: Update = { steps: [], edits: [], keys: [] };
	if (!isInForce(machine, area, probe) || area.known.get(probe.address) !== probe) return nothing;
	if (trampoline === undefined) return nothing;
	const bytes = callTo(trampoline.address, probe.address);
	const old = readVirtual(machine, space, probe.address, probe.bytes.length)!;
	if (bytes === undefined) return nothing;
	const edit = { address: probe.address, old, bytes, space, means: probe.bytes };
	// No transaction: undone by the same phases, the tail would change under a CALL. It is carried on instead.
	const { steps, edits } = plan(breakpointToCall, [edit], model);
	const [lock, ...rest] = steps;
	const filled = trampolineFill(system, space, trampoline);
	return {
		steps: [...(lock === undefined ? [] : [lock]), ...filled, ...rest],
		edits,
		keys: [`call at ${probe.place}`],
	};
}

/** The steps, under a lock that is held, after which every CPU of a process can come to its trampoline. */
function trampolineFill(system: System, space: number, page: CodePage): Step[] {
	const { machine } = system;
	const bytes = Uint8Array.from(TRAMPOLINE);
	if (
		permits(machine, space, page.address, "x") &&
		same(readVirtual(machine, space, page.address, bytes.length)!, bytes)
	)
		return [];
	const edit = { address: page.address, old: new Uint8Array(bytes.length).fill(BREAKPOINT), bytes, space };
	const filling = planMemory(poke.write, { edits: [edit], spans: [] }, machine.config.model);
	return [...mapReserved(system, space, page), ...underLock(filling)];
}

/** The steps back from a CALL to the breakpoint, under a lock that is held. */
export function takeBack({ machine }: System, { space, address, bytes }: Probe, old: Uint8Array): Step[] {
	const edit = { address, old, bytes: Uint8Array.of(BREAKPOINT, ...bytes.subarray(1)), space };
	return underLock(plan(callToBreakpoint, [edit], machine.config.model));
}

/** Serves the host call of a trampoline: the return address says which probe. One that was removed meanwhile is passed by.
 * @returns false when it did not come from a trampoline */
export function serveCall(probes: Probes, cpu: number): boolean {
	const { system, areas } = probes;
	const { machine } = system;
	const space = getCpu(machine, cpu, Cpu.space);
	const area = areas.get(space);
	const pc = getCpu(machine, cpu, Cpu.pc) >>> 0;
	if (area?.trampoline === undefined || pc !== area.trampoline.address + TRAMPOLINE_CALL) return false;
	const back = loadedWord(machine, cpu, machine.cores[cpu]!.r[SP]!);
	const probe = back === undefined ? undefined : area.known.get((back >>> 0) - SITE_BYTES);
	if (probe !== undefined && isInForce(machine, area, probe)) noteHit(probes, probe, cpu, RETURN_ADDRESS);
	setCpu(machine, cpu, Cpu.status, Status.running);
	addCounter(machine, cpu, Cpu.clock, machine.config.profile.syscall * TICKS_PER_CYCLE);
	return true;
}
