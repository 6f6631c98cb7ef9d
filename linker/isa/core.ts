// What an instruction may touch of the CPU that executes it. The machine (runtime/machine) implements this
// interface over its typed arrays; the instruction table (sets/) is written against it.

/** Why a CPU left the straight path. Below `FIRST_EVENT` the instruction did not happen and `pc` is its own address;
 * from there on it completed and asks the machine for something. */
export const Stop = {
	none: 0,
	/** No instruction has this encoding. value: the first byte. */
	illegal: 1,
	breakpoint: 2,
	/** Fetched from a page that is absent or not executable. value: the address. */
	fetchFault: 3,
	/** value: the address. */
	loadFault: 4,
	/** value: the address. */
	storeFault: 5,
	/** A trapping form left 32 bits. */
	overflow: 6,
	/** `bound` found its index out of range. value: the index. */
	bounds: 7,
	/** Remainder by zero in a trapping form. */
	divide: 8,
	/** A CPU that goes one step at a time went one: that instruction did happen, and `pc` is where it led. */
	step: 9,
	/** value: the number of the host call. */
	ecall: 64,
	serialize: 65,
	fence: 66,
	/** value: the address whose line is cleaned. */
	clean: 67,
	/** value: the address whose line is invalidated. */
	invalidate: 68,
	halt: 69,
	/** Wait for an interrupt. */
	idle: 70,
	/** Interrupts were just unmasked: pending ones are due. */
	unmask: 71,
} as const;
/** One of the values of `Stop`: what `Core.stop` holds. */
export type Stop = (typeof Stop)[keyof typeof Stop];
/** The least `Stop` of an instruction that completed; lesser ones are faults, and the instruction did not happen. */
export const FIRST_EVENT = 64;

/** What a CPU does not take: interrupts, and NMIs as well while it handles one. */
export const Mask = { interrupts: 1, nmis: 2 } as const;

/** One CPU as its instructions see it: registers, flags, and memory through the CPU's own translations. */
export interface Core {
	/** r0..r15; r15 is the stack pointer. */
	readonly r: Int32Array;
	/** The last comparison: bit 0 equal, bit 1 less (signed), bit 2 less (unsigned). */
	flags: number;
	/** The bits of `Mask`; interrupts are taken while none is set. */
	masked: number;
	readonly id: number;
	/** A `Stop`. Set it instead of throwing. */
	stop: number;
	stopValue: number;
	/** Loads and stores set `stop` on a fault; a load then returns 0 and a store changes nothing. */
	load32(address: number): number;
	load8(address: number): number;
	store32(address: number, value: number): void;
	store8(address: number, value: number): void;
}

/** Executes an instruction with its operand fields. `next` is the address after it, as a signed 32-bit number.
 * @returns where control goes, from an instruction that may transfer it; nothing from the others. Meaningless when it
 * set `core.stop` to a trap. */
export type Execute = (core: Core, a: number, b: number, c: number, imm: number, next: number) => number | undefined;
