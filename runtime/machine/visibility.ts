// What a CPU may still see. Shared memory keeps, for every unit of code and every page-table entry that was changed, the
// values it had; each CPU has a *floor* per unit, the oldest value it may still observe, and barriers raise floors. A value
// that no CPU can see is forgotten, and none that some CPU can see ever is: where there is no room for it, that is the bound
// of this machine (`BoundReached`). A history that no CPU can tell from the present is none, so equal situations are equal
// bytes. Where the model has a fetch queue, a CPU may also hold what its caches do not have any more (fetch-queue.ts).

import { beginQueue, cameOf, settleTime, takeFromCaches } from "./fetch-queue.ts";
import {
	append,
	CODE,
	dropValues,
	eachHistory,
	floorsOf,
	forgetUnseen,
	historyOf,
	historyWord,
	newHistory,
	tagSpace,
	type Value,
} from "./histories.ts";
import { Cpu, Global, History, Status } from "./layout.ts";
import { getCpu, type Machine } from "./state.ts";

/** Notes that a unit changes from `old` to `now`. @throws BoundReached when some CPU may see a value and there is no room for it */
export function record(machine: Machine, space: number, unit: number, old: Value, now: Value): void {
	const { words, config, layout } = machine;
	const { caches, cleans, queue } = config.model;
	const index = historyOf(machine, space, unit) ?? newHistory(machine, space, unit, old);
	const at = historyWord(machine, index);
	const code = space === CODE;
	const everywhere = code && !caches && !cleans;
	if (everywhere && queue) takeFromCaches(machine, index, words[at + History.count]!);
	dropEarlier(machine, at, index, now);
	const newest = append(machine, index, now);
	if (queue && code) words[at + layout.came + newest] = words[Global.broadcasts]!;
	if (!code || !cleans) words[at + History.base] = newest;
	const floors = floorsOf(machine, index);
	for (let cpu = 0; cpu < config.cpus; cpu++)
		if ((everywhere && !queue) || getCpu(machine, cpu, Cpu.status) === Status.halted) floors[cpu] = newest;
	forgetUnseen(machine, index);
	settleTime(machine);
}

/** The present value of a unit gives way to another without having been seen: nobody can hold it. Where there is no history
 * there is nothing to do. */
export function replaceNewest(machine: Machine, space: number, unit: number, now: Value): void {
	const index = historyOf(machine, space, unit);
	if (index === undefined) return;
	const at = historyWord(machine, index);
	dropEarlier(machine, at, index, now);
	machine.words.set(now, at + History.values + 2 * (machine.words[at + History.count]! - 1));
	forgetUnseen(machine, index);
}

/** A value that comes again is seen by whoever may see it from where it is now: where it was before tells nobody more. That is so
 * while no queue can tell when it was fetched. */
function dropEarlier(machine: Machine, at: number, index: number, [low, high]: Value): void {
	const { words, layout, config } = machine;
	const queued = config.model.queue && words[at + History.space] === CODE;
	for (let i = 0; i < words[at + History.count]!; i++) {
		const value = at + History.values + 2 * i;
		if (words[value] !== low || words[value + 1] !== high) continue;
		if (queued && words[at + layout.came + i] !== words[Global.broadcasts]) continue;
		dropValues(machine, index, i, 1);
		return;
	}
}

/** The values that a CPU may observe, oldest first; at least the present one. */
export function visible(machine: Machine, index: number, cpu: number): Value[] {
	const at = historyWord(machine, index);
	const { words } = machine;
	const values: Value[] = [];
	for (let i = floorsOf(machine, index)[cpu]!; i < words[at + History.count]!; i++) {
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
	const at = historyWord(machine, index);
	const { words, layout, config } = machine;
	const count = words[at + History.count]!;
	const values: PossibleValue[] = [];
	for (let i = floorsOf(machine, index)[cpu]!; i < count; i++) {
		const value: Value = [words[at + History.values + 2 * i]!, words[at + History.values + 2 * i + 1]!];
		const isHeld = config.model.queue && words[at + layout.went + i] !== 0;
		values.push({ value, age: count - 1 - i, by: isHeld ? "hold" : "floor" });
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
	const { invalidates, queue, tag } = machine.config.model;
	if (invalidates === "own")
		eachHistory(machine, "code", (index, at) => raise(machine, index, cpu, machine.words[at + History.base]!));
	if (tag === "virtual") eachHistory(machine, "tags", (index, at) => emptyTagged(machine, index, cpu, at));
	if (queue) beginQueue(machine, cpu);
	settleTime(machine);
}

/** The data line that holds the unit reaches where fetches look; old values stay in instruction caches. */
export function clean(machine: Machine, unit: number): void {
	const index = historyOf(machine, CODE, unit);
	if (index === undefined) return;
	const at = historyWord(machine, index);
	machine.words[at + History.base] = machine.words[at + History.count]! - 1;
	if (!machine.config.model.caches) broadcast(machine, index);
}

/** Every instruction cache drops the unit; what is not cleaned yet may be refetched, and queues keep what they hold. */
export function invalidate(machine: Machine, unit: number): void {
	const index = historyOf(machine, CODE, unit);
	if (index !== undefined && machine.config.model.invalidates === "broadcast") broadcast(machine, index);
}

/** From here on nobody fetches anything older than what is cleaned. */
function broadcast(machine: Machine, index: number): void {
	const base = machine.words[historyWord(machine, index) + History.base]!;
	if (machine.config.model.queue) takeFromCaches(machine, index, base);
	else for (const { id } of machine.cores) raise(machine, index, id, base);
	forgetUnseen(machine, index);
	settleTime(machine);
}

/** The CPU flushed its TLB. A virtual instruction cache keeps what it has. */
export function flushTlb(machine: Machine, cpu: number): void {
	eachHistory(machine, "entries", (index, at) => raiseToNewest(machine, index, cpu, at));
}

/** The CPU halted for good, and sees nothing any more: what only it could have seen is forgotten. */
export function forgetViews(machine: Machine, cpu: number): void {
	eachHistory(machine, "all", (index, at) => raiseToNewest(machine, index, cpu, at));
	settleTime(machine);
}

/** When a value that a CPU may see came, as its fetch queue counts; 0 on models without a queue. */
export function whenCame(machine: Machine, index: number, cpu: number, value: Value): number {
	return machine.config.model.queue ? cameOf(machine, index, cpu, value) : 0;
}

/** The CPU executes what came at a time: all that its queue still holds was fetched then or later. */
export function fetched(machine: Machine, cpu: number, time: number): void {
	if (time === 0) return;
	beginQueue(machine, cpu, time);
	settleTime(machine);
}

/** A virtual instruction cache drops the lines of a page. It may be filled again by what the CPU's TLB still has. */
function emptyTagged(machine: Machine, index: number, cpu: number, at: number): void {
	const { words } = machine;
	const entry = historyOf(machine, tagSpace(words[at + History.space]!), words[at + History.unit]!);
	const held = entry === undefined ? [] : visible(machine, entry, cpu);
	const floors = floorsOf(machine, index);
	const newest = words[at + History.count]! - 1;
	const refills = (value: number): boolean => {
		const from = at + History.values + 2 * value;
		return held.some(([low, high]) => low === words[from] && high === words[from + 1]);
	};
	while (floors[cpu]! < newest && !refills(floors[cpu]!)) floors[cpu]!++;
}

function raiseToNewest(machine: Machine, index: number, cpu: number, at: number): void {
	raise(machine, index, cpu, machine.words[at + History.count]! - 1);
}

function raise(machine: Machine, index: number, cpu: number, to: number): void {
	const floors = floorsOf(machine, index);
	if (floors[cpu]! < to) floors[cpu] = to;
}
