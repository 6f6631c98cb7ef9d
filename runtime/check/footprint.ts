// The footprint is the part of a system's state that changes, found by looking: a change outside of it adds the place
// (`Grown`), and the exploration begins anew with wider rows (rows.ts), so nothing that changes is ever left out.
// docs/algorithms.md has a picture.

import { historyWord } from "../machine/histories.ts";
import { Buffer, Cpu, Entry, Global, History } from "../machine/layout.ts";
import { cpuWord, type Machine } from "../machine/state.ts";
import { isBuffered, waiting } from "../machine/store-buffer.ts";
import type { System } from "../patch/system.ts";

/** The footprint was too small and is larger now. */
export class Grown extends Error {}

/** A CPU's stack: where it lies, virtually and physically. */
export interface Stack {
	/** Virtual address of its end. */
	readonly top: number;
	/** Physical address of the same. */
	readonly physical: number;
	readonly bytes: number;
}

export interface Footprint {
	/** Words of every CPU's block that change, beyond pc and the small fields; ascending. */
	readonly registers: number[];
	/** Bytes below the stack's end, of words that change; ascending. */
	readonly stack: number[];
	/** Physical addresses of other words that change. */
	readonly memory: number[];
	/** Indices of page-table entries that change. */
	readonly entries: number[];
	/** Most histories at once, most values of one, most stores that waited in a buffer. */
	histories: number;
	values: number;
	stores: number;
}

export function newFootprint(): Footprint {
	return { registers: [], stack: [], memory: [], entries: [], histories: 0, values: 0, stores: 0 };
}

export interface Shape {
	readonly system: System;
	readonly footprint: Footprint;
	readonly stacks: readonly Stack[];
	/** Words before the CPUs' blocks, and of each block. */
	readonly shared: number;
	readonly block: number;
	readonly width: number;
	/** Values of the registers that are not in the footprint. */
	readonly fixed: Int32Array;
	/** Bytes below the stack pointer that programs use; undefined: tasks move, and their stacks with them. */
	readonly redZone: number | undefined;
	/** Whether CPUs may change places. */
	readonly symmetric: boolean;
	/** Words of a CPU's store buffer. */
	readonly buffer: number;
	/** Words of a history: unit, space|count|base, values, and on models with a fetch queue when each came and went. */
	readonly history: number;
	/** Bits of a floor. */
	readonly floorBits: number;
	/** Whether there are fetch queues. */
	readonly queued: boolean;
}

/** Whether tasks change their CPUs, and stacks with them. */
export function tasksMove({ plans }: System): boolean {
	return plans.some(({ steps }) => steps.some(({ kind }) => kind === "exchange"));
}

/** @param fixed the words of the machine in its initial state
 * @param redZone bytes below the stack pointer that programs use
 * @param symmetric whether CPUs may change places */
export function shapeOf(
	system: System,
	footprint: Footprint,
	stacks: readonly Stack[],
	fixed: Int32Array,
	redZone: number,
	symmetric: boolean,
): Shape {
	const { machine } = system;
	const { histories, values, stores } = footprint;
	const queued = machine.config.model.queue;
	const buffer = isBuffered(machine) ? Buffer.stores + Buffer.store.words * stores : 0;
	const history = 2 + (queued ? 3 : 2) * values;
	const floorBits = values <= 4 ? 2 : values <= 16 ? 4 : 8;
	const shared =
		4 + 2 * system.plans.length + histories * history + footprint.memory.length + 2 * footprint.entries.length;
	const floors = Math.ceil((histories * floorBits) / 32) + (queued ? 1 : 0);
	const block = 3 + footprint.registers.length + floors + buffer + footprint.stack.length;
	const width = shared + machine.config.cpus * block;
	return {
		...{ system, footprint, stacks, shared, block, width, fixed, symmetric },
		...{ redZone: tasksMove(system) ? undefined : redZone },
		...{ buffer, history, floorBits, queued },
	};
}

/** Adds what a move of a CPU (or of nobody) changed outside of the footprint. @throws Grown when there is any */
export function watch(shape: Shape, cpu: number | undefined, mapped: boolean): void {
	const { footprint, system } = shape;
	const { machine } = system;
	let grown = false;
	const add = (list: number[], value: number): void => {
		if (list.includes(value)) return;
		list.push(value);
		list.sort((a, b) => a - b);
		grown = true;
	};
	if (cpu !== undefined) {
		const at = cpuWord(machine, cpu, 0);
		for (const word of registerWords) {
			if (machine.words[at + word] !== shape.fixed[at + word]) add(footprint.registers, word);
		}
	}
	for (const physical of machine.written!) {
		const stack = shape.stacks.find((one) => physical >= one.physical - one.bytes && physical < one.physical);
		if (stack === undefined) add(footprint.memory, physical);
		else add(footprint.stack, stack.physical - physical);
	}
	machine.written!.length = 0;
	for (let entry = 0; mapped && entry < machine.words[Global.entries]!; entry++) {
		const at = entryWord(machine, entry);
		const same = (field: number): boolean => machine.words[at + field] === shape.fixed[at + field];
		if (!same(Entry.frame) || !same(Entry.flags)) add(footprint.entries, entry);
	}
	const reach = (most: "histories" | "values" | "stores", now: number): void => {
		if (now <= footprint[most]) return;
		footprint[most] = now;
		grown = true;
	};
	const histories = machine.words[Global.histories]!;
	reach("histories", histories);
	for (let i = 0; i < histories; i++) reach("values", machine.words[historyWord(machine, i) + History.count]!);
	for (const { id } of machine.cores) reach("stores", waiting(machine, id));
	if (grown) throw new Grown();
}

/** The words of a CPU's block that are kept as they are, if they change at all. */
const registerWords: readonly number[] = [
	...Array.from({ length: Cpu.pc }, (_, register) => register),
	Cpu.stopValue,
	Cpu.space,
	Cpu.stepping,
	Cpu.probed,
];

export function entryWord(machine: Machine, index: number): number {
	return (machine.layout.entries >> 2) + index * Entry.words;
}
