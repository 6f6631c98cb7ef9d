// Breadth-first search over a space of states that are flat rows of words. Knows nothing of machines: a space says where
// it begins and what may follow. Every state is kept once, in the order it was found, so the list of states is the queue
// and the first way to a state is a shortest one.

/** A state is `width` words; equal words are the same state. */
export interface Space {
	readonly width: number;
	/** Writes the initial state. @returns the fault when it breaks a property by itself */
	initial(state: Int32Array): number | undefined;
	/** Calls `emit` for every step out of `state`, in a fixed order, with the state after it in `next`. A step whose
	 * `fault` is not undefined breaks a property, and its successor is not looked at.
	 * @returns the bound that kept it from a step, if one did */
	expand(state: Int32Array, next: Int32Array, emit: (fault: number | undefined) => void): string | undefined;
	/** What every state must be able to come to, under fair scheduling: a state from which no goal can be reached is bad. */
	readonly goal?: { readonly fault: number; reached(state: Int32Array): boolean };
}

/** How much an exploration may hold before it ends as `undecided`. */
export interface Bounds {
	readonly states: number;
	/** Bytes for states and their index. */
	readonly memory: number;
}

/** The ordinals of the steps, from the initial state: what `expand` emits, counted. */
export type Path = readonly number[];

/** What an exploration found. A path is a list of choices, each an index into what was possible. */
export interface Exploration {
	readonly verdict: "safe" | "unsafe" | "undecided";
	readonly states: number;
	readonly steps: number;
	/** Length of the longest shortest path. */
	readonly depth: number;
	/** When unsafe: what was broken, and the shortest way to it. */
	readonly fault: number | undefined;
	readonly path: Path;
	/** When safe: the shortest way to a goal, or to the state found last. */
	readonly sample: Path;
	/** When undecided: the bound that was hit. */
	readonly bound: string | undefined;
}

/** States and steps of the search between two calls of `progress`. */
export const REPORT_EVERY = 1 << 14;

/** Explores everything that can be reached, or until a property breaks or a bound is hit.
 * @param progress told now and then how many states were found and expanded */
export function explore(
	space: Space,
	bounds: Bounds,
	progress?: (found: number, expanded: number) => void,
): Exploration {
	const search = beginSearch(space, bounds);
	for (;;) {
		const result = searchOn(search, REPORT_EVERY);
		if (result !== undefined) return result;
		progress?.(search.table.count, search.expanded);
	}
}

/** A search under way. */
export interface Search {
	readonly space: Space;
	readonly bounds: Bounds;
	readonly table: Table;
	readonly edges: Edges;
	/** The state that comes next, while it is made. */
	readonly next: Int32Array;
	/** What the initial state breaks by itself. */
	readonly wrong: number | undefined;
	/** How many states were expanded, and how many steps lead out of them. */
	expanded: number;
	steps: number;
}

/** Begins at the initial state, with nothing expanded yet. */
export function beginSearch(space: Space, bounds: Bounds): Search {
	const table = newTable(space.width);
	const next = new Int32Array(space.width);
	const wrong = space.initial(next);
	add(table, next, -1, 0);
	return { space, bounds, table, edges: newEdges(), next, wrong, expanded: 0, steps: 0 };
}

/** Goes on until so many more states and steps were looked at. @returns what came out of the search; undefined when it is
 * not over */
export function searchOn(search: Search, effort: number): Exploration | undefined {
	const { table, wrong } = search;
	if (wrong !== undefined) return { ...result(table, 0, 0), verdict: "unsafe", fault: wrong };
	const until = search.expanded + search.steps + effort;
	while (search.expanded < table.count && search.expanded + search.steps < until) {
		const result = expandNext(search);
		if (result !== undefined) return result;
	}
	return search.expanded < table.count ? undefined : concluded(search);
}

/** Expands the state that was found first of those that are left. */
function expandNext(search: Search): Exploration | undefined {
	const { space, bounds, table, edges, next } = search;
	const index = search.expanded++;
	let ordinal = 0;
	let broken: number | undefined;
	let brokenBy = 0;
	const kept = space.expand(stateAt(table, index), next, (fault) => {
		if (fault === undefined) {
			const to = add(table, next, index, ordinal);
			if (space.goal !== undefined) addEdge(edges, index, to);
		} else if (broken === undefined) {
			broken = fault;
			brokenBy = ordinal;
		}
		ordinal++;
	});
	search.steps += ordinal;
	const { steps } = search;
	if (broken !== undefined) {
		const path = [...pathTo(table, index), brokenBy];
		return { ...result(table, steps, index), verdict: "unsafe", fault: broken, path };
	}
	const bound = kept ?? boundHit(table, edges, bounds);
	return bound === undefined ? undefined : { ...result(table, steps, index), verdict: "undecided", bound };
}

/** Everything was expanded and nothing broke. */
function concluded({ space, table, edges, steps }: Search): Exploration {
	const all = result(table, steps, table.count - 1);
	if (space.goal === undefined) return all;
	const good = goals(table, space.goal.reached);
	const stuck = firstWithout(table, edges, good);
	if (stuck < 0) return { ...all, sample: pathTo(table, Math.max(0, good.indexOf(1))) };
	return { ...all, verdict: "unsafe", fault: space.goal.fault, path: pathTo(table, stuck) };
}

/** Steps as pairs of state numbers. */
interface Edges {
	count: number;
	pairs: Int32Array;
}

function newEdges(): Edges {
	return { count: 0, pairs: new Int32Array(2 * BLOCK) };
}

function addEdge(edges: Edges, from: number, to: number): void {
	if (2 * edges.count === edges.pairs.length) edges.pairs = doubled(edges.pairs);
	edges.pairs[2 * edges.count] = from;
	edges.pairs[2 * edges.count + 1] = to;
	edges.count++;
}

/** Which states are goals, by number. */
function goals(table: Table, reached: (state: Int32Array) => boolean): Uint8Array {
	return Uint8Array.from({ length: table.count }, (_, index) => (reached(stateAt(table, index)) ? 1 : 0));
}

/** The first state, in the order they were found, from which no goal can be reached; -1 when there is none. */
function firstWithout(table: Table, edges: Edges, goal: Uint8Array): number {
	const { before, starts } = backwards(table.count, edges);
	const good = goal.slice();
	const queue: number[] = [];
	for (let index = 0; index < table.count; index++) if (good[index] === 1) queue.push(index);
	for (let state = queue.pop(); state !== undefined; state = queue.pop()) {
		for (let i = starts[state]!; i < starts[state + 1]!; i++) {
			const from = before[i]!;
			if (good[from] === 1) continue;
			good[from] = 1;
			queue.push(from);
		}
	}
	return good.indexOf(0);
}

/** The states before each state: those of state i are `before[starts[i] .. starts[i+1]]`. */
function backwards(
	states: number,
	{ count, pairs }: Edges,
): { readonly before: Int32Array; readonly starts: Int32Array } {
	const starts = new Int32Array(states + 1);
	for (let i = 0; i < count; i++) starts[pairs[2 * i + 1]! + 1]!++;
	for (let i = 0; i < states; i++) starts[i + 1]! += starts[i]!;
	const before = new Int32Array(count);
	const filled = starts.slice();
	for (let i = 0; i < count; i++) before[filled[pairs[2 * i + 1]!]!++] = pairs[2 * i]!;
	return { before, starts };
}

/** What a search that is given up has found. */
export function givenUp({ table, steps, expanded }: Search, why: string): Exploration {
	return { ...result(table, steps, Math.max(0, expanded - 1)), verdict: "undecided", bound: why };
}

function result(table: Table, steps: number, last: number): Exploration {
	const sample = pathTo(table, last);
	const nothing = { fault: undefined, path: [], bound: undefined };
	return { verdict: "safe", states: table.count, steps, depth: sample.length, ...nothing, sample };
}

function boundHit(table: Table, edges: Edges, bounds: Bounds): string | undefined {
	if (table.count > bounds.states) return `${bounds.states} states`;
	if (bytesOf(table) + 4 * edges.pairs.length > bounds.memory) return `${bounds.memory} bytes of memory`;
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

/** @returns the state's number, new or known */
function add(table: Table, state: Int32Array, parent: number, ordinal: number): number {
	const hash = hashOf(state);
	let slot = hash & (table.slots.length - 1);
	for (;;) {
		const found = table.slots[slot]! - 1;
		if (found < 0) break;
		if (table.hashes[found] === hash && isAt(table, found, state)) return found;
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
	return index;
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
	table.parents = doubled(table.parents);
	table.ordinals = doubled(table.ordinals);
	table.hashes = doubled(table.hashes);
}

function doubled(old: Int32Array): Int32Array {
	const larger = new Int32Array(2 * old.length);
	larger.set(old);
	return larger;
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
