// The machine: plain data over one buffer, and views of it. Nothing here runs; run.ts does.
// Everything beside the buffer is derived from it and can be dropped at any time.

import { Core } from "./core.ts";
import { Cpu, Global, type Layout, layoutOf, Status } from "./layout.ts";
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

/** A machine with zeroed memory, nothing mapped and every CPU halted. */
export function createMachine(config: MachineConfig): Machine {
	if (config.cpus < 1 || config.cpus > 256) throw new RangeError(`${config.cpus} CPUs: 1 to 256 are supported`);
	if (config.memory % PAGE !== 0) throw new RangeError(`${config.memory} bytes of memory: not a multiple of ${PAGE}`);
	const layout = layoutOf({ ...config, predictors: true });
	const buffer = new ArrayBuffer(layout.bytes);
	const cores: Core[] = [];
	const machine: Machine = {
		config,
		layout,
		buffer,
		words: new Int32Array(buffer, 0, layout.bytes >> 2),
		memory: new Uint8Array(buffer, layout.memory, config.memory),
		cores,
		decoded: new Map(),
		index: new Map(),
		indexed: -1,
	};
	for (let id = 0; id < config.cpus; id++) {
		cores.push(new Core(machine, id));
		setCpu(machine, id, Cpu.status, Status.halted);
	}
	return machine;
}

/** A machine in the same state, sharing nothing with the first. */
export function copyMachine(machine: Machine): Machine {
	const copy = createMachine(machine.config);
	copy.words.set(machine.words);
	return copy;
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
