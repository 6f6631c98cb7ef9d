// Times allocating and freeing text among 100,000 live pieces: `npm run bench:execmem`. Beside ours, in the same process
// and with the same requests: best fit over sorted-btree, and the general allocator @thi.ng/malloc if that is installed.
// All take turns, ratios are taken within a turn, the table has medians.

import { createRequire } from "node:module";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import sorted from "sorted-btree";
import { type Allocator, allocate, createAllocator, freePiece } from "../runtime/execmem/allocator.ts";
import { AREA, type Range } from "../runtime/execmem/memory-types.ts";
import { randomFrom } from "../runtime/measure/index.ts";

interface Contender {
	readonly name: string;
	/** Fraction of a round's operations that it gets: some are too slow for all of them. */
	readonly share: number;
	readonly allocate: (bytes: number) => number;
	readonly release: (address: number) => void;
}

const space: Range = { start: AREA, end: 512 * AREA };
const GRANULE = 64;

function ours(): Contender {
	const allocator: Allocator = createAllocator({ near: { start: AREA, end: 64 * AREA }, anywhere: space });
	return {
		name: "patchbay",
		share: 1,
		allocate(bytes) {
			const result = allocate(allocator, { type: "text", bytes });
			if (!result.ok) throw new Error(result.error.why);
			return result.piece.address;
		},
		release(address) {
			const result = freePiece(allocator, address);
			if (!result.ok) throw new Error(result.error.why);
		},
	};
}

/** Free intervals in two trees, by size and by address, as one would write it with a sorted map at hand. */
function overTrees(): Contender {
	const bySize = new sorted.default<number, undefined>();
	const byStart = new sorted.default<number, number>();
	const used = new Map<number, number>();
	const key = (start: number, size: number): number => (size / GRANULE) * 2 ** 26 + start / GRANULE;
	const add = (start: number, size: number): void => {
		bySize.set(key(start, size), undefined);
		byStart.set(start, size);
	};
	const remove = (start: number, size: number): void => {
		bySize.delete(key(start, size));
		byStart.delete(start);
	};
	add(space.start, space.end - space.start);
	return {
		name: "best fit over sorted-btree",
		share: 1,
		allocate(bytes) {
			const size = Math.ceil(bytes / GRANULE) * GRANULE;
			const found = bySize.nextHigherKey(key(0, size) - 1);
			if (found === undefined) throw new Error("no room");
			const start = (found % 2 ** 26) * GRANULE;
			const room = byStart.get(start)!;
			remove(start, room);
			if (room > size) add(start + size, room - size);
			used.set(start, size);
			return start;
		},
		release(address) {
			let start = address;
			let size = used.get(address)!;
			used.delete(address);
			const below = byStart.nextLowerPair(address);
			if (below !== undefined && below[0] + below[1] === address) {
				remove(...below);
				start = below[0];
				size += below[1];
			}
			const above = byStart.get(start + size);
			if (above !== undefined) {
				remove(start + size, above);
				size += above;
			}
			add(start, size);
		},
	};
}

interface Pool {
	malloc(bytes: number): number;
	free(address: number): boolean;
}

async function thing(): Promise<Contender | undefined> {
	try {
		const path = createRequire(`${process.cwd()}/package.json`).resolve("@thi.ng/malloc");
		const { MemPool } = (await import(path)) as { MemPool: new (options: object) => Pool };
		const pool = new MemPool({ size: 160 * AREA, align: GRANULE, minSplit: GRANULE });
		return {
			name: "@thi.ng/malloc",
			share: 0.01,
			allocate: (bytes) => pool.malloc(bytes),
			release: (address) => pool.free(address),
		};
	} catch {
		console.error("@thi.ng/malloc is not installed (npm install --no-save @thi.ng/malloc): left out");
		return undefined;
	}
}

/** Sizes as functions and modules have them: most are small. */
function sizeFrom(random: (bound: number) => number): number {
	return 1 + random(64 << random(7));
}

interface State {
	readonly contender: Contender;
	readonly random: (bound: number) => number;
	readonly live: { address: number; bytes: number }[];
}

function grow({ contender, random, live }: State, pieces: number): void {
	while (live.length < pieces) {
		const bytes = sizeFrom(random);
		live.push({ address: contender.allocate(bytes), bytes });
	}
}

/** Takes pieces at random out of those that live. */
function pick({ random, live }: State, count: number): number[] {
	return Array.from({ length: count }, () => {
		const at = random(live.length);
		const { address } = live[at]!;
		live[at] = live.at(-1)!;
		live.pop();
		return address;
	});
}

/** Microseconds per free and per allocation. */
function turn(state: State, operations: number): { release: number; allocate: number } {
	const count = Math.ceil(operations * state.contender.share);
	const victims = pick(state, count);
	const sizes = Array.from({ length: count }, () => sizeFrom(state.random));
	const start = performance.now();
	for (const address of victims) state.contender.release(address);
	const middle = performance.now();
	const addresses = sizes.map((bytes) => state.contender.allocate(bytes));
	const end = performance.now();
	for (const [i, bytes] of sizes.entries()) state.live.push({ address: addresses[i]!, bytes });
	return { release: ((middle - start) * 1000) / count, allocate: ((end - middle) * 1000) / count };
}

/** Bytes of the 2 MiB areas that hold something, over the bytes that were asked for. */
function waste({ live }: State): number {
	const areas = new Set<number>();
	let asked = 0;
	for (const { address, bytes } of live) {
		asked += bytes;
		for (let at = Math.floor(address / AREA); at * AREA < address + bytes; at++) areas.add(at);
	}
	return (areas.size * AREA) / asked;
}

function median(values: readonly number[]): number {
	return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

const { values } = parseArgs({
	options: {
		pieces: { type: "string", default: "100000" },
		operations: { type: "string", default: "50000" },
		rounds: { type: "string", default: "21" },
	},
});
const pieces = Number(values.pieces);
const operations = Math.min(Number(values.operations), pieces);
const general = await thing();
const states = [ours(), overTrees(), ...(general === undefined ? [] : [general])].map(
	(contender): State => ({ contender, random: randomFrom(12345), live: [] }),
);
for (const state of states) grow(state, pieces);
const turns = states.map(() => [] as ReturnType<typeof turn>[]);
for (let round = 0; round < Number(values.rounds); round++)
	for (const [i, state] of states.entries()) turns[i]!.push(turn(state, operations));
console.log(
	`${pieces.toLocaleString("en-US")} live pieces, ${values.rounds} rounds, ${cpus()[0]?.model}, Node ${process.versions.node}\n`,
);
console.log("| allocator | allocations/s | frees/s | allocation / ours | free / ours | held / asked for |");
console.log("|---|--:|--:|--:|--:|--:|");
for (const [i, state] of states.entries()) {
	const rate = (what: "allocate" | "release") =>
		Math.round(1e6 / median(turns[i]!.map((each) => each[what]))).toLocaleString("en-US");
	const ratio = (what: "allocate" | "release") =>
		median(turns[i]!.map((each, round) => each[what] / turns[0]![round]![what])).toFixed(2);
	console.log(
		`| ${[state.contender.name, rate("allocate"), rate("release"), ratio("allocate"), ratio("release"), waste(state).toFixed(2)].join(" | ")} |`,
	);
}
