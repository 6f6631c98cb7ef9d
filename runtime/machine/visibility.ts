// What a CPU may still see. Shared memory keeps, for every unit of code and every page-table entry that was changed, the
// values it had; each CPU has a *floor* per unit, the oldest value its caches may still deliver, and where the model has
// a fetch queue a *hold*, the oldest value an instruction fetched earlier may have. Barriers raise floors. A history that
// no CPU can tell from the present is forgotten, so equal situations are equal bytes.

import { Cpu, Global, History, Status } from "./layout.ts";
import { getCpu, type Machine, setCpu } from "./state.ts";

/** A unit is a code unit (space -1, physical address) or a page-table entry (address space, page number). */
export const CODE = -1;

/** The two words a unit holds. */
export type Value = readonly [number, number];

/** Notes that a unit changes from `old` to `now`. */
export function record(machine: Machine, space: number, unit: number, old: Value, now: Value): void {
	const index = historyOf(machine, space, unit) ?? newHistory(machine, space, unit, old);
	const at = wordOf(machine, index);
	const { words } = machine;
	if (words[at + History.count] === History.depth) dropOldest(machine, index, 1);
	const newest = words[at + History.count]!++;
	words.set(now, at + History.values + 2 * newest);
	if (space !== CODE || !machine.config.model.cleans) words[at + History.base] = newest;
	for (let cpu = 0; cpu < machine.config.cpus; cpu++) {
		if (getCpu(machine, cpu, Cpu.status) === Status.halted) raise(machine, index, cpu, newest);
		else if (space === CODE && !machine.config.model.caches)
			raise(machine, index, cpu, words[at + History.base]!, "floor");
	}
	forgetIfPlain(machine, index);
}

/** The present value of a unit gives way to another without having been seen: nobody can hold it. Where there is no history
 * there is nothing to do. */
export function replaceNewest(machine: Machine, space: number, unit: number, now: Value): void {
	const index = historyOf(machine, space, unit);
	if (index === undefined) return;
	const at = wordOf(machine, index);
	machine.words.set(now, at + History.values + 2 * (machine.words[at + History.count]! - 1));
}

/** Up to so many histories are searched one by one; beyond, the derived index is asked. */
export const FEW_HISTORIES = 12;

/** Index of the unit's history; undefined when every CPU sees the present. */
export function historyOf(machine: Machine, space: number, unit: number): number | undefined {
	const count = machine.words[Global.histories]!;
	if (count > FEW_HISTORIES) return machine.histories.get(keyOf(space, unit));
	let at = machine.layout.histories >> 2;
	for (let index = 0; index < count; index++, at += machine.layout.historyWords) {
		if (machine.words[at + History.unit] === unit && machine.words[at + History.space] === space) return index;
	}
	return undefined;
}

/** Units of code, from a physical address up to another, of which some CPU may still fetch something older than what
 * memory holds. */
export function unitsInFlux(machine: Machine, from: number, to: number): number[] {
	const units: number[] = [];
	const count = machine.words[Global.histories]!;
	for (let index = 0; index < count; index++) {
		const at = wordOf(machine, index);
		const unit = machine.words[at + History.unit]!;
		if (machine.words[at + History.space] === CODE && unit >= from && unit < to) units.push(unit);
	}
	return units;
}

/** The values that a CPU may observe, oldest first; at least the present one. */
export function visible(machine: Machine, index: number, cpu: number): Value[] {
	const at = wordOf(machine, index);
	const { words } = machine;
	const floors = floorsOf(machine, index);
	const values: Value[] = [];
	for (let i = Math.min(floors[cpu]!, floors[machine.config.cpus + cpu]!); i < words[at + History.count]!; i++) {
		const value: Value = [words[at + History.values + 2 * i]!, words[at + History.values + 2 * i + 1]!];
		if (!values.some(([low, high]) => low === value[0] && high === value[1])) values.push(value);
	}
	return values;
}

/** A value that a CPU may observe: how many values of the unit are newer, and whether a cache or only its queue has it. */
export interface PossibleValue {
	readonly value: Value;
	readonly age: number;
	readonly by: "floor" | "hold";
}

/** What a CPU may observe, oldest first; equal values are told apart by their age. */
export function possibleValues(machine: Machine, index: number, cpu: number): PossibleValue[] {
	const at = wordOf(machine, index);
	const { words } = machine;
	const floors = floorsOf(machine, index);
	const count = words[at + History.count]!;
	const values: PossibleValue[] = [];
	for (let i = Math.min(floors[cpu]!, floors[machine.config.cpus + cpu]!); i < count; i++) {
		const value: Value = [words[at + History.values + 2 * i]!, words[at + History.values + 2 * i + 1]!];
		values.push({ value, age: count - 1 - i, by: i >= floors[cpu]! ? "floor" : "hold" });
	}
	return values;
}

/** A byte of a value of a unit. */
export function byteOf(value: Value, offset: number): number {
	return (value[offset >> 2]! >> (8 * (offset & 3))) & 0xff;
}

/** The CPU executed its instruction barrier, or took an interrupt or trap that does. */
export function serialize(machine: Machine, cpu: number): void {
	if (machine.words[Global.histories] === 0) return;
	const own = machine.config.model.invalidates === "own";
	eachHistory(machine, CODE, (index, at) => {
		if (own) raise(machine, index, cpu, machine.words[at + History.base]!, "floor");
		releaseHold(machine, index, cpu);
	});
	setCpu(machine, cpu, Cpu.holding, 0);
}

/** The data line that holds the unit reaches where fetches look; old values stay in instruction caches. */
export function clean(machine: Machine, unit: number): void {
	const index = historyOf(machine, CODE, unit);
	if (index === undefined) return;
	const at = wordOf(machine, index);
	const newest = machine.words[at + History.count]! - 1;
	machine.words[at + History.base] = newest;
	if (!machine.config.model.caches) eachCpu(machine, (cpu) => raise(machine, index, cpu, newest, "floor"));
	forgetIfPlain(machine, index);
}

/** Every instruction cache drops the unit; what is not cleaned yet may be refetched, and queues keep what they hold. */
export function invalidate(machine: Machine, unit: number): void {
	const index = historyOf(machine, CODE, unit);
	if (index === undefined || machine.config.model.invalidates !== "broadcast") return;
	const base = machine.words[wordOf(machine, index) + History.base]!;
	eachCpu(machine, (cpu) => raise(machine, index, cpu, base, "floor"));
	forgetIfPlain(machine, index);
}

/** The CPU flushed its TLB. */
export function flushTlb(machine: Machine, cpu: number): void {
	eachHistory(machine, undefined, (index, at) => {
		if (machine.words[at + History.space] !== CODE) raise(machine, index, cpu, machine.words[at + History.count]! - 1);
	});
}

/** The CPU executes an instruction that is or was in flux: its queue now holds at most what its caches may deliver from here on. */
export function fetched(machine: Machine, cpu: number): void {
	if (getCpu(machine, cpu, Cpu.holding) === 0) return;
	eachHistory(machine, CODE, (index) => releaseHold(machine, index, cpu));
	setCpu(machine, cpu, Cpu.holding, 0);
}

/** Rebuilds what is derived from the bytes, after they were replaced. */
export function reindexHistories(machine: Machine): void {
	machine.histories.clear();
	for (let index = 0; index < machine.words[Global.histories]!; index++) {
		const at = wordOf(machine, index);
		machine.histories.set(keyOf(machine.words[at + History.space]!, machine.words[at + History.unit]!), index);
	}
}

function keyOf(space: number, unit: number): number {
	return (space + 1) * 2 ** 32 + (unit >>> 0);
}

function wordOf(machine: Machine, index: number): number {
	return (machine.layout.histories >> 2) + index * machine.layout.historyWords;
}

/** Floors of all CPUs, then holds of all CPUs. */
function floorsOf(machine: Machine, index: number): Uint8Array {
	const start = (wordOf(machine, index) + History.floors) * 4;
	return machine.bytes.subarray(start, start + 2 * machine.config.cpus);
}

function eachCpu(machine: Machine, act: (cpu: number) => void): void {
	for (let cpu = 0; cpu < machine.config.cpus; cpu++) act(cpu);
}

/** Visits histories, of one space or all, and forgets those that became plain. Backwards: forgetting moves the last. */
function eachHistory(machine: Machine, space: number | undefined, act: (index: number, at: number) => void): void {
	for (let index = machine.words[Global.histories]! - 1; index >= 0; index--) {
		const at = wordOf(machine, index);
		if (space !== undefined && machine.words[at + History.space] !== space) continue;
		act(index, at);
		forgetIfPlain(machine, index);
	}
}

/** Raises a CPU's floor. Its hold stays behind where the model has a queue and only the floor is meant. */
function raise(machine: Machine, index: number, cpu: number, to: number, what: "floor" | "both" = "both"): void {
	const floors = floorsOf(machine, index);
	const hold = machine.config.cpus + cpu;
	if (floors[cpu]! < to) floors[cpu] = to;
	if (what === "both" || !machine.config.model.queue) floors[hold] = Math.max(floors[hold]!, floors[cpu]!);
	else if (floors[hold]! < floors[cpu]!) setCpu(machine, cpu, Cpu.holding, 1);
}

function releaseHold(machine: Machine, index: number, cpu: number): void {
	const floors = floorsOf(machine, index);
	floors[machine.config.cpus + cpu] = floors[cpu]!;
}

function newHistory(machine: Machine, space: number, unit: number, value: Value): number {
	const index = machine.words[Global.histories]!;
	if (index >= machine.config.histories) throw new RangeError(`more than ${machine.config.histories} units in flux`);
	machine.words[Global.histories] = index + 1;
	const at = wordOf(machine, index);
	machine.words.fill(0, at, at + machine.layout.historyWords);
	machine.words.set([space, unit, 1, 0, ...value], at);
	machine.histories.set(keyOf(space, unit), index);
	return index;
}

/** Drops values that nobody can see; a history of one value is none. */
function forgetIfPlain(machine: Machine, index: number): void {
	const at = wordOf(machine, index);
	const { words } = machine;
	let oldest = words[at + History.base]!;
	for (const floor of floorsOf(machine, index)) oldest = Math.min(oldest, floor);
	if (oldest > 0) dropOldest(machine, index, oldest);
	if (words[at + History.count] !== 1) return;
	machine.histories.delete(keyOf(words[at + History.space]!, words[at + History.unit]!));
	const last = words[Global.histories]! - 1;
	const from = wordOf(machine, last);
	if (last !== index) {
		words.copyWithin(at, from, from + machine.layout.historyWords);
		machine.histories.set(keyOf(words[at + History.space]!, words[at + History.unit]!), index);
	}
	words.fill(0, from, from + machine.layout.historyWords);
	words[Global.histories] = last;
}

/** Forgets the oldest values: those who could see them see the next. */
function dropOldest(machine: Machine, index: number, count: number): void {
	const at = wordOf(machine, index);
	const { words } = machine;
	const values = at + History.values;
	words.copyWithin(values, values + 2 * count, values + 2 * History.depth);
	words[at + History.count]! -= count;
	words.fill(0, values + 2 * words[at + History.count]!, values + 2 * History.depth);
	words[at + History.base] = Math.max(0, words[at + History.base]! - count);
	const floors = floorsOf(machine, index);
	for (let i = 0; i < floors.length; i++) floors[i] = Math.max(0, floors[i]! - count);
}
