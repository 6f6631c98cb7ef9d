// The store buffer of a CPU, on models that have one: its stores wait there, oldest first, until they drain into memory one
// by one. Its own loads find them there; its fetches and everybody else find memory.

import { Buffer } from "./layout.ts";
import { writePhysical } from "./memory.ts";
import { BoundReached, type Machine } from "./state.ts";

const { store } = Buffer;

export function isBuffered(machine: Machine): boolean {
	return machine.config.model.buffer !== undefined;
}

/** How many stores of a CPU wait. */
export function waiting(machine: Machine, cpu: number): number {
	return isBuffered(machine) ? machine.words[bufferWord(machine, cpu) + Buffer.count]! : 0;
}

/** A store of at most four bytes goes behind those that wait. Where there is no room, one is made when one way of many is gone:
 * the oldest drains. @throws BoundReached where all ways are wanted */
export function enqueue(machine: Machine, cpu: number, physical: number, bytes: Uint8Array): void {
	const { stores } = machine.layout;
	if (waiting(machine, cpu) === stores) {
		if (machine.config.fetch === "chosen") throw new BoundReached("stores", stores);
		drain(machine, cpu);
	}
	const at = bufferWord(machine, cpu);
	const value = bytes.reduce((word, byte, i) => word | (byte << (8 * i)), 0);
	const last = machine.words[at + Buffer.count]!++;
	machine.words.set([physical, bytes.length, value], at + Buffer.stores + last * store.words);
}

/** The oldest store that waits becomes everybody's; or one of the others. */
export function drain(machine: Machine, cpu: number, which = 0): void {
	const { words, layout } = machine;
	const at = bufferWord(machine, cpu);
	const first = at + Buffer.stores + which * store.words;
	const value = words[first + store.value]!;
	const bytes = Uint8Array.from({ length: words[first + store.length]! }, (_, i) => value >> (8 * i));
	const physical = words[first + store.physical]!;
	const end = at + layout.bufferWords;
	words.copyWithin(first, first + store.words, end);
	words.fill(0, end - store.words, end);
	words[at + Buffer.count]!--;
	writePhysical(machine, physical, bytes);
}

/** The CPU goes on only when none of its stores waits. */
export function drainAll(machine: Machine, cpu: number): void {
	while (waiting(machine, cpu) > 0) drain(machine, cpu);
}

/** One byte of memory as the CPU itself loads it: its newest store there, if one waits. */
export function loadedByte(machine: Machine, cpu: number, physical: number): number {
	const at = bufferWord(machine, cpu) + Buffer.stores;
	for (let i = waiting(machine, cpu) - 1; i >= 0; i--) {
		const offset = physical - machine.words[at + i * store.words + store.physical]!;
		if (offset >= 0 && offset < machine.words[at + i * store.words + store.length]!)
			return (machine.words[at + i * store.words + store.value]! >> (8 * offset)) & 0xff;
	}
	return machine.memory[physical]!;
}

/** Where a CPU's buffer lies. */
export function bufferWord(machine: Machine, cpu: number): number {
	return (machine.layout.buffers >> 2) + cpu * machine.layout.bufferWords;
}

/** The physical address of a store that waits, counted from the oldest. */
export function storeAt(machine: Machine, cpu: number, which: number): number {
	return machine.words[bufferWord(machine, cpu) + Buffer.stores + which * store.words + store.physical]!;
}
