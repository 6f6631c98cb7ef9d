// The state of a machine: plain data over one buffer, and views of it. Everything beside the buffer is derived from it
// and can be dropped at any time. machine.ts makes one, run.ts moves it.

import type { Core } from "./core.ts";
import { Cpu, Global, type Layout } from "./layout.ts";
import type { CostProfile } from "./profile.ts";

export const PAGE = 4096;

export interface MachineConfig {
	readonly cpus: number;
	/** Bytes of physical memory; a multiple of the page size. */
	readonly memory: number;
	/** Page-table entries, over all address spaces. */
	readonly entries: number;
	readonly profile: CostProfile;
}

export interface Machine {
	readonly config: MachineConfig;
	readonly layout: Layout;
	readonly buffer: ArrayBuffer;
	/** The whole buffer as signed words. */
	readonly words: Int32Array;
	/** Physical memory. */
	readonly memory: Uint8Array;
	readonly cores: readonly Core[];
	/** Derived: physical frame number -> its decoded instructions (decode-cache.ts). */
	readonly decoded: Map<number, Int32Array>;
	/** Derived: (space, page) -> index of the page-table entry; valid for `indexed` = the generation it was made at. */
	readonly index: Map<number, number>;
	indexed: number;
}

export function cpuWord(machine: Machine, cpu: number, field: number): number {
	return (machine.layout.cpuBlocks >> 2) + cpu * Cpu.words + field;
}

export function getCpu(machine: Machine, cpu: number, field: number): number {
	return machine.words[cpuWord(machine, cpu, field)]!;
}

export function setCpu(machine: Machine, cpu: number, field: number, value: number): void {
	machine.words[cpuWord(machine, cpu, field)] = value;
}

/** A CPU's clock in ticks, or its instruction count. */
export function getCounter(machine: Machine, cpu: number, field: number): number {
	return machine.cores[cpu]!.counters[(field - Cpu.clock) >> 1]!;
}

export function addCounter(machine: Machine, cpu: number, field: number, ticks: number): void {
	machine.cores[cpu]!.counters[(field - Cpu.clock) >> 1]! += ticks;
}

/** Takes the next free physical frames. @returns the physical address @throws RangeError when memory is used up */
export function takeFrames(machine: Machine, bytes: number): number {
	const first = machine.words[Global.frames]!;
	const count = Math.ceil(bytes / PAGE);
	if ((first + count) * PAGE > machine.config.memory) {
		throw new RangeError(`out of physical memory: ${count} pages wanted, ${machine.config.memory / PAGE - first} left`);
	}
	machine.words[Global.frames] = first + count;
	return first * PAGE;
}
