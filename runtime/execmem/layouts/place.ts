// Modules that come and go in an address space of some layout: where each part lies, what is refused, which freed init
// memory is used again, and which pages are mapped in the end.

import { LinkError } from "../../../linker/errors.ts";
import { PAGE } from "../../machine/state.ts";
import { AREA, type Range } from "../memory-types.ts";
import { type Layout, type PartName, partNames, type Region } from "./layout.ts";
import { type FreeRuns, giveRun, isEmpty, newRuns, takeRun } from "./runs.ts";
import type { Load, LoadEvent } from "./workload.ts";

/** Where a part of a module lies. */
export interface Placed {
	readonly module: string;
	readonly part: PartName;
	readonly address: number;
	/** As taken, whole granules. */
	readonly bytes: number;
	readonly space: Region["space"];
	readonly page: Region["page"];
}

/** An area of 2 MiB that a region has taken, and what is free in it. */
interface Pool {
	readonly region: Region;
	readonly start: number;
	readonly free: FreeRuns;
}

export interface AddressSpace {
	readonly layout: Layout;
	readonly spaces: Readonly<Record<Region["space"], FreeRuns>>;
	readonly pools: Pool[];
	/** What is loaded, init parts only while they run. */
	readonly placed: Map<string, Placed[]>;
	/** How to free what was taken: by address. */
	readonly taken: Map<
		number,
		{ readonly bytes: number; readonly pool: Pool | undefined; readonly space: Region["space"] }
	>;
	readonly counts: Counts;
	/** Runs that init parts left and nobody has taken since. */
	left: Range[];
	/** What regions have ever used of the near space: up to the farthest piece from where they begin. */
	readonly reached: Map<Region, Range>;
}

/** What happened so far. */
export interface Counts {
	loads: number;
	/** Loads for which there was no room. */
	refused: number;
	/** Bytes that init parts left, and those of them that were given out again. */
	left: number;
	reused: number;
}

/** @param near the range within reach @param far the rest */
export function newAddressSpace(layout: Layout, near: Range, far: Range): AddressSpace {
	return {
		layout,
		spaces: { near: newRuns(near), far: newRuns(far) },
		pools: [],
		placed: new Map(),
		taken: new Map(),
		counts: { loads: 0, refused: 0, left: 0, reused: 0 },
		left: [],
		reached: new Map(),
	};
}

/** Loads a module and frees its init parts, or unloads one. A load for which there is no room changes nothing.
 * @param where names the event for errors
 * @throws LinkError for a module that is loaded twice, and for one that is unloaded and not there */
export function apply(space: AddressSpace, event: LoadEvent, where = "workload"): void {
	const { placed } = space;
	if (event.do === "unload") {
		const parts = placed.get(event.name);
		if (parts === undefined) throw new LinkError(`${where}: '${event.name}' is unloaded, and not loaded`);
		for (const { address } of parts) free(space, address);
		placed.delete(event.name);
		return;
	}
	if (placed.has(event.name)) throw new LinkError(`${where}: '${event.name}' is loaded twice`);
	space.counts.loads++;
	const parts = placeAll(space, event);
	if (parts === undefined) {
		// What cannot be loaded is not there to be unloaded either.
		space.counts.refused++;
		placed.set(event.name, []);
		return;
	}
	const isInit = ({ part }: Placed): boolean => part === "initText" || part === "initData";
	for (const { address } of parts.filter(isInit)) {
		const bytes = free(space, address);
		space.counts.left += bytes;
		if (bytes > 0) space.left.push({ start: address, end: address + bytes });
	}
	placed.set(
		event.name,
		parts.filter((part) => !isInit(part)),
	);
}

function placeAll(space: AddressSpace, module: Load): Placed[] | undefined {
	const parts: Placed[] = [];
	for (const region of space.layout.regions) {
		const held = partNames.filter((part) => region.holds.includes(part) && module[part] > 0);
		const made = region.together
			? placeTogether(space, region, module, held)
			: held.map((part) => placeOne(space, region, module, part));
		const found = made?.filter((part) => part !== undefined);
		parts.push(...(found ?? []));
		if (found === undefined || found.length < held.length) {
			for (const { address } of parts) free(space, address);
			return undefined;
		}
	}
	return parts;
}

const rounded = (bytes: number, to: number): number => Math.ceil(bytes / to) * to;

/** One run, and a page behind it that stays unmapped. It is freed by its first address. */
function placeTogether(
	space: AddressSpace,
	region: Region,
	module: Load,
	held: readonly PartName[],
): Placed[] | undefined {
	const sizes = held.map((part) => rounded(module[part], region.granularity));
	const bytes = sizes.reduce((sum, each) => sum + each, 0);
	if (bytes === 0) return [];
	const start = takeIn(space, region, region.space, bytes + PAGE);
	if (start === undefined) return undefined;
	let at = start;
	return held.map((part, i) => {
		const address = at;
		at += sizes[i]!;
		return { module: module.name, part, address, bytes: sizes[i]!, space: region.space, page: region.page };
	});
}

function placeOne(space: AddressSpace, region: Region, module: Load, part: PartName): Placed | undefined {
	const bytes = rounded(module[part], region.granularity);
	for (const where of region.orFar && region.space === "near" ? (["near", "far"] as const) : [region.space]) {
		const address = takeIn(space, region, where, bytes);
		if (address !== undefined) return { module: module.name, part, address, bytes, space: where, page: region.page };
	}
	return undefined;
}

/** Takes room from an area that the region has, or from the space. */
function takeIn(space: AddressSpace, region: Region, where: Region["space"], bytes: number): number | undefined {
	const { granularity, grows, page } = region;
	const limits = limitsOf(space, region, where);
	if (page === "small") {
		const address = takeRun(space.spaces[where], bytes, granularity, grows, limits);
		if (address === undefined) return undefined;
		note(space, address, bytes, undefined, where);
		if (where === "near") reach(space, region, limits, address, bytes);
		return address;
	}
	for (const pool of space.pools) {
		if (pool.region !== region || !isWithin(pool.free.range, limits)) continue;
		const address = takeRun(pool.free, bytes, granularity, grows, pool.free.range);
		if (address !== undefined) {
			note(space, address, bytes, pool, where);
			return address;
		}
	}
	const whole = rounded(bytes, AREA);
	const start = takeRun(space.spaces[where], whole, AREA, grows, limits);
	if (start === undefined) return undefined;
	const pool: Pool = { region, start, free: newRuns({ start, end: start + whole }) };
	space.pools.push(pool);
	if (where === "near") reach(space, region, limits, start, whole);
	const address = takeRun(pool.free, bytes, granularity, grows, pool.free.range)!;
	note(space, address, bytes, pool, where);
	return address;
}

function reach({ reached }: AddressSpace, region: Region, limits: Range, start: number, bytes: number): void {
	const before = reached.get(region);
	const now =
		region.grows === "up"
			? { start: limits.start, end: Math.max(before?.end ?? 0, start + bytes) }
			: { start: Math.min(before?.start ?? limits.end, start), end: limits.end };
	reached.set(region, now);
}

function limitsOf({ spaces }: AddressSpace, { share, space }: Region, where: Region["space"]): Range {
	const { start, end } = spaces[where].range;
	if (where !== space) return { start, end };
	const at = (part: number): number => start + Math.floor(((end - start) * part) / AREA) * AREA;
	return { start: at(share[0]), end: share[1] === 1 ? end : at(share[1]) };
}

const isWithin = (inner: Range, outer: Range): boolean => inner.start >= outer.start && inner.end <= outer.end;

function note(
	space: AddressSpace,
	address: number,
	bytes: number,
	pool: Pool | undefined,
	where: Region["space"],
): void {
	space.taken.set(address, { bytes, pool, space: where });
	const kept: Range[] = [];
	for (const range of space.left) {
		const [start, end] = [Math.max(range.start, address), Math.min(range.end, address + bytes)];
		if (start >= end) {
			kept.push(range);
			continue;
		}
		space.counts.reused += end - start;
		if (range.start < start) kept.push({ start: range.start, end: start });
		if (end < range.end) kept.push({ start: end, end: range.end });
	}
	space.left = kept;
}

/** @returns how many bytes were freed: none when it is a later part of a run, which goes with its first */
function free({ taken, spaces, pools }: AddressSpace, address: number): number {
	const what = taken.get(address);
	if (what === undefined) return 0;
	taken.delete(address);
	const { bytes, pool, space } = what;
	if (pool === undefined) {
		giveRun(spaces[space], address, bytes);
		return bytes;
	}
	giveRun(pool.free, address, bytes);
	if (isEmpty(pool.free)) {
		giveRun(spaces[space], pool.start, pool.free.range.end - pool.start);
		pools.splice(pools.indexOf(pool), 1);
	}
	return bytes;
}
