// Time passes here: what may happen next (`choices`), doing it (`take`), and `advance`, which takes one CPU's
// instructions many at a time. All three execute through the same dispatcher.

import { FIRST_EVENT, Stop } from "../../linker/isa/core.ts";
import type { Instruction } from "../../linker/isa/instruction-set.ts";
import { dispatch } from "./dispatch.ts";
import { forgetPages, noteFetch } from "./instruction-tlb.ts";
import { Cpu, MOST_PATCHERS, Status } from "./layout.ts";
import { physicalIn } from "./page-table.ts";
import { TICKS_PER_CYCLE } from "./profile.ts";
import { addCounter, coreAt, getCpu, type Machine, setCpu } from "./state.ts";
import { executeAt, serve } from "./step.ts";
import { drain, drainAll, waiting } from "./store-buffer.ts";
import { clean, flushTlb, forgetViews, invalidate, serialize } from "./visibility.ts";

/** Ticks that the dispatcher runs at once: V8 compiles a function that returns now and then better than one that stays
 * in its loop and has to be replaced there. */
const SLICE = 2 ** 14;

/** A bit for each patcher. */
const EACH = 2 ** MOST_PATCHERS - 1;

/** Each request that may be pending on a CPU has a bit for each patcher that asked, so that a patcher waits for its own alone.
 * A CPU executes an instruction barrier, flushes its TLB, or stops until it is released: with interrupts off (`park`), or
 * serving them where it stands (`park-interruptible`). `serialize-at-rest` is no interrupt: the CPU executes the barrier
 * when it next rests by itself, be it that it idles, halts, calls its host or serializes. */
export const Interrupt = {
	serialize: EACH,
	flush: EACH << MOST_PATCHERS,
	park: EACH << (2 * MOST_PATCHERS),
	"park-interruptible": EACH << (3 * MOST_PATCHERS),
	"serialize-at-rest": EACH << (4 * MOST_PATCHERS),
} as const;
const INTERRUPTS = ~Interrupt["serialize-at-rest"];

/** The bits of all requests of one patcher. */
export function requestsOf(patcher: number): number {
	let bits = 0;
	for (let first = 0; first < 5 * MOST_PATCHERS; first += MOST_PATCHERS) bits |= 1 << (first + patcher);
	return bits;
}

/** One thing that may happen next on a machine: an instruction, an interrupt, or a store that reaches memory. */
export type Choice =
	| { readonly kind: "step"; readonly cpu: number }
	| { readonly kind: "interrupt"; readonly cpu: number }
	/** The oldest store that waits in its buffer reaches memory. */
	| { readonly kind: "drain"; readonly cpu: number };

/** Everything that may happen next, in CPU order: an instruction of each running CPU, an interrupt of each CPU that has
 * one pending and does not mask it, the drain of each store buffer. */
export function choices(machine: Machine): Choice[] {
	const all: Choice[] = [];
	for (let cpu = 0; cpu < machine.config.cpus; cpu++) {
		if (interruptible(machine, cpu)) all.push({ kind: "interrupt", cpu });
		if (getCpu(machine, cpu, Cpu.status) === Status.running) all.push({ kind: "step", cpu });
		if (waiting(machine, cpu) > 0) all.push({ kind: "drain", cpu });
	}
	return all;
}

/** Does one of the `choices`. */
export function take(machine: Machine, choice: Choice): void {
	switch (choice.kind) {
		case "step":
			advance(machine, choice.cpu, 1);
			return;
		case "interrupt":
			takeInterrupt(machine, choice.cpu);
			return;
		case "drain":
			drain(machine, choice.cpu);
			return;
	}
}

const interruptibleIn: ReadonlySet<number> = new Set([Status.running, Status.idle, Status.patching, Status.waiting]);

/** Whether a CPU takes an interrupt before its next instruction. One that serves a trap does not, nor does one that
 * executes out of line. */
export function interruptible(machine: Machine, cpu: number): boolean {
	const asked = getCpu(machine, cpu, Cpu.pending) & INTERRUPTS;
	if (asked === 0 || getCpu(machine, cpu, Cpu.masked) !== 0 || getCpu(machine, cpu, Cpu.stepping) !== 0) return false;
	return interruptibleIn.has(getCpu(machine, cpu, Cpu.status));
}

/** Serves every pending interrupt of a CPU between two instructions and wakes it if it idles. */
function takeInterrupt(machine: Machine, cpu: number): void {
	const pending = getCpu(machine, cpu, Cpu.pending);
	setCpu(machine, cpu, Cpu.pending, pending & ~INTERRUPTS);
	addCounter(machine, cpu, Cpu.clock, machine.config.profile.interrupt * TICKS_PER_CYCLE);
	if (getCpu(machine, cpu, Cpu.status) === Status.idle) setCpu(machine, cpu, Cpu.status, Status.running);
	if ((pending & Interrupt.serialize) !== 0) barrier(machine, cpu);
	if ((pending & Interrupt.flush) !== 0) flush(machine, cpu);
	if ((pending & (Interrupt.park | Interrupt["park-interruptible"])) === 0) return;
	setCpu(machine, cpu, Cpu.before, getCpu(machine, cpu, Cpu.status));
	setCpu(machine, cpu, Cpu.status, (pending & Interrupt.park) !== 0 ? Status.parked : Status.attentive);
}

/** A CPU's instruction barrier; on some models it waits for the CPU's stores. */
export function barrier(machine: Machine, cpu: number): void {
	if (machine.config.model.buffer === "until-serialize") drainAll(machine, cpu);
	serialize(machine, cpu);
}

/** Flushes a CPU's TLB. */
export function flush(machine: Machine, cpu: number): void {
	flushTlb(machine, cpu);
	coreAt(machine, cpu).forgetTranslations();
	if (machine.instructionTlbs !== undefined) forgetPages(machine.instructionTlbs, cpu);
}

/** Executes a running CPU's instructions until `ticks` are spent or one stops it; one only, if it goes one step at a time.
 * A trap becomes the CPU's status. @returns why it stopped: a `Stop`; `Stop.none` when the time was up */
export function advance(machine: Machine, cpu: number, ticks: number): number {
	const core = coreAt(machine, cpu);
	const { profile } = machine.config;
	const mispredict = profile.mispredict * TICKS_PER_CYCLE;
	const stepping = getCpu(machine, cpu, Cpu.stepping) !== 0;
	core.enter();
	if (machine.instructionTlbs !== undefined) noteFetch(machine, machine.instructionTlbs, cpu, core.pc);
	for (let left = stepping ? 1 : ticks; left > 0 && core.stop === Stop.none; ) {
		const slice = Math.min(left, SLICE);
		const spent = dispatch(core, mispredict, slice);
		left -= spent;
		if (spent < slice) left -= serve(core);
	}
	if (stepping && core.stop === Stop.none) core.stop = Stop.step;
	core.leave();
	if (core.stop !== Stop.none) conclude(machine, cpu);
	return core.stop;
}

/** Executes an instruction in the place of the one that a CPU trapped at, as if it had been fetched there. */
export function emulate(machine: Machine, cpu: number, instruction: Instruction, pc: number): void {
	const core = coreAt(machine, cpu);
	core.enter();
	const next = executeAt(core, instruction, pc);
	if (core.stop === Stop.none || core.stop >= FIRST_EVENT) core.pc = next;
	core.leave();
	conclude(machine, cpu);
}

/** What stopped the core becomes the CPU's status. */
function conclude(machine: Machine, cpu: number): void {
	const { stop, stopValue } = coreAt(machine, cpu);
	setCpu(machine, cpu, Cpu.stop, stop);
	setCpu(machine, cpu, Cpu.stopValue, stopValue);
	setCpu(machine, cpu, Cpu.status, statusAfter(stop));
	after(machine, cpu, stop, stopValue);
}

/** What an event does beyond the CPU's status. */
function after(machine: Machine, cpu: number, stop: number, value: number): void {
	switch (stop) {
		case Stop.serialize:
			barrier(machine, cpu);
			rest(machine, cpu);
			break;
		case Stop.idle:
		case Stop.ecall:
			rest(machine, cpu);
			break;
		case Stop.fence:
			drainAll(machine, cpu);
			break;
		case Stop.clean:
			drainAll(machine, cpu);
			onUnit(machine, cpu, value, clean);
			break;
		case Stop.invalidate:
			onUnit(machine, cpu, value, invalidate);
			break;
		case Stop.halt:
			halt(machine, cpu);
			break;
	}
}

/** Ends a CPU for good: nobody asks it for anything any more, and it sees nothing. Its stores still reach memory. */
export function halt(machine: Machine, cpu: number): void {
	setCpu(machine, cpu, Cpu.status, Status.halted);
	setCpu(machine, cpu, Cpu.pending, 0);
	forgetViews(machine, cpu);
}

/** A CPU that is asked for it comes to rest: what it does later, it fetches then. */
function rest(machine: Machine, cpu: number): void {
	const pending = getCpu(machine, cpu, Cpu.pending);
	if ((pending & ~INTERRUPTS) === 0) return;
	barrier(machine, cpu);
	setCpu(machine, cpu, Cpu.pending, pending & INTERRUPTS);
}

/** Cache operations act on the unit that holds an address. */
function onUnit(machine: Machine, cpu: number, address: number, act: (machine: Machine, unit: number) => void): void {
	const physical = physicalIn(machine, getCpu(machine, cpu, Cpu.space), address);
	const { unit } = machine.config.model;
	if (physical >= 0 && unit > 0) act(machine, physical - (physical % unit));
}

function statusAfter(stop: number): Status {
	switch (stop) {
		case Stop.halt:
			return Status.halted;
		case Stop.idle:
			return Status.idle;
		case Stop.ecall:
			return Status.hostCall;
		case Stop.none:
		case Stop.serialize:
		case Stop.fence:
		case Stop.clean:
		case Stop.invalidate:
		case Stop.unmask:
			return Status.running;
		default:
			return Status.trapped;
	}
}
