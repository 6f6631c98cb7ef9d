// Who owns which area of the address space, and what is free in them: blocks that tile the areas of each pool, the free
// ones in lists by size. Addresses are counted in units of 64 bytes. No two free blocks of a pool touch, and an area in
// which nothing is in use belongs to nobody. It knows nothing of types, ranges and nodes; the allocator does.

import { AREA } from "./memory-types.ts";

export const UNIT = 64;
const UNITS = AREA / UNIT;
const AREAS = 2 ** 32 / AREA;

/** Sizes up to this have a list each, larger ones share 16 between powers of two. */
const EXACT = 256;
const CLASSES = EXACT + 19 * 16;

/** Owners of areas other than pools. */
const NOBODY = 0;
const RESERVED = -1;

/** Words kept of every unit. `length`: units of the block that starts here, negative while in use. `tail`: units of the
 * free block that ends here; its sign is set where a block was freed. The others are of blocks in use or in a list. */
const Word = { length: 0, next: 1, previous: 2, bytes: 1, tag: 2, tail: 3 } as const;
const FREED = 2 ** 31;

export interface FreeAreas {
	/** Who has each area: nobody, reserved, or 1 + a pool. */
	readonly owners: Int32Array;
	/** A unit for each area: above it, nothing was in use since the area has its owner. */
	readonly marks: Int32Array;
	/** The words of each area's units, from its first use on. */
	readonly blocks: (Int32Array | undefined)[];
	/** For each pool, the first free block of each class, and a bit for each class that has one. */
	readonly pools: readonly { readonly heads: Int32Array; readonly filled: Int32Array }[];
}

/** What is wanted: units, where from and up to where (units), at a multiple of `align` units. */
export interface Wish {
	readonly units: number;
	readonly align: number;
	readonly start: number;
	readonly end: number;
}

/** Where a wish can be met: at `at` in free units from `start` to `end`, once areas `from` up to `to` are claimed. */
export interface Spot {
	readonly at: number;
	readonly start: number;
	readonly end: number;
	readonly from: number;
	readonly to: number;
}

export interface Block {
	readonly start: number;
	readonly units: number;
	/** Undefined of a free block; otherwise what `take` was given. */
	readonly used: { readonly bytes: number; readonly tag: number } | undefined;
}

export function createFreeAreas(pools: number): FreeAreas {
	return {
		owners: new Int32Array(AREAS),
		marks: new Int32Array(AREAS),
		blocks: [],
		pools: Array.from({ length: pools }, () => ({
			heads: new Int32Array(CLASSES),
			filled: new Int32Array(Math.ceil(CLASSES / 32)),
		})),
	};
}

/** No pool ever gets an area that this touches. */
export function reserve({ owners }: FreeAreas, start: number, end: number): void {
	owners.fill(RESERVED, Math.floor(start / AREA), Math.ceil(end / AREA));
}

export function ownerOf({ owners }: FreeAreas, unit: number): number | undefined {
	const owner = owners[Math.floor(unit / UNITS)]!;
	return owner > 0 ? owner - 1 : undefined;
}

/** A free block of the pool: of the smallest class that has one. */
export function findBlock(areas: FreeAreas, pool: number, wish: Wish): Spot | undefined {
	const { heads, filled } = areas.pools[pool]!;
	for (let at = nextClass(filled, classOf(wish.units)); at >= 0; at = nextClass(filled, at + 1)) {
		for (let start = heads[at]!; start !== 0; start = get(areas, start, Word.next)) {
			const end = start + get(areas, start, Word.length);
			const place = placeIn(start, end, wish);
			if (place >= 0) return { at: place, start, end, from: 0, to: 0 };
		}
	}
	return undefined;
}

/** Nobody's areas, of those from `first` up to `last`, that hold it together with what is free beside them: as few as
 * possible, and the lowest of those. */
export function findAreas(areas: FreeAreas, pool: number, wish: Wish, first: number, last: number): Spot | undefined {
	const { owners } = areas;
	let best: Spot | undefined;
	for (let from = first; from < last; from++) {
		if (owners[from] !== NOBODY) continue;
		const spot = findRun(areas, pool, wish, from, last);
		if (spot !== undefined && (best === undefined || spot.to - spot.from < best.to - best.from)) best = spot;
		if (best !== undefined && best.to - best.from === 1) return best;
		if (spot === undefined) while (from + 1 < last && owners[from + 1] === NOBODY) from++;
	}
	return best;
}

/** The same of the areas from `from` on that follow each other. */
function findRun(areas: FreeAreas, pool: number, wish: Wish, from: number, last: number): Spot | undefined {
	const start = freeBefore(areas, pool, from);
	for (let to = from; to < last && areas.owners[to] === NOBODY; ) {
		const end = freeAfter(areas, pool, ++to);
		const at = placeIn(start, end, wish);
		if (at >= 0) return { at, start, end, from, to };
	}
	return undefined;
}

/** @returns whether something of it was in use before */
export function take(areas: FreeAreas, pool: number, spot: Spot, wish: Wish, bytes: number, tag: number): boolean {
	const { at, start, end, from, to } = spot;
	if (from === to || start < from * UNITS) removeFree(areas, pool, start);
	if (from < to && end > to * UNITS) removeFree(areas, pool, to * UNITS);
	for (let area = from; area < to; area++) claim(areas, pool, area);
	addFree(areas, pool, start, at);
	addFree(areas, pool, at + wish.units, end);
	set(areas, at, Word.length, -wish.units);
	set(areas, at, Word.bytes, bytes);
	set(areas, at, Word.tag, tag);
	return raiseMarks(areas, at, at + wish.units);
}

/** Frees the block in use that starts at a unit; areas that nothing in use is left in are nobody's again.
 * @returns all that is free around it */
export function putBack(areas: FreeAreas, pool: number, unit: number): { start: number; end: number } {
	const blockEnd = unit - get(areas, unit, Word.length);
	set(areas, unit, Word.length, 0);
	set(areas, unit, Word.tail, get(areas, unit, Word.tail) | FREED);
	const start = unit % UNITS === 0 ? freeBefore(areas, pool, unit / UNITS) : unit - tailAt(areas, unit - 1);
	const end = blockEnd % UNITS === 0 ? freeAfter(areas, pool, blockEnd / UNITS) : blockEnd + freeAt(areas, blockEnd);
	if (start < unit) removeFree(areas, pool, start);
	if (end > blockEnd) removeFree(areas, pool, blockEnd);
	const from = Math.ceil(start / UNITS);
	const to = Math.floor(end / UNITS);
	if (from < to) {
		areas.owners.fill(NOBODY, from, to);
		addFree(areas, pool, start, from * UNITS);
		addFree(areas, pool, to * UNITS, end);
	} else addFree(areas, pool, start, end);
	return { start, end };
}

/** The block that a unit belongs to; undefined where no pool owns it. */
export function blockAt(areas: FreeAreas, unit: number): Block | undefined {
	if (ownerOf(areas, unit) === undefined) return undefined;
	let start = unit;
	while (get(areas, start, Word.length) === 0) start--;
	return blockFrom(areas, start);
}

/** Whether a block that started at the unit was freed once. */
export function wasFreed({ blocks }: FreeAreas, unit: number): boolean {
	const words = blocks[Math.floor(unit / UNITS)];
	return words !== undefined && words[(unit % UNITS) * 4 + Word.tail]! < 0;
}

/** Every block of every pool, by address. */
export function* allBlocks(areas: FreeAreas): Generator<Block & { readonly pool: number }> {
	for (let unit = 0; unit < AREAS * UNITS; ) {
		const pool = ownerOf(areas, unit);
		if (pool === undefined) {
			unit += UNITS;
			continue;
		}
		const block = blockFrom(areas, unit);
		yield { ...block, pool };
		unit += block.units;
	}
}

function blockFrom(areas: FreeAreas, start: number): Block {
	const length = get(areas, start, Word.length);
	if (length > 0) return { start, units: length, used: undefined };
	const used = { bytes: get(areas, start, Word.bytes), tag: get(areas, start, Word.tag) };
	return { start, units: -length, used };
}

/** The first place in free units for a wish; -1 when it does not fit. */
function placeIn(start: number, end: number, wish: Wish): number {
	const at = Math.ceil(Math.max(start, wish.start) / wish.align) * wish.align;
	return at + wish.units <= Math.min(end, wish.end) ? at : -1;
}

/** Where the pool's free block starts that ends where an area starts; the area's start when there is none. */
function freeBefore(areas: FreeAreas, pool: number, area: number): number {
	const own = areas.owners[area - 1] === pool + 1;
	return area * UNITS - (own ? tailAt(areas, area * UNITS - 1) : 0);
}

function freeAfter(areas: FreeAreas, pool: number, area: number): number {
	const own = areas.owners[area] === pool + 1;
	return area * UNITS + (own ? freeAt(areas, area * UNITS) : 0);
}

/** Units of the free block that starts at a unit; 0 when none does. */
function freeAt(areas: FreeAreas, unit: number): number {
	return Math.max(0, get(areas, unit, Word.length));
}

/** Units of the free block that ends with a unit; 0 when none does. */
function tailAt(areas: FreeAreas, unit: number): number {
	return get(areas, unit, Word.tail) & ~FREED;
}

function claim({ owners, marks, blocks }: FreeAreas, pool: number, area: number): void {
	owners[area] = pool + 1;
	marks[area] = area * UNITS;
	blocks[area] ??= new Int32Array(UNITS * 4);
}

/** @returns whether some of the units lie below the mark of their area */
function raiseMarks({ marks }: FreeAreas, start: number, end: number): boolean {
	let below = false;
	for (let area = Math.floor(start / UNITS); area * UNITS < end; area++) {
		below ||= Math.max(start, area * UNITS) < marks[area]!;
		marks[area] = Math.max(marks[area]!, Math.min(end, (area + 1) * UNITS));
	}
	return below;
}

function addFree(areas: FreeAreas, pool: number, start: number, end: number): void {
	if (start === end) return;
	const { heads, filled } = areas.pools[pool]!;
	const at = classOf(end - start);
	const next = heads[at]!;
	set(areas, start, Word.length, end - start);
	set(areas, start, Word.next, next);
	set(areas, start, Word.previous, 0);
	set(areas, end - 1, Word.tail, (end - start) | (get(areas, end - 1, Word.tail) & FREED));
	if (next !== 0) set(areas, next, Word.previous, start);
	heads[at] = start;
	filled[at >> 5]! |= 1 << (at & 31);
}

function removeFree(areas: FreeAreas, pool: number, start: number): void {
	const { heads, filled } = areas.pools[pool]!;
	const length = get(areas, start, Word.length);
	const next = get(areas, start, Word.next);
	const previous = get(areas, start, Word.previous);
	const last = start + length - 1;
	set(areas, start, Word.length, 0);
	set(areas, last, Word.tail, get(areas, last, Word.tail) & FREED);
	if (next !== 0) set(areas, next, Word.previous, previous);
	if (previous !== 0) {
		set(areas, previous, Word.next, next);
		return;
	}
	const at = classOf(length);
	heads[at] = next;
	if (next === 0) filled[at >> 5]! &= ~(1 << (at & 31));
}

function classOf(units: number): number {
	if (units < EXACT) return units;
	const octave = 31 - Math.clz32(units);
	return EXACT + (octave - 8) * 16 + ((units >> (octave - 4)) & 15);
}

/** The first class from `at` on that has a block; -1 when none has. */
function nextClass(filled: Int32Array, at: number): number {
	let bits = filled[at >> 5]! & (-1 << (at & 31));
	for (let word = at >> 5; ; bits = filled[word]!) {
		if (bits !== 0) return word * 32 + 31 - Math.clz32(bits & -bits);
		if (++word >= filled.length) return -1;
	}
}

function get({ blocks }: FreeAreas, unit: number, word: number): number {
	return blocks[Math.floor(unit / UNITS)]![(unit % UNITS) * 4 + word]!;
}

function set({ blocks }: FreeAreas, unit: number, word: number, value: number): void {
	blocks[Math.floor(unit / UNITS)]![(unit % UNITS) * 4 + word] = value;
}
