// How many instruction-TLB misses a run would have: an observation beside the machine, not a part of it. Each CPU has sets
// of the page numbers that it used last. Looked at when a CPU's fetches change pages and when its
// turn comes, which is off the interpreter's path.

import { Cpu } from "./layout.ts";
import type { InstructionTlb, TlbPart, TlbShape } from "./observers.ts";
import { LARGE_PAGE } from "./page-entry.ts";
import { extentOf } from "./page-table.ts";
import { getCpu, type Machine, PAGE } from "./state.ts";

/** All sizes are from memory of the documents named. */
export const tlbShapes: readonly TlbShape[] = [
	{
		name: "Skylake",
		small: { entries: 64, ways: 8 },
		large: { entries: 8, ways: 8 },
		source: "Intel optimization manual: 128 and 8 entries, the former shared by two threads",
	},
	{
		name: "Zen 2",
		small: { entries: 64, ways: 64 },
		large: "shared",
		source: "AMD software optimization guide for family 17h: 64 entries of any size",
	},
	{
		name: "Neoverse N1",
		small: { entries: 48, ways: 48 },
		large: "shared",
		source: "Arm Neoverse N1 technical reference manual: 48 entries of any size",
	},
];

/** From here on the machine's fetches are counted.
 * @param together whether all CPUs have one TLB, as threads have that take turns on one processor */
export function observeFetches(
	machine: Machine,
	shape: TlbShape,
	pages: InstructionTlb["pages"],
	together = false,
): InstructionTlb {
	const tlb = newTlb(shape, pages, together ? 1 : machine.config.cpus);
	machine.instructionTlbs = [...(machine.instructionTlbs ?? []), tlb];
	return tlb;
}

/** Empty TLBs, one for each CPU. */
export function newTlb(shape: TlbShape, pages: InstructionTlb["pages"], cpus: number): InstructionTlb {
	const room = shape.small.entries + (shape.large === "shared" ? 0 : shape.large.entries);
	return {
		shape,
		pages,
		counts: { changes: 0, misses: 0 },
		tags: Array.from({ length: cpus }, () => new Int32Array(room)),
		last: new Int32Array(cpus),
	};
}

/** A CPU fetches from the page of `pc`. */
export function noteFetch(machine: Machine, tlbs: readonly InstructionTlb[], cpu: number, pc: number): void {
	const large = extentOf(machine, getCpu(machine, cpu, Cpu.space), pc >>> 0)?.bytes === LARGE_PAGE;
	for (const tlb of tlbs) lookUp(tlb, cpu, pc >>> 0, large && tlb.pages === "as mapped");
}

/** A CPU flushed its TLB. */
export function forgetPages(tlbs: readonly InstructionTlb[], cpu: number): void {
	for (const { tags, last } of tlbs) {
		tags[cpu % tags.length]!.fill(0);
		last[cpu % tags.length] = 0;
	}
}

/** A CPU fetches from a page, which is large or small. */
export function lookUp(
	{ shape, counts, tags, last }: InstructionTlb,
	cpu: number,
	address: number,
	large: boolean,
): void {
	const page = Math.floor(address / (large ? LARGE_PAGE : PAGE));
	const tag = (page * 2 + (large ? 1 : 0) + 2) | 0;
	const which = cpu % tags.length;
	if (last[which] === tag) return;
	last[which] = tag;
	counts.changes++;
	const apart = large && shape.large !== "shared";
	const part = apart ? (shape.large as TlbPart) : shape.small;
	const set = page % (part.entries / part.ways);
	const start = (apart ? shape.small.entries : 0) + set * part.ways;
	if (!renew(tags[which]!, start, start + part.ways, tag)) counts.misses++;
}

/** Puts the tag first in its set. @returns whether it was there */
function renew(tags: Int32Array, start: number, end: number, tag: number): boolean {
	const found = tags.subarray(start, end).indexOf(tag);
	const from = found < 0 ? end - 1 : start + found;
	tags.copyWithin(start + 1, start, from);
	tags[start] = tag;
	return found >= 0;
}
