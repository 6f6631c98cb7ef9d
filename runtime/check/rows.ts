// A state as a row of words, and back: what the footprint keeps (footprint.ts), in a form in which equal states have equal rows.
//
//   shared: globals | patchers | histories, sorted | memory | page-table entries
//   per CPU: pc | small fields | registers | queue, floors | store buffer | stack     (so that equal CPUs can be sorted)

import { Mask } from "../../linker/isa/core.ts";
import { SP } from "../../linker/isa/sets/toy.ts";
import { FEW_HISTORIES, historyWord, reindexHistories } from "../machine/histories.ts";
import { Cpu, Entry, Global, History, Patcher, Status } from "../machine/layout.ts";
import { putEntry } from "../machine/page-entry.ts";
import { cpuWord, type Machine } from "../machine/state.ts";
import { bufferWord } from "../machine/store-buffer.ts";
import { entryWord, type Shape } from "./footprint.ts";

/** Gathers the state into a row. */
export function pack(shape: Shape, row: Int32Array): void {
	const { system, footprint } = shape;
	const { machine } = system;
	const { words } = machine;
	let to = 0;
	row[to++] = words[Global.lock]!;
	row[to++] = words[Global.armed]!;
	row[to++] = words[Global.window]!;
	for (let patcher = 0; patcher < system.plans.length; patcher++) {
		const at = patcherWord(machine, patcher);
		row[to++] = words[at + Patcher.at]!;
		row[to++] = words[at + Patcher.active]! | (words[at + Patcher.preceding]! << 2);
	}
	const order = sortedHistories(machine);
	row[to++] = order.length | (words[Global.broadcasts]! << 16);
	for (const index of order) to = packHistory(shape, index, row, to);
	const end = to + (footprint.histories - order.length) * shape.history;
	row.fill(0, to, end);
	to = end;
	const memory = machine.layout.memory >> 2;
	for (const physical of footprint.memory) row[to++] = words[memory + (physical >> 2)]!;
	for (const entry of footprint.entries) {
		row[to++] = words[entryWord(machine, entry) + Entry.frame]!;
		row[to++] = words[entryWord(machine, entry) + Entry.flags]!;
	}
	for (let cpu = 0; cpu < machine.config.cpus; cpu++) packCpu(shape, cpu, order, row, shape.shared + cpu * shape.block);
}

/** Whether every patcher has carried out its plan in the state that a row holds. */
export function isFinished({ system }: Shape, row: Int32Array): boolean {
	return system.plans.every(({ steps }, patcher) => row[3 + 2 * patcher] === steps.length);
}

/** Puts the state back that a row holds. */
export function unpack(shape: Shape, row: Int32Array): void {
	const { system, footprint } = shape;
	const { machine } = system;
	const { words } = machine;
	let from = 0;
	words[Global.lock] = row[from++]!;
	words[Global.armed] = row[from++]!;
	words[Global.window] = row[from++]!;
	for (let patcher = 0; patcher < system.plans.length; patcher++) {
		const at = patcherWord(machine, patcher);
		words[at + Patcher.at] = row[from++]!;
		const life = row[from++]!;
		words[at + Patcher.active] = life & 3;
		words[at + Patcher.preceding] = life >>> 2;
	}
	const count = row[from]! & 0xffff;
	words[Global.histories] = count;
	words[Global.broadcasts] = row[from++]! >>> 16;
	for (let index = 0; index < count; index++) unpackHistory(shape, index, row, from + index * shape.history);
	from += footprint.histories * shape.history;
	const memory = machine.layout.memory >> 2;
	for (const physical of footprint.memory) words[memory + (physical >> 2)] = row[from++]!;
	for (const entry of footprint.entries) putEntry(machine, entry, row[from++]!, row[from++]!);
	for (let cpu = 0; cpu < machine.config.cpus; cpu++)
		unpackCpu(shape, cpu, count, row, shape.shared + cpu * shape.block);
	if (count > FEW_HISTORIES) reindexHistories(machine);
}

function patcherWord(machine: Machine, patcher: number): number {
	return (machine.layout.patchers >> 2) + patcher * Patcher.words;
}

/** Indices in order of (space, unit): which slot a history has is an accident of the past. */
function sortedHistories(machine: Machine): number[] {
	const order: number[] = [];
	for (let index = 0; index < machine.words[Global.histories]!; index++) {
		let to = order.length;
		while (to > 0 && isBefore(machine, index, order[to - 1]!)) {
			order[to] = order[to - 1]!;
			to--;
		}
		order[to] = index;
	}
	return order;
}

function isBefore(machine: Machine, a: number, b: number): boolean {
	const left = historyWord(machine, a);
	const right = historyWord(machine, b);
	const { words } = machine;
	const spaces = words[left + History.space]! - words[right + History.space]!;
	return spaces !== 0 ? spaces < 0 : words[left + History.unit]! < words[right + History.unit]!;
}

function packHistory(shape: Shape, index: number, row: Int32Array, to: number): number {
	const { machine } = shape.system;
	const { words, layout } = machine;
	const { values } = shape.footprint;
	const at = historyWord(machine, index);
	row[to] = words[at + History.unit]!;
	row[to + 1] = (words[at + History.space]! << 16) | (words[at + History.count]! << 8) | words[at + History.base]!;
	for (let i = 0; i < 2 * values; i++) row[to + 2 + i] = words[at + History.values + i]!;
	for (let i = 0; shape.queued && i < values; i++)
		row[to + 2 + 2 * values + i] = (words[at + layout.came + i]! << 16) | words[at + layout.went + i]!;
	return to + shape.history;
}

function unpackHistory(shape: Shape, index: number, row: Int32Array, from: number): void {
	const { machine } = shape.system;
	const { words, layout } = machine;
	const { values } = shape.footprint;
	const at = historyWord(machine, index);
	const meta = row[from + 1]!;
	words[at + History.unit] = row[from]!;
	words[at + History.space] = meta >> 16;
	words[at + History.count] = (meta >> 8) & 255;
	words[at + History.base] = meta & 255;
	for (let i = 0; i < 2 * values; i++) words[at + History.values + i] = row[from + 2 + i]!;
	for (let i = 0; shape.queued && i < values; i++) {
		const times = row[from + 2 + 2 * values + i]!;
		words[at + layout.came + i] = times >>> 16;
		words[at + layout.went + i] = times & 0xffff;
	}
}

function packCpu(shape: Shape, cpu: number, order: readonly number[], row: Int32Array, to: number): void {
	const { footprint, stacks, system } = shape;
	const { words, layout } = system.machine;
	const at = cpuWord(system.machine, cpu, 0);
	row[to++] = words[at + Cpu.pc]!;
	row[to++] = smallFields(words, at);
	row[to++] = words[at + Cpu.pending]!;
	for (const word of footprint.registers) row[to++] = relative(shape, cpu, word, words[at + word]!);
	to = packViews(shape, cpu, order, row, to);
	for (let i = 0; i < shape.buffer; i++) row[to++] = words[bufferWord(system.machine, cpu) + i]!;
	const stack = stacks[cpu]!;
	const depth = shape.redZone === undefined ? stack.bytes : stack.top - words[at + SP]! + shape.redZone;
	for (const below of footprint.stack) {
		// Nobody reads what lies below the stack pointer: whoever does is refused (stack-use.ts).
		row[to++] = below > depth ? 0 : words[(layout.memory + stack.physical - below) >> 2]!;
	}
}

/** When a CPU's queue begins, and its floors. */
function packViews(shape: Shape, cpu: number, order: readonly number[], row: Int32Array, to: number): number {
	const { machine } = shape.system;
	const { floorBits, footprint } = shape;
	if (shape.queued) row[to++] = machine.words[cpuWord(machine, cpu, Cpu.queueBegins)]!;
	const perWord = 32 / floorBits;
	for (let first = 0; first < footprint.histories; first += perWord) {
		let floors = 0;
		for (let i = first; i < order.length && i < first + perWord; i++)
			floors |= machine.bytes[floorByte(machine, order[i]!, cpu)]! << (floorBits * (i - first));
		row[to++] = floors;
	}
	return to;
}

function unpackViews(shape: Shape, cpu: number, histories: number, row: Int32Array, from: number): number {
	const { machine } = shape.system;
	const { floorBits, footprint } = shape;
	if (shape.queued) machine.words[cpuWord(machine, cpu, Cpu.queueBegins)] = row[from++]!;
	const perWord = 32 / floorBits;
	for (let first = 0; first < footprint.histories; first += perWord) {
		const floors = row[from++]!;
		for (let i = first; i < histories && i < first + perWord; i++)
			machine.bytes[floorByte(machine, i, cpu)] = (floors >>> (floorBits * (i - first))) & ((1 << floorBits) - 1);
	}
	return from;
}

function floorByte(machine: Machine, history: number, cpu: number): number {
	return 4 * (historyWord(machine, history) + machine.layout.floors) + cpu;
}

function unpackCpu(shape: Shape, cpu: number, histories: number, row: Int32Array, from: number): void {
	const { footprint, stacks, system } = shape;
	const { words, layout } = system.machine;
	const at = cpuWord(system.machine, cpu, 0);
	words[at + Cpu.pc] = row[from++]!;
	setSmallFields(words, at, row[from++]!);
	words[at + Cpu.pending] = row[from++]!;
	for (const word of footprint.registers) words[at + word] = absolute(shape, cpu, word, row[from++]!);
	from = unpackViews(shape, cpu, histories, row, from);
	for (let i = 0; i < shape.buffer; i++) words[bufferWord(system.machine, cpu) + i] = row[from++]!;
	const stack = stacks[cpu]!;
	for (const below of footprint.stack) words[(layout.memory + stack.physical - below) >> 2] = row[from++]!;
}

/** status 4 bits, flags 3, interrupts masked 1, status before parking 4, trap 8, NMIs masked 1. */
function smallFields(words: Int32Array, at: number): number {
	const status = words[at + Cpu.status]!;
	const trap = status === Status.trapped || status === Status.hostCall ? words[at + Cpu.stop]! : 0;
	return (
		status |
		(words[at + Cpu.flags]! << 4) |
		((words[at + Cpu.masked]! & Mask.interrupts) << 7) |
		((words[at + Cpu.masked]! & Mask.nmis) << 24) |
		(words[at + Cpu.before]! << 12) |
		(trap << 16)
	);
}

function setSmallFields(words: Int32Array, at: number, fields: number): void {
	words[at + Cpu.status] = fields & 15;
	words[at + Cpu.flags] = (fields >> 4) & 7;
	words[at + Cpu.masked] = ((fields >> 7) & Mask.interrupts) | ((fields >> 24) & Mask.nmis);
	words[at + Cpu.before] = (fields >> 12) & 15;
	words[at + Cpu.stop] = (fields >> 16) & 255;
}

/** Where CPUs may change places, a CPU's stack pointer is kept as CPU 0 would have it, so that CPUs that do the same are the
 * same. No other word tells whose stack is whose (stack-use.ts). */
function relative({ symmetric, stacks }: Shape, cpu: number, field: number, value: number): number {
	return symmetric && field === SP ? value - stacks[cpu]!.top + stacks[0]!.top : value;
}

function absolute({ symmetric, stacks }: Shape, cpu: number, field: number, value: number): number {
	return symmetric && field === SP ? value - stacks[0]!.top + stacks[cpu]!.top : value;
}

/** Sorts the blocks of equal CPUs: which of them is in which situation does not matter, since they run the same program
 * and nothing names a CPU. */
export function sortBlocks(shape: Shape, group: readonly number[], row: Int32Array, places: number[]): void {
	const { block, shared } = shape;
	for (let i = 1; i < group.length; i++) {
		for (let j = i; j > 0; j--) {
			const a = shared + group[j - 1]! * block;
			const b = shared + group[j]! * block;
			let k = 0;
			while (k < block && row[a + k] === row[b + k]) k++;
			if (k === block || row[a + k]! < row[b + k]!) break;
			const left = places[group[j - 1]!]!;
			places[group[j - 1]!] = places[group[j]!]!;
			places[group[j]!] = left;
			for (let w = 0; w < block; w++) {
				const word = row[a + w]!;
				row[a + w] = row[b + w]!;
				row[b + w] = word;
			}
		}
	}
}
