// A CPU as its instructions see it: registers straight in the machine's buffer, memory through the page table with a
// small direct-mapped cache of translations. `enter` and `leave` carry pc and flags between the buffer and fast fields.
// A class for one reason: the interpreter needs every core to have one shape. It owns no state of the machine.

import { Stop } from "../../linker/isa/core.ts";
import type { Instruction } from "../../linker/isa/instruction-set.ts";
import { emptyFrame } from "./decode-cache.ts";
import { Cpu } from "./layout.ts";
import { isText, writePhysical } from "./memory.ts";
import type { Access } from "./page-entry.ts";
import { isSettled, translate } from "./page-table.ts";
import type { Core, Machine } from "./state.ts";
import { enqueue, isBuffered, loadedByte } from "./store-buffer.ts";

/** Cached translations are pairs {page base, physical - virtual}, direct-mapped by page number. */
const SLOTS = 64;
/** Index of a pair from address bits 12..17, already doubled. */
export const SLOT_MASK = 2 * SLOTS - 2;
export const PAGE_BASE = ~0xfff;
/** Keeps the low two bits as well: an unaligned address never equals a page base. */
export const ALIGNED_PAGE = ~0xffc;
/** Bit 2 is in no page base and in no masked address. */
const NO_PAGE = 4;
/** Stores are atomic within aligned units of this size, and split where they cross. */
const ATOMIC = 8;
const NOTHING_DECODED = emptyFrame();

export class SimulatedCore implements Core {
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

	/** The page instructions come from: its virtual address and decoded form. */
	codePage = 0;
	code: Int32Array = NOTHING_DECODED;
	/** The last instruction that was not executed from the decode cache. */
	fetched: Instruction | undefined;
	/** The last instruction that was executed so, or in the place of one that trapped; whoever looks takes it away. */
	executed: Instruction | undefined;
	/** The bytes of `fetched`, or those that were none. */
	fetchedBytes: Uint8Array = new Uint8Array();
	/** Ticks that the last instruction outside of the dispatcher took. */
	spent = 0;

	/** Physical memory, and the translations that the dispatcher looks up. */
	readonly words: Int32Array;
	readonly bytes: Uint8Array;
	readonly reads = new Int32Array(2 * SLOTS).fill(NO_PAGE);
	readonly writes = new Int32Array(2 * SLOTS).fill(NO_PAGE);

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
		this.reads.fill(NO_PAGE);
		this.writes.fill(NO_PAGE);
		this.code = NOTHING_DECODED;
	}

	load32(address: number): number {
		const slot = (address >>> 11) & SLOT_MASK;
		if (this.reads[slot] !== (address & ALIGNED_PAGE)) return this.loadBytes(address, 4);
		return this.words[(this.reads[slot + 1]! + address) >> 2]!;
	}

	load8(address: number): number {
		const slot = (address >>> 11) & SLOT_MASK;
		if (this.reads[slot] !== (address & PAGE_BASE)) return this.loadBytes(address, 1);
		return this.bytes[(this.reads[slot + 1]! + address) | 0]!;
	}

	store32(address: number, value: number): void {
		const slot = (address >>> 11) & SLOT_MASK;
		if (this.writes[slot] !== (address & ALIGNED_PAGE)) this.storeBytes(address, value, 4);
		else this.words[(this.writes[slot + 1]! + address) >> 2] = value;
	}

	store8(address: number, value: number): void {
		const slot = (address >>> 11) & SLOT_MASK;
		if (this.writes[slot] !== (address & PAGE_BASE)) this.storeBytes(address, value, 1);
		else this.bytes[(this.writes[slot + 1]! + address) | 0] = value;
	}

	private loadBytes(address: number, count: number): number {
		const places = this.placesOf(address, count, "r", Stop.loadFault);
		let value = 0;
		for (const [i, physical] of places.entries()) {
			if (isSettled(this.machine, this.id, address + i)) cache(this.reads, address + i, physical);
			value |= loadedByte(this.machine, this.id, physical) << (8 * i);
		}
		return value;
	}

	/** Translates every byte before it writes the first: a store that faults changes nothing. Atomic within aligned units. */
	private storeBytes(address: number, value: number, count: number): void {
		const places = this.placesOf(address, count, "w", Stop.storeFault);
		const bytes = Uint8Array.from(places, (_, i) => value >> (8 * i));
		for (let from = 0, to = 0; from < places.length; from = to) {
			do to++;
			while (to < places.length && places[to] === places[to - 1]! + 1 && places[to]! % ATOMIC !== 0);
			if (isBuffered(this.machine)) enqueue(this.machine, this.id, places[from]!, bytes.subarray(from, to));
			else writePhysical(this.machine, places[from]!, bytes.subarray(from, to));
		}
		for (const [i, physical] of places.entries()) {
			const code = isText(this.machine, physical);
			if (!code && isSettled(this.machine, this.id, address + i)) cache(this.writes, address + i, physical);
		}
	}

	/** The physical address of each byte of an access, every page translated once: one access within a page uses one
	 * page-table entry. @returns nothing, with the trap set, where a page refuses */
	private placesOf(address: number, count: number, access: Access, stop: number): number[] {
		const places: number[] = [];
		for (let i = 0; i < count; i++) {
			const at = address + i;
			const begins = i === 0 || (at & ~PAGE_BASE) === 0;
			const physical = begins ? translate(this.machine, this.id, at, access) : places[i - 1]! + 1;
			if (physical < 0) {
				this.machine.accesses?.push({ physical, bytes: count });
				this.fault(stop, at);
				return [];
			}
			if (begins) this.machine.accesses?.push({ physical, bytes: count - i });
			places.push(physical);
		}
		return places;
	}

	private fault(stop: number, address: number): void {
		this.stop = stop;
		this.stopValue = address | 0;
	}
}

function cache(translations: Int32Array, address: number, physical: number): void {
	const slot = (address >>> 11) & SLOT_MASK;
	translations[slot] = address & PAGE_BASE;
	translations[slot + 1] = (physical - address) | 0;
}
