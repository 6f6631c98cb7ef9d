// The values that units in flux had: a table of histories in the machine's buffer, and how a value gets in and out. Who may see
// which of them is visibility.ts.
//
//   space | unit | count | base | values, oldest first | (came and went, where there is a queue) | floors, a byte per CPU

import { Global, History } from "./layout.ts";
import { BoundReached, type Machine } from "./state.ts";

/** A unit is a code unit (space -1, physical address), a page-table entry (address space, page number), or the tag of a virtual
 * instruction cache (`tagSpace` of the address space, page number). */
export const CODE = -1;

/** The space under which a virtual instruction cache keeps what the pages of an address space were mapped to, and back. */
export function tagSpace(space: number): number {
	return CODE - 1 - space;
}

/** The kinds of unit, by their space. */
const kinds = {
	code: (space: number) => space === CODE,
	entries: (space: number) => space >= 0,
	tags: (space: number) => space < CODE,
	all: () => true,
};

/** The two words a unit holds. */
export type Value = readonly [number, number];

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
		const at = historyWord(machine, index);
		const unit = machine.words[at + History.unit]!;
		if (machine.words[at + History.space] === CODE && unit >= from && unit < to) units.push(unit);
	}
	return units;
}

/** How many bytes of code some CPU may fetch older than memory holds them, whole units counted. Undefined where fetches are
 * always of the newest, so that nobody keeps account. */
export function bytesInFlux(machine: Machine): number | undefined {
	const { model, fetch } = machine.config;
	if (model.unit === 0 || fetch === "fresh") return undefined;
	return unitsInFlux(machine, 0, Number.POSITIVE_INFINITY).length * model.unit;
}

/** Where a history lies. */
export function historyWord(machine: Machine, index: number): number {
	return (machine.layout.histories >> 2) + index * machine.layout.historyWords;
}

/** The floors of a history: for each CPU, the index of the oldest value it may see. */
export function floorsOf(machine: Machine, index: number): Uint8Array {
	const start = (historyWord(machine, index) + machine.layout.floors) * 4;
	return machine.bytes.subarray(start, start + machine.config.cpus);
}

export function newHistory(machine: Machine, space: number, unit: number, value: Value): number {
	const index = machine.words[Global.histories]!;
	if (index >= machine.config.histories) throw new BoundReached("units", machine.config.histories);
	machine.words[Global.histories] = index + 1;
	const at = historyWord(machine, index);
	machine.words.fill(0, at, at + machine.layout.historyWords);
	machine.words.set([space, unit, 1, 0, ...value], at);
	machine.histories.set(keyOf(space, unit), index);
	return index;
}

/** Puts a value behind the others. @returns its index @throws BoundReached when there is no room for it */
export function append(machine: Machine, index: number, value: Value): number {
	const { words, layout } = machine;
	const at = historyWord(machine, index);
	const newest = words[at + History.count]!;
	if (newest === layout.values) throw new BoundReached("values", layout.values);
	words.set(value, at + History.values + 2 * newest);
	words[at + History.count] = newest + 1;
	return newest;
}

/** Takes out so many values, from one on. Who could see them as the oldest sees those behind them. */
export function dropValues(machine: Machine, index: number, first: number, count: number): void {
	const { words, layout, config } = machine;
	const at = historyWord(machine, index);
	const before = words[at + History.count]!;
	const close = (start: number, width: number): void => {
		const end = start + width * before;
		words.copyWithin(start + width * first, start + width * (first + count), end);
		words.fill(0, end - width * count, end);
	};
	close(at + History.values, 2);
	if (config.model.queue) for (const part of [layout.came, layout.went]) close(at + part, 1);
	words[at + History.count] = before - count;
	const moved = (value: number): number => (value >= first + count ? value - count : Math.min(value, first));
	words[at + History.base] = moved(words[at + History.base]!);
	const floors = floorsOf(machine, index);
	for (let cpu = 0; cpu < floors.length; cpu++) floors[cpu] = moved(floors[cpu]!);
}

/** Drops the values that nobody can see; a history of one value is none. */
export function forgetUnseen(machine: Machine, index: number): void {
	const { words } = machine;
	const at = historyWord(machine, index);
	const floors = floorsOf(machine, index);
	let oldest = floors[0]!;
	for (let cpu = 1; cpu < floors.length; cpu++) if (floors[cpu]! < oldest) oldest = floors[cpu]!;
	if (oldest > 0) dropValues(machine, index, 0, oldest);
	if (words[at + History.count] !== 1) return;
	machine.histories.delete(keyOf(words[at + History.space]!, words[at + History.unit]!));
	const last = words[Global.histories]! - 1;
	const from = historyWord(machine, last);
	if (last !== index) {
		words.copyWithin(at, from, from + machine.layout.historyWords);
		machine.histories.set(keyOf(words[at + History.space]!, words[at + History.unit]!), index);
	}
	words.fill(0, from, from + machine.layout.historyWords);
	words[Global.histories] = last;
}

/** Visits the histories of a kind of unit, and forgets what nobody sees any more. Backwards: forgetting moves the last. */
export function eachHistory(
	machine: Machine,
	which: keyof typeof kinds,
	act: (index: number, at: number) => void,
): void {
	const isMeant = kinds[which];
	for (let index = machine.words[Global.histories]! - 1; index >= 0; index--) {
		const at = historyWord(machine, index);
		if (!isMeant(machine.words[at + History.space]!)) continue;
		act(index, at);
		forgetUnseen(machine, index);
	}
}

/** Rebuilds what is derived from the bytes, after they were replaced. */
export function reindexHistories(machine: Machine): void {
	machine.histories.clear();
	for (let index = 0; index < machine.words[Global.histories]!; index++) {
		const at = historyWord(machine, index);
		machine.histories.set(keyOf(machine.words[at + History.space]!, machine.words[at + History.unit]!), index);
	}
}

function keyOf(space: number, unit: number): number {
	return (space + 1) * 2 ** 32 + (unit >>> 0);
}
