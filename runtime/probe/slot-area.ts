// The page in which a process executes probed instructions out of line, and what is remembered of it: which slots are
// taken and which probes are in force lies in memory of the machine that no process maps, so that a copy of the machine
// has it too. The page is full of breakpoints before it is mapped, as every free frame is (execmem/frames.ts): a jump astray
// traps at once, and nothing of whoever had the memory before can be read.

import { Cpu, Status } from "../machine/layout.ts";
import { writePhysical } from "../machine/memory.ts";
import { extentOf, permits } from "../machine/page-table.ts";
import { getCpu, type Machine, PAGE, setCpu } from "../machine/state.ts";
import { wordBytes } from "../machine/words.ts";
import { planMemory, underLock } from "../patch/plan/plan.ts";
import { map, type Phase } from "../patch/plan/protocol.ts";
import type { Step } from "../patch/plan/step.ts";
import type { System } from "../patch/system.ts";
import { type Frames, takePage } from "./frames.ts";
import type { CodePage, Probe, SlotArea } from "./probe.ts";

/** So far apart that no two share a unit of fetch or a cache line. */
export const SLOT_BYTES = 128;
/** How many slots a page has. */
export const SLOTS = PAGE / SLOT_BYTES;
/** A process's record is a page: a word for the slots, then a byte for each probe. */
export const MOST_PROBES = PAGE - 4;

/** What a process needs for its first probe: the page of slots and the record. */
export const AREA_PAGES = 2;

/** Takes the memory: there must be room for it. The record is nobody's yet and empty; the page of slots is mapped by the first
 * insertion (`mapReserved`). */
export function newSlotArea(system: System, frames: Frames, space: number): SlotArea {
	const page = reservePage(system, frames, space, "[probes]");
	const record = takePage(frames);
	system.machine.memory.fill(0, record, record + PAGE);
	return { space, ...page, record, known: new Map(), trampoline: undefined };
}

/** Takes a page for code near the program, where nothing is mapped and nobody else will map anything. */
export function reservePage(system: System, frames: Frames, space: number, name: string): CodePage {
	const address = freePageNear(system, space);
	system.named.push({ space, address, bytes: PAGE, name });
	return { address, physical: takePage(frames) };
}

/** Behind the program, with an unmapped page between: relative operands reach from there to where they led. */
function freePageNear({ machine, image, named }: System, space: number): number {
	const { address, memorySize } = image.elf.segments.at(-1)!;
	let at = Math.ceil((address + memorySize) / PAGE) * PAGE + PAGE;
	const isTaken = (): boolean =>
		extentOf(machine, space, at) !== undefined || named.some((one) => one.space === space && one.address === at);
	while (isTaken()) at += PAGE;
	return at;
}

/** The steps, under a lock that is held, that map a reserved page if it is not mapped yet: from here on who comes there meets a
 * breakpoint. What is absent is in no TLB. */
export function mapReserved({ machine }: System, space: number, { address, physical }: CodePage): Step[] {
	if (permits(machine, space, address, "x")) return [];
	const frames = { physical, large: false, text: true };
	const batch = { edits: [], spans: [{ space, address, bytes: PAGE, frames }] };
	return underLock(planMemory(executable, batch, machine.config.model));
}

/** As pages are that `poke` fills (execmem/fills): executable all the time, and breakpoints where nobody stored anything. */
const executable: readonly Phase[] = [map("rx")];

/** Takes the first free slot. @returns its number; undefined when all of them are taken */
export function takeSlot(machine: Machine, area: SlotArea, slots: number): number | undefined {
	const taken = takenSlots(machine, area);
	for (let slot = 0; slot < slots; slot++) {
		if ((taken & (1 << slot)) !== 0) continue;
		setTakenSlots(machine, area, taken | (1 << slot));
		return slot;
	}
	return undefined;
}

/** Gives a slot back; who waits for one tries again. */
export function freeSlot(machine: Machine, area: SlotArea, slot: number): void {
	setTakenSlots(machine, area, takenSlots(machine, area) & ~(1 << slot));
	for (const { id } of machine.cores) {
		if (getCpu(machine, id, Cpu.space) !== area.space) continue;
		for (const field of [Cpu.status, Cpu.before])
			if (getCpu(machine, id, field) === Status.waiting) setCpu(machine, id, field, Status.running);
	}
}

/** A bit for each slot. */
export function takenSlots(machine: Machine, { record }: SlotArea): number {
	return machine.words[(machine.layout.memory + record) >> 2]!;
}

function setTakenSlots(machine: Machine, { record }: SlotArea, taken: number): void {
	writePhysical(machine, record, wordBytes(taken));
}

/** Where it is noted, in physical memory, whether a probe is in force: one byte. */
export function forceOf({ record }: SlotArea, { index }: Probe): number {
	return record + 4 + index;
}

export function isInForce(machine: Machine, area: SlotArea, probe: Probe): boolean {
	return machine.memory[forceOf(area, probe)] !== 0;
}
