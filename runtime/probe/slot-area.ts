// The page in which a process executes probed instructions out of line, and what is remembered of it: which slots are
// taken and which probes are in force lies in memory of the machine that no process maps, so that a copy of the machine
// has it too. The page is full of breakpoints before it is mapped: a jump astray traps at once, and nothing of whoever
// had the memory before can be read.

import { encode } from "../../linker/isa/encode.ts";
import { Cpu, Status } from "../machine/layout.ts";
import { extentOf, mapPages, writePhysical } from "../machine/memory.ts";
import { getCpu, type Machine, PAGE, setCpu } from "../machine/state.ts";
import { wordBytes } from "../machine/words.ts";
import type { System } from "../patch/system.ts";
import { type Frames, takePage } from "./frames.ts";
import type { Probe, SlotArea } from "./probe.ts";

/** So far apart that no two share a unit of fetch or a cache line. */
export const SLOT_BYTES = 128;
export const SLOTS = PAGE / SLOT_BYTES;
/** A process's record is a page: a word for the slots, then a byte for each probe. */
export const MOST_PROBES = PAGE - 4;

/** What a process needs for its first probe: the page of slots and the record. */
export const AREA_PAGES = 2;

/** There must be room for it. */
export function newSlotArea(system: System, frames: Frames, space: number): SlotArea {
	const page = filledPage(system, frames, space, new Uint8Array(), "[probes]");
	const record = takePage(frames);
	system.machine.memory.fill(0, record, record + PAGE);
	return { space, ...page, record, known: new Map(), trampoline: undefined };
}

/** Maps a fresh page of code near the program: these bytes, then breakpoints. Nobody knows of it yet, so nothing is flushed. */
export function filledPage(
	system: System,
	frames: Frames,
	space: number,
	code: Uint8Array,
	name: string,
): { readonly address: number; readonly physical: number } {
	const { machine } = system;
	const address = freePageNear(system, space);
	const physical = takePage(frames);
	machine.memory.fill(encode("brk")[0]!, physical, physical + PAGE);
	machine.memory.set(code, physical);
	mapPages(machine, space, address, physical, PAGE, { r: true, w: false, x: true });
	system.named.push({ space, address, bytes: PAGE, name });
	return { address, physical };
}

/** Behind the program, with an unmapped page between: relative operands reach from there to where they led. */
function freePageNear({ machine, image }: System, space: number): number {
	const { address, memorySize } = image.elf.segments.at(-1)!;
	let at = Math.ceil((address + memorySize) / PAGE) * PAGE + PAGE;
	while (extentOf(machine, space, at) !== undefined) at += PAGE;
	return at;
}

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
