// The fetch queue of a CPU, on models that have one: instructions that it fetched, in order, long before it executes them.
// Invalidations do not reach into it; the CPU's own SERIALIZE empties it.
//
// Time counts in *broadcasts*: each takes values out of every instruction cache at once. A value has when it came (how many
// broadcasts there had been) and when it went (1 + the number of the broadcast that took it; 0: it is still there). A CPU has when
// its queue begins: what it executes next was fetched then or later, so it may be any value that had not gone by then.
// Whoever executes a value fetched it no earlier than when it came, and all that follows in the queue after that:
//
//   store g     invalidate f       store f          a CPU that executes the new f, from a queue of the beginning, may
//   ----|-------------|---------------|------->     find neither old g nor old f behind it if both were invalidated
//             broadcast 0                           before f was stored, and both if not.

import { CODE, dropValues, eachHistory, floorsOf, historyWord, type Value } from "./histories.ts";
import { Cpu, Global, History, Status } from "./layout.ts";
import { cpuWord, getCpu, type Machine, setCpu } from "./state.ts";

/** A broadcast takes the values before an index out of every instruction cache. */
export function takeFromCaches(machine: Machine, index: number, before: number): void {
	const { words, layout } = machine;
	const went = historyWord(machine, index) + layout.went;
	let takes = false;
	for (let i = 0; i < before; i++) {
		if (words[went + i] !== 0) continue;
		words[went + i] = words[Global.broadcasts]! + 1;
		takes = true;
	}
	if (takes) words[Global.broadcasts]!++;
}

/** The CPU's queue begins now, or with what had come at a time. Its floors rise to what had not gone by then. */
export function beginQueue(machine: Machine, cpu: number, time = machine.words[Global.broadcasts]!): void {
	if (getCpu(machine, cpu, Cpu.queueBegins) >= time) return;
	setCpu(machine, cpu, Cpu.queueBegins, time);
	eachHistory(machine, "code", (index, at) => {
		const floors = floorsOf(machine, index);
		while (isGone(machine, at, floors[cpu]!, time)) floors[cpu]!++;
	});
}

/** Whether no queue that begins at a time has the value. The newest never is. */
function isGone({ words, layout }: Machine, at: number, value: number, time: number): boolean {
	const went = words[at + layout.went + value]!;
	return went !== 0 && went <= time;
}

/** When the first of the equal values that a CPU may see came. */
export function cameOf(machine: Machine, index: number, cpu: number, [low, high]: Value): number {
	const { words, layout } = machine;
	const at = historyWord(machine, index);
	for (let i = floorsOf(machine, index)[cpu]!; ; i++) {
		const value = at + History.values + 2 * i;
		if (words[value] === low && words[value + 1] === high) return words[at + layout.came + i]!;
	}
}

/** Counts time from the beginning again when nothing is in flux; where states are compared, it counts only what tells two of them
 * apart, so that equal situations are equal bytes. */
export function settleTime(machine: Machine): void {
	const { words, config } = machine;
	if (words[Global.broadcasts] === 0) return;
	if (words[Global.histories] === 0) {
		words[Global.broadcasts] = 0;
		for (const { id } of machine.cores) setCpu(machine, id, Cpu.queueBegins, 0);
	} else if (config.fetch === "chosen") {
		do {
			for (const { id } of machine.cores) setCpu(machine, id, Cpu.queueBegins, latestBeginning(machine, id));
			renumber(machine);
		} while (dropRepeated(machine));
	}
}

/** The latest time at which the CPU's queue could begin with the same left in it. */
function latestBeginning(machine: Machine, cpu: number): number {
	const { words, layout } = machine;
	let time = words[Global.broadcasts]!;
	if (getCpu(machine, cpu, Cpu.status) === Status.halted) return time;
	for (const index of codeHistories(machine)) {
		const went = words[historyWord(machine, index) + layout.went + floorsOf(machine, index)[cpu]!]!;
		if (went !== 0) time = Math.min(time, went - 1);
	}
	return time;
}

/** Makes one of broadcasts between which nothing came and no queue begins, and forgets those that took what is forgotten. */
function renumber(machine: Machine): void {
	const { words, layout } = machine;
	const came: number[] = [];
	const went: number[] = [];
	for (const index of codeHistories(machine)) {
		const at = historyWord(machine, index);
		for (let i = 0; i < words[at + History.count]!; i++) {
			came.push(at + layout.came + i);
			if (words[at + layout.went + i] !== 0) went.push(at + layout.went + i);
		}
	}
	const begins = machine.cores.map(({ id }) => cpuWord(machine, id, Cpu.queueBegins));
	const marks = [...came, ...begins];
	const times = [...new Set(went.map((at) => words[at]!))].sort((a, b) => a - b);
	/** What each time at which something went becomes. */
	const becomes = new Map<number, number>();
	let last = 0;
	for (const [i, time] of times.entries()) {
		const before = times[i - 1];
		if (before === undefined || marks.some((mark) => words[mark]! >= before && words[mark]! < time)) last++;
		becomes.set(time, last);
	}
	for (const at of marks) words[at] = becomes.get(times.findLast((time) => time <= words[at]!) ?? 0) ?? 0;
	for (const at of went) words[at] = becomes.get(words[at]!)!;
	words[Global.broadcasts] = last;
}

/** Keeps the last of equal values of a unit that came at the same time, which says all. @returns whether there were
 * others */
function dropRepeated(machine: Machine): boolean {
	let dropped = false;
	eachHistory(machine, "code", (index, at) => {
		for (let i = machine.words[at + History.count]! - 2; i >= 0; i--) {
			if (!isRepeated(machine, at, i)) continue;
			dropValues(machine, index, i, 1);
			dropped = true;
		}
	});
	return dropped;
}

function isRepeated({ words, layout }: Machine, at: number, value: number): boolean {
	const values = at + History.values;
	for (let i = value + 1; i < words[at + History.count]!; i++) {
		const same = words[values + 2 * i] === words[values + 2 * value];
		if (!same || words[values + 2 * i + 1] !== words[values + 2 * value + 1]) continue;
		if (words[at + layout.came + i] === words[at + layout.came + value]) return true;
	}
	return false;
}

function* codeHistories(machine: Machine): Generator<number> {
	for (let index = 0; index < machine.words[Global.histories]!; index++)
		if (machine.words[historyWord(machine, index) + History.space] === CODE) yield index;
}
