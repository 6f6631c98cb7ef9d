// Breadth-first search over a space of states that are flat rows of words. Knows nothing of machines: a space says where
// it begins and what may follow. Every state is kept once, in the order it was found, so the list of states is the queue
// and the first way to a state is a shortest one.

/** A state is `width` words; equal words are the same state. */
export interface Space {
	readonly width: number;
	/** Writes the initial state. */
	initial(state: Int32Array): void;
	/** Calls `emit` for every step out of `state`, in a fixed order, with the state after it in `next`. A step whose
	 * `fault` is not undefined breaks a property, and its successor is not looked at. */
	expand(state: Int32Array, next: Int32Array, emit: (fault: number | undefined) => void): void;
	/** Why a state from which nothing follows, or which is looked at for itself, is bad. */
	judge(state: Int32Array, steps: number): number | undefined;
}

export interface Bounds {
	readonly states: number;
	/** Bytes for states and their index. */
	readonly memory: number;
}

/** The ordinals of the steps, from the initial state: what `expand` emits, counted. */
export type Path = readonly number[];

export interface Exploration {
	readonly verdict: "safe" | "unsafe" | "undecided";
	readonly states: number;
	readonly steps: number;
	/** Length of the longest shortest path. */
	readonly depth: number;
	/** When unsafe: what was broken, and the shortest way to it. */
	readonly fault: number | undefined;
	readonly path: Path;
	/** When undecided: the bound that was hit. */
	readonly bound: string | undefined;
}

/** Steps of the search between two calls of `progress`. */
const REPORT_EVERY = 1 << 14;

/** Explores everything that can be reached, or until a property breaks or a bound is hit.
 * @param progress told now and then how many states were found and expanded */
export function explore(
	space: Space,
	bounds: Bounds,
	progress?: (found: number, expanded: number) => void,
): Exploration {
	const table = newTable(space.width);
	const next = new Int32Array(space.width);
	space.initial(next);
	add(table, next, -1, 0);
	let steps = 0;
	for (let index = 0; index < table.count; index++) {
		if (index % REPORT_EVERY === REPORT_EVERY - 1) progress?.(table.count, index);
		const state = stateAt(table, index);
		let ordinal = 0;
		let broken: number | undefined;
		let brokenBy = 0;
		space.expand(state, next, (fault) => {
			if (fault === undefined) add(table, next, index, ordinal);
			else if (broken === undefined) {
				broken = fault;
				brokenBy = ordinal;
			}
			ordinal++;
		});
		steps += ordinal;
		const path = (): Path => (broken === undefined ? pathTo(table, index) : [...pathTo(table, index), brokenBy]);
		const fault = broken ?? space.judge(state, ordinal);
		if (fault !== undefined) return { ...result(table, steps, index), verdict: "unsafe", fault, path: path() };
		const bound = boundHit(table, bounds);
		if (bound !== undefined) return { ...result(table, steps, index), verdict: "undecided", bound };
	}
	return result(table, steps, table.count - 1);
}

function result(table: Table, steps: number, last: number): Exploration {
	const depth = pathTo(table, last).length;
	return { verdict: "safe", states: table.count, steps, depth, fault: undefined, path: [], bound: undefined };
}

function boundHit(table: Table, bounds: Bounds): string | undefined {
	if (table.count > bounds.states) return `${bounds.states} states`;
	if (bytesOf(table) > bounds.memory) return `${bounds.memory} bytes of memory`;
	return undefined;
}

/** The states found so far in blocks of rows, how each was found, and an open-addressing index of them. */
interface Table {
	readonly width: number;
	count: number;
	readonly blocks: Int32Array[];
	parents: Int32Array;
	ordinals: Int32Array;
	/** State number + 1 by hash; 0 is free. At most half full. */
	slots: Int32Array;
	hashes: Int32Array;
}

const BLOCK = 1 << 12;

function newTable(width: number): Table {
	return {
		width,
		count: 0,
		blocks: [],
		parents: new Int32Array(BLOCK),
		ordinals: new Int32Array(BLOCK),
		slots: new Int32Array(2 * BLOCK),
		hashes: new Int32Array(BLOCK),
	};
}

function bytesOf(table: Table): number {
	return 4 * (table.blocks.length * BLOCK * table.width + 3 * table.parents.length + table.slots.length);
}

function stateAt(table: Table, index: number): Int32Array {
	const from = (index % BLOCK) * table.width;
	return table.blocks[Math.floor(index / BLOCK)]!.subarray(from, from + table.width);
}

function add(table: Table, state: Int32Array, parent: number, ordinal: number): void {
	const hash = hashOf(state);
	let slot = hash & (table.slots.length - 1);
	for (;;) {
		const found = table.slots[slot]! - 1;
		if (found < 0) break;
		if (table.hashes[found] === hash && isAt(table, found, state)) return;
		slot = (slot + 1) & (table.slots.length - 1);
	}
	const index = table.count++;
	if (index === table.parents.length) grow(table);
	if (index % BLOCK === 0) table.blocks.push(new Int32Array(BLOCK * table.width));
	table.blocks[Math.floor(index / BLOCK)]!.set(state, (index % BLOCK) * table.width);
	table.parents[index] = parent;
	table.ordinals[index] = ordinal;
	table.hashes[index] = hash;
	if (2 * table.count <= table.slots.length) table.slots[slot] = index + 1;
	else rehash(table);
}

function isAt(table: Table, index: number, state: Int32Array): boolean {
	const block = table.blocks[Math.floor(index / BLOCK)]!;
	const from = (index % BLOCK) * table.width;
	for (let i = 0; i < table.width; i++) if (block[from + i] !== state[i]) return false;
	return true;
}

/** Multiplies and mixes each word in. */
function hashOf(state: Int32Array): number {
	let hash = 0x9e3779b9 | 0;
	for (let i = 0; i < state.length; i++) {
		hash = Math.imul(hash ^ state[i]!, 0x85ebca6b);
		hash ^= hash >>> 15;
	}
	hash = Math.imul(hash, 0xc2b2ae35);
	return hash ^ (hash >>> 16);
}

function grow(table: Table): void {
	const doubled = (old: Int32Array): Int32Array => {
		const larger = new Int32Array(2 * old.length);
		larger.set(old);
		return larger;
	};
	table.parents = doubled(table.parents);
	table.ordinals = doubled(table.ordinals);
	table.hashes = doubled(table.hashes);
}

function rehash(table: Table): void {
	table.slots = new Int32Array(2 * table.slots.length);
	const mask = table.slots.length - 1;
	for (let index = 0; index < table.count; index++) {
		let slot = table.hashes[index]! & mask;
		while (table.slots[slot] !== 0) slot = (slot + 1) & mask;
		table.slots[slot] = index + 1;
	}
}

function pathTo(table: Table, index: number): number[] {
	const path: number[] = [];
	for (let at = index; table.parents[at]! >= 0; at = table.parents[at]!) path.push(table.ordinals[at]!);
	return path.reverse();
}
