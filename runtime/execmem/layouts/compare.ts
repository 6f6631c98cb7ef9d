// Layouts side by side: the same modules are loaded into each, and then the same calls of them are made. What is counted
// are pages, holes, what cannot be reached, and cycles: instruction-TLB misses, thunks, lines from far memory.

import { lookUp, newTlb } from "../../machine/instruction-tlb.ts";
import type { TlbShape } from "../../machine/observers.ts";
import { LARGE_PAGE } from "../../machine/page-entry.ts";
import type { CostProfile } from "../../machine/profile.ts";
import { PAGE } from "../../machine/state.ts";
import { AREA, type Range } from "../memory-types.ts";
import type { Layout } from "./layout.ts";
import { type AddressSpace, apply, newAddressSpace, type Placed } from "./place.ts";
import type { Load, Workload } from "./workload.ts";

export interface Setting {
	/** Bytes within reach of the image's calls, beside the image. */
	readonly near: number;
	readonly profile: CostProfile;
	readonly tlb: TlbShape;
	/** Cycles of a miss of the first-level instruction TLB. */
	readonly miss: number;
	/** How far the memory of the far space is, 10 being the CPU's own node. */
	readonly farDistance: number;
	/** Calls of functions of modules that are made in the end. */
	readonly calls: number;
	/** Numbers from 0 up to and without `below`; each layout gets one of its own, from the same seed. */
	readonly random: () => (below: number) => number;
}

export interface LayoutResult {
	readonly layout: Layout;
	readonly space: AddressSpace;
	readonly loads: number;
	/** Loads for which there was no room. */
	readonly refused: number;
	/** Bytes of parts that are loaded in the end, and of the pages that are mapped for them. */
	readonly bytes: number;
	readonly mapped: number;
	/** Free runs of the near space in pools, and where pieces have been; and the longest of them. */
	readonly holes: number;
	readonly longestHole: number;
	/** Bytes that init parts left, and those of them that were given out again. */
	readonly left: number;
	readonly reused: number;
	/** Pages that map text. */
	readonly textPages: { readonly large: number; readonly small: number };
	/** Direct calls of the image that do not reach it and go through a thunk each, and all of them. */
	readonly thunks: number;
	readonly directCalls: number;
	/** Cycles that the calls took which were made in the end, and which of them were for misses, thunks and far lines. */
	readonly cycles: { readonly all: number; readonly tlb: number; readonly thunks: number; readonly far: number };
	readonly misses: number;
	readonly instructions: number;
}

/** Instructions of a called function, and cache lines that they lie in. */
const INSTRUCTIONS = 48;
const LINES = 3;
const LINE = 64;
/** Lines that a first-level instruction cache of 32 KiB holds. */
const CACHED = 512;
/** One call in so many goes on into the image. */
const BACK = 4;

/** Beside the near space; nothing is ever short of it. */
const FAR = 2 ** 31;

/** @param name of the workload, for errors @throws LinkError for a workload that loads a module twice, or unloads what is not there */
export function compareLayouts(
	layouts: readonly Layout[],
	workload: Workload,
	setting: Setting,
	name = "workload",
): readonly LayoutResult[] {
	return layouts.map((layout) => {
		const near = { start: AREA, end: AREA + setting.near };
		const space = newAddressSpace(layout, near, { start: near.end, end: near.end + FAR });
		const modules = new Map<string, Load>();
		for (const [i, event] of workload.events.entries()) {
			apply(space, event, `${name}: events[${i}]`);
			if (event.do === "load") modules.set(event.name, event);
		}
		return measure(space, modules, setting);
	});
}

function measure(space: AddressSpace, modules: ReadonlyMap<string, Load>, setting: Setting): LayoutResult {
	const placed = [...space.placed.values()].flat();
	const holes = holesOf(space);
	const texts = placed.filter(({ part }) => part === "text");
	const callsOf = (of: readonly Placed[]): number =>
		of.reduce((sum, { module }) => sum + modules.get(module)!.calls, 0);
	const { counts } = space;
	return {
		layout: space.layout,
		space,
		loads: counts.loads,
		refused: counts.refused,
		bytes: placed.reduce((sum, { module, part }) => sum + modules.get(module)![part], 0),
		mapped: mappedBytes(space, placed),
		holes: holes.length,
		longestHole: holes.reduce((most, { start, end }) => Math.max(most, end - start), 0),
		left: counts.left,
		reused: counts.reused,
		textPages: textPages(texts),
		thunks: callsOf(texts.filter((text) => text.space === "far")),
		directCalls: callsOf(texts),
		...makeCalls(texts, setting),
	};
}

/** What is free in pools, and elsewhere where a region has already been. */
function holesOf({ spaces, pools, reached }: AddressSpace): readonly Range[] {
	const { runs, range } = spaces.near;
	const inPools = pools.flatMap(({ free }) => free.runs).filter(({ end }) => end <= range.end);
	const extents = joined([...reached.values()]);
	const between = runs.flatMap((run) =>
		extents.map(({ start, end }) => ({ start: Math.max(run.start, start), end: Math.min(run.end, end) })),
	);
	return [...between.filter(({ start, end }) => start < end), ...inPools];
}

/** Ranges that overlap, as one. */
function joined(ranges: readonly Range[]): readonly Range[] {
	const made: { start: number; end: number }[] = [];
	for (const { start, end } of [...ranges].sort((a, b) => a.start - b.start)) {
		const last = made.at(-1);
		if (last !== undefined && start <= last.end) last.end = Math.max(last.end, end);
		else made.push({ start, end });
	}
	return made;
}

function mappedBytes({ pools }: AddressSpace, placed: readonly Placed[]): number {
	const areas = pools.reduce((sum, { free }) => sum + free.range.end - free.range.start, 0);
	const small = placed.filter(({ page }) => page === "small").reduce((sum, { bytes }) => sum + bytes, 0);
	return areas + small;
}

function textPages(texts: readonly Placed[]): LayoutResult["textPages"] {
	const [large, small] = [new Set<number>(), new Set<number>()];
	for (const { address, bytes, page } of texts) {
		const size = page === "large" ? LARGE_PAGE : PAGE;
		const pages = page === "large" ? large : small;
		for (let at = Math.floor(address / size); at * size < address + bytes; at++) pages.add(at);
	}
	return { large: large.size, small: small.size };
}

/** Calls of functions of modules, some often and most seldom; each runs straight through a few lines and returns. */
function makeCalls(
	texts: readonly Placed[],
	setting: Setting,
): Pick<LayoutResult, "cycles" | "misses" | "instructions"> {
	const { profile, calls, miss, farDistance } = setting;
	const { cycles } = profile;
	const random = setting.random();
	const tlb = newTlb(setting.tlb, "as mapped", 1);
	const cache = new Set<number>();
	const all = { tlb: 0, thunks: 0, far: 0 };
	let instructions = 0;
	for (let i = 0; i < calls && texts.length > 0; i++) {
		// The square of an even choice: a quarter of the modules gets half of the calls.
		const share = random(2 ** 20) / 2 ** 20;
		const text = texts[Math.floor(share * share * texts.length)]!;
		const lines = Math.max(1, Math.floor(text.bytes / LINE) - LINES);
		const first = random(Math.max(1, lines >> 2)) * 4;
		for (let n = 0; n < LINES; n++) {
			const address = text.address + Math.min(first + n, lines) * LINE;
			lookUp(tlb, 0, address, text.page === "large");
			const fetched = isNew(cache, Math.floor(address / LINE));
			if (fetched && text.space === "far") all.far += profile.farLine * ((farDistance - 10) / 10);
		}
		instructions += INSTRUCTIONS;
		if (text.space === "far" && i % BACK === 0) all.thunks += cycles.jump;
		// The image calls, on a page of its own.
		lookUp(tlb, 0, 0, true);
	}
	all.tlb = tlb.counts.misses * miss;
	const plain = instructions * cycles.alu + calls * (cycles.call + cycles.return);
	return { cycles: { all: plain + all.tlb + all.thunks + all.far, ...all }, misses: tlb.counts.misses, instructions };
}

/** Puts a line into the cache, in place of the one that was used longest ago. @returns whether it was not there */
function isNew(cache: Set<number>, line: number): boolean {
	const isThere = cache.delete(line);
	cache.add(line);
	if (cache.size > CACHED) cache.delete(cache.values().next().value!);
	return !isThere;
}
