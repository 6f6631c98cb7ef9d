// A CPU as its instructions see it: registers straight in the machine's buffer, memory through the page table with a
// small direct-mapped cache of translations. `enter` and `leave` carry pc and flags between the buffer and fast fields.
// A class for one reason: the interpreter needs every core to have one shape. It owns no state of the machine.

import { type Core as InstructionCore, Stop } from "../../linker/isa/core.ts";
import { Cpu } from "./layout.ts";
import type { Machine } from "./machine.ts";
import { translate, writePhysical } from "./memory.ts";

const SLOTS = 64;
const NO_PAGE = -1;

export class Core implements InstructionCore {
	readonly machine: Machine;
	readonly id: number;
	readonly r: Int32Array;
	/** Clock in ticks, instructions executed. */
	readonly counters: Float64Array;
	/** This CPU's part of the branch predictors. */
	readonly predictor: Int32Array;
	pc = 0;
	flags = 0;
	masked = 0;
	stop: number = Stop.none;
	stopValue = 0;

	/** The page instructions come from: its virtual address and decoded form; undefined before the first fetch. */
	codePage = 0;
	codeFrame = 0;
	code: Int32Array | undefined;
	/** Immediate of an instruction that `fetchInstruction` just delivered. */
	fetchedImm = 0;

	private readonly words: Int32Array;
	private readonly bytes: Uint8Array;
	private readonly readPages = new Int32Array(SLOTS).fill(NO_PAGE);
	private readonly readFrames = new Int32Array(SLOTS);
	private readonly writePages = new Int32Array(SLOTS).fill(NO_PAGE);
	private readonly writeFrames = new Int32Array(SLOTS);

	constructor(machine: Machine, id: number) {
		const { layout, buffer } = machine;
		const block = layout.cpuBlocks + id * Cpu.words * 4;
		this.machine = machine;
		this.id = id;
		this.r = new Int32Array(buffer, block, 16);
		this.counters = new Float64Array(buffer, block + Cpu.clock * 4, 2);
		this.predictor = new Int32Array(buffer, layout.predictors + id * layout.predictorWords * 4, layout.predictorWords);
		this.words = new Int32Array(buffer, layout.memory, machine.config.memory >> 2);
		this.bytes = machine.memory;
	}

	enter(): void {
		const block = (this.machine.layout.cpuBlocks >> 2) + this.id * Cpu.words;
		const words = this.machine.words;
		this.pc = words[block + Cpu.pc]!;
		this.flags = words[block + Cpu.flags]!;
		this.masked = words[block + Cpu.masked]!;
		this.stop = Stop.none;
		this.stopValue = 0;
	}

	leave(): void {
		const block = (this.machine.layout.cpuBlocks >> 2) + this.id * Cpu.words;
		const words = this.machine.words;
		words[block + Cpu.pc] = this.pc;
		words[block + Cpu.flags] = this.flags;
		words[block + Cpu.masked] = this.masked;
	}

	/** Drops every cached translation: the page table changed, or this CPU flushed its TLB. */
	forgetTranslations(): void {
		this.readPages.fill(NO_PAGE);
		this.writePages.fill(NO_PAGE);
		this.code = undefined;
	}

	load32(address: number): number {
		const page = address >>> 12;
		const slot = page & (SLOTS - 1);
		if (this.readPages[slot] === page && (address & 3) === 0) {
			return this.words[(this.readFrames[slot]! + (address & 0xfff)) >> 2]!;
		}
		return this.loadBytes(address, 4);
	}

	load8(address: number): number {
		const page = address >>> 12;
		const slot = page & (SLOTS - 1);
		if (this.readPages[slot] === page) return this.bytes[this.readFrames[slot]! + (address & 0xfff)]!;
		return this.loadBytes(address, 1);
	}

	store32(address: number, value: number): void {
		const page = address >>> 12;
		const slot = page & (SLOTS - 1);
		if (this.writePages[slot] === page && (address & 3) === 0) {
			this.words[(this.writeFrames[slot]! + (address & 0xfff)) >> 2] = value;
		} else this.storeBytes(address, value, 4);
	}

	store8(address: number, value: number): void {
		const page = address >>> 12;
		const slot = page & (SLOTS - 1);
		if (this.writePages[slot] === page) this.bytes[this.writeFrames[slot]! + (address & 0xfff)] = value;
		else this.storeBytes(address, value, 1);
	}

	private loadBytes(address: number, count: number): number {
		let value = 0;
		for (let i = 0; i < count; i++) {
			const at = address + i;
			const physical = translate(this.machine, this.id, at, "r");
			if (physical < 0) return this.fault(Stop.loadFault, at);
			this.cache(this.readPages, this.readFrames, at, physical);
			value |= this.bytes[physical]! << (8 * i);
		}
		return value;
	}

	/** Translates every byte before it writes the first: a store that faults changes nothing. */
	private storeBytes(address: number, value: number, count: number): void {
		const places: number[] = [];
		for (let i = 0; i < count; i++) {
			const physical = translate(this.machine, this.id, address + i, "w");
			if (physical < 0) {
				this.fault(Stop.storeFault, address + i);
				return;
			}
			places.push(physical);
		}
		for (const [i, physical] of places.entries()) {
			writePhysical(this.machine, physical, Uint8Array.of(value >> (8 * i)));
			if (!this.machine.decoded.has(physical >>> 12))
				this.cache(this.writePages, this.writeFrames, address + i, physical);
		}
	}

	private cache(pages: Int32Array, frames: Int32Array, address: number, physical: number): void {
		const page = address >>> 12;
		pages[page & (SLOTS - 1)] = page;
		frames[page & (SLOTS - 1)] = physical & ~0xfff;
	}

	private fault(stop: number, address: number): number {
		this.stop = stop;
		this.stopValue = address | 0;
		return 0;
	}
}
