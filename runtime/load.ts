// From an image to a machine that is about to run it: segments copied to fresh frames and mapped with their
// permissions, a stack per CPU, CPU 0 at the entry.

import { SP } from "../linker/isa/index.ts";
import type { Image } from "../linker/link/image.ts";
import { Cpu, Status } from "./machine/layout.ts";
import { createMachine } from "./machine/machine.ts";
import { mapPages } from "./machine/memory.ts";
import type { CostProfile } from "./machine/profile.ts";
import { type Machine, PAGE, setCpu, takeFrames } from "./machine/state.ts";

/** Stacks hang below this address, each above an unmapped page. */
const STACKS_END = 0x7000_0000;

export interface LoadOptions {
	readonly profile: CostProfile;
	readonly cpus?: number;
	/** Bytes per CPU, rounded up to pages. */
	readonly stack?: number;
}

/** @throws RangeError when segments overlap a stack */
export function load(image: Image, options: LoadOptions): Machine {
	const cpus = options.cpus ?? 1;
	const stackPages = Math.ceil((options.stack ?? 256 * 1024) / PAGE);
	const imagePages = image.segments.reduce((sum, segment) => sum + pagesOf(segment), 0);
	const pages = imagePages + cpus * stackPages;
	const machine = createMachine({ cpus, memory: pages * PAGE, entries: pages, profile: options.profile });
	for (const segment of image.segments) {
		const first = segment.address - (segment.address % PAGE);
		const physical = takeFrames(machine, pagesOf(segment) * PAGE);
		machine.memory.set(segment.data, physical + (segment.address - first));
		mapPages(machine, 0, first, physical, pagesOf(segment), {
			r: segment.readable,
			w: segment.writable,
			x: segment.executable,
		});
	}
	for (let cpu = 0; cpu < cpus; cpu++) addStack(machine, cpu, stackPages);
	start(machine, 0, image.entry);
	return machine;
}

/** Lets a CPU run from `address` on. */
export function start(machine: Machine, cpu: number, address: number): void {
	setCpu(machine, cpu, Cpu.pc, address);
	setCpu(machine, cpu, Cpu.status, Status.running);
}

function addStack(machine: Machine, cpu: number, pages: number): void {
	const top = STACKS_END - cpu * (pages + 1) * PAGE;
	mapPages(machine, 0, top - pages * PAGE, takeFrames(machine, pages * PAGE), pages, { r: true, w: true, x: false });
	machine.cores[cpu]!.r[SP] = top;
}

function pagesOf(segment: { readonly address: number; readonly memorySize: number }): number {
	return Math.ceil(((segment.address % PAGE) + segment.memorySize) / PAGE);
}
