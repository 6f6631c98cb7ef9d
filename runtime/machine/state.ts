// The state of a machine: plain data over one buffer, and views of it. Everything beside the buffer is derived from it
// and can be dropped at any time. machine.ts makes one, run.ts moves it.

import { ArgumentError, PatchbayError } from "../../linker/errors.ts";
import type { Core as InstructionCore } from "../../linker/isa/core.ts";
import type { Instruction } from "../../linker/isa/instruction-set.ts";
import { type BufferLayout, Cpu, Global } from "./layout.ts";
import type { Model } from "./model.ts";
import type { FetchNote, InstructionTlb, Watch } from "./observers.ts";
import type { CostProfile } from "./profile.ts";

/** Bytes of a small page. */
export const PAGE = 4096;

/** What a machine is made with. It does not change while the machine runs. */
export interface MachineConfig {
	readonly cpus: number;
	/** Bytes of physical memory; a multiple of the page size. */
	readonly memory: number;
	/** Page-table entries, over all address spaces. */
	readonly entries: number;
	readonly profile: CostProfile;
	readonly model: Model;
	/** Patchers that may be at work at once. */
	readonly patchers: number;
	/** Units and page-table entries that may be in flux at once. */
	readonly histories: number;
	/** Values of one of them that CPUs may see at once: 2 to 255. */
	readonly values: number;
	/** Stores that may wait in a CPU's buffer, on models that have one. */
	readonly stores: number;
	/** Which of the values a CPU may see it does see. */
	readonly fetch: FetchPolicy;
	/** The seed of the random choices that `fetch` makes. */
	readonly seed: number;
}

/** `fresh`: always the newest. `stale`: the adversary, mostly the oldest, unit by unit. `random`: any. `chosen`: what
 * `Machine.oracle` says. */
export type FetchPolicy = "fresh" | "stale" | "random" | "chosen";
/** Every `FetchPolicy`. */
export const fetchPolicies: readonly FetchPolicy[] = ["fresh", "stale", "random", "chosen"];

/** What a machine has room for; beyond, it would have to forget what some CPU may see. */
export type Bound = "units" | "values" | "stores";

/** There is no room for what happens. Whoever drives the machine ends here: its state is not to be gone on with. */
export class BoundReached extends PatchbayError {
	override readonly name = "BoundReached";
	override readonly reason: string;
	readonly bound: Bound;
	readonly limit: number;

	constructor(bound: Bound, limit: number) {
		const reason = `more than ${limit} ${boundTexts[bound]}`;
		super(reason);
		this.reason = reason;
		this.bound = bound;
		this.limit = limit;
	}
}

const boundTexts: Record<Bound, string> = {
	units: "units of code and page-table entries of which some CPU may see an older value",
	values: "values that a unit of code, or a page-table entry, had and some CPU may see",
	stores: "stores that wait in a store buffer",
};

/** Answers the choices of one step: the next answer, and how many answers each question had so far. */
export interface Oracle {
	readonly answers: number[];
	readonly options: number[];
}

/** A CPU as its instructions and the dispatcher see it (core.ts): registers in the machine's buffer, the fields that are
 * carried out of it and back, and what it caches. */
export interface Core extends InstructionCore {
	readonly machine: Machine;
	readonly id: number;
	pc: number;
	/** Clock in ticks, instructions executed. */
	readonly counters: Float64Array;
	/** This CPU's part of the branch predictors. */
	readonly predictor: Int32Array;
	/** The page instructions come from: its virtual address and decoded form. */
	codePage: number;
	code: Int32Array;
	/** The last instruction that was not executed from the decode cache. */
	fetched: Instruction | undefined;
	/** The last instruction that was executed so, or in the place of one that trapped; whoever looks takes it away. */
	executed: Instruction | undefined;
	/** The bytes of `fetched`, or those that were none. */
	fetchedBytes: Uint8Array;
	/** Ticks that the last instruction outside of the dispatcher took. */
	spent: number;
	/** Physical memory, and the translations that the dispatcher looks up. */
	readonly words: Int32Array;
	readonly bytes: Uint8Array;
	readonly reads: Int32Array;
	readonly writes: Int32Array;
	/** Takes pc and flags out of the buffer, and puts them back. */
	enter(): void;
	leave(): void;
	/** Drops every cached translation: the page table changed, or this CPU flushed its TLB. */
	forgetTranslations(): void;
}

/** Physical memory that an instruction loaded from or stored to; -1: there is none, and it faulted. */
export interface Access {
	readonly physical: number;
	readonly bytes: number;
}

/**
 * A machine: its configuration, and one buffer that holds all of its state, with views of it. What is derived from
 * the buffer, or notes what happens, says so.
 */
export interface Machine {
	readonly config: MachineConfig;
	readonly layout: BufferLayout;
	readonly buffer: ArrayBuffer;
	/** The whole buffer as signed words. */
	readonly words: Int32Array;
	/** The whole buffer as bytes. */
	readonly bytes: Uint8Array;
	/** Physical memory. */
	readonly memory: Uint8Array;
	readonly cores: readonly Core[];
	/** Derived: physical frame number -> its decoded instructions (decode-cache.ts). */
	readonly decoded: Map<number, Int32Array>;
	/** Derived: key of (space, page) -> index of the page-table entry. */
	readonly entries: Map<number, number>;
	/** Derived: frames that some entry maps executable, with how many do. */
	readonly codeFrames: Map<number, number>;
	/** Derived: (space, unit) -> index of its history. */
	readonly histories: Map<number, number>;
	readonly oracle: Oracle;
	/** When set: which fetches are noted (watch.ts). */
	watch: Watch | undefined;
	/** When set: what each fetch of a unit in flux could deliver, and did; whoever wants to know takes it away. */
	fetches: FetchNote[] | undefined;
	/** When set: the instruction TLBs whose misses are counted (instruction-tlb.ts). */
	instructionTlbs: readonly InstructionTlb[] | undefined;
	/** When set: loads and stores of CPUs that were not served from cached translations, the part in each page apart. */
	accesses: Access[] | undefined;
	/** When set: the physical addresses of words that were stored to, for whoever keeps track. */
	written: number[] | undefined;
}

export function cpuWord(machine: Machine, cpu: number, field: number): number {
	return (machine.layout.cpuBlocks >> 2) + cpu * Cpu.words + field;
}

/** One word of a CPU's state. @param field a word of `Cpu` (layout.ts) */
export function getCpu(machine: Machine, cpu: number, field: number): number {
	return machine.words[cpuWord(machine, cpu, field)]!;
}

/** Sets one word of a CPU's state. @param field a word of `Cpu` (layout.ts) */
export function setCpu(machine: Machine, cpu: number, field: number, value: number): void {
	machine.words[cpuWord(machine, cpu, field)] = value;
}

/** @throws ArgumentError when there is no such CPU */
export function coreAt({ cores }: Machine, cpu: number): Core {
	return cores[cpu] ?? failCpu(cores.length, cpu);
}

function failCpu(cpus: number, cpu: number): never {
	throw new ArgumentError(`no cpu${cpu}: the machine has ${cpus}`);
}

/** A CPU's clock in ticks, or its instruction count. */
export function getCounter(machine: Machine, cpu: number, field: number): number {
	return coreAt(machine, cpu).counters[(field - Cpu.clock) >> 1]!;
}

/**
 * Adds to a CPU's clock.
 * @param field `Cpu.clock` or `Cpu.instructions`
 * @param ticks how many ticks, or instructions
 * @throws ArgumentError when there is no such CPU
 */
export function addCounter(machine: Machine, cpu: number, field: number, ticks: number): void {
	coreAt(machine, cpu).counters[(field - Cpu.clock) >> 1]! += ticks;
}

/** The double in the buffer that says to which clock a turn lasts that a pause cut short. */
export function turnEnd(machine: Machine): Float64Array {
	return new Float64Array(machine.buffer, Global.turnEnd * 4, 1);
}

/** Forgets what is left of a turn: it is over, or somebody from outside changes who is due. */
export function endTurn(machine: Machine): void {
	if (machine.words[Global.turn] === 0) return;
	machine.words[Global.turn] = 0;
	turnEnd(machine)[0] = 0;
}

/** Takes the next free physical frames. @returns the physical address @throws RangeError when memory is used up */
export function takeFrames(machine: Machine, bytes: number): number {
	const first = machine.words[Global.frames]!;
	const count = Math.ceil(bytes / PAGE);
	if ((first + count) * PAGE > machine.config.memory) {
		throw new ArgumentError(
			`out of physical memory: ${count} pages wanted, ${machine.config.memory / PAGE - first} left`,
		);
	}
	machine.words[Global.frames] = first + count;
	return first * PAGE;
}

/** Which of `options` possibilities happens, the last being the newest. */
export function choose(machine: Machine, options: number): number {
	if (options === 1) return 0;
	switch (machine.config.fetch) {
		case "fresh":
			return options - 1;
		case "stale":
			return random(machine, 4) < 3 ? 0 : options - 1;
		case "random":
			return random(machine, options);
		case "chosen": {
			const { answers, options: asked } = machine.oracle;
			asked.push(options);
			return answers[asked.length - 1] ?? 0;
		}
	}
}

/** The next number below `bound` (whole, positive), from the machine's own xorshift. */
export function random(machine: Machine, bound: number): number {
	let x = machine.words[Global.random]!;
	x ^= x << 13;
	x ^= x >>> 17;
	x ^= x << 5;
	machine.words[Global.random] = x;
	return (x >>> 0) % bound;
}
