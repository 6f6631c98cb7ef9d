// The allocator beside one that is too simple to be wrong, and its edges one by one.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
	type Allocator,
	type AllocatorOptions,
	allocate,
	allPieces,
	createAllocator,
	openAreas,
	type Request,
	release,
} from "../runtime/execmem/allocator.ts";
import { allBlocks, UNIT } from "../runtime/execmem/free-areas.ts";
import { AREA, memoryTypes, typeNames } from "../runtime/execmem/memory-types.ts";
import { choicesFor, endOf, fits, type Naive, ownerOf, pagesNeeded, pagesOfArea, sizeOf } from "./naive-allocator.ts";

const space: AllocatorOptions = {
	near: { start: 2 * AREA, end: 6 * AREA },
	anywhere: { start: AREA, end: 16 * AREA },
	reserved: [{ start: 3 * AREA + 100, end: 4 * AREA - 100 }],
};
const distances = [
	[10, 30, 20],
	[30, 10, 20],
	[20, 20, 10],
];

function kindOf(result: ReturnType<typeof allocate> | ReturnType<typeof release>): string {
	return result.ok ? "ok" : result.error.kind;
}

/** All that there is to know of an allocator, but the order of its lists. */
function stateOf(allocator: Allocator): unknown {
	return [[...allBlocks(allocator.areas)], { ...allocator.counts }, [...allocator.backed]];
}

interface Real {
	readonly allocator: Allocator;
	/** As opened and closed so far. */
	readonly open: Map<number, number>;
}
type Step = fc.Command<Naive, Real>;

function allocateStep(request: Request): Step {
	return {
		check: () => true,
		toString: () => `allocate ${JSON.stringify(request)}`,
		run(naive, { allocator, open }) {
			const before = stateOf(allocator);
			const choice = choicesFor(naive, request).find(({ range, node }) => fits(naive, request, range, node));
			const result = allocate(allocator, request);
			if (!result.ok) {
				expect(choice).toBe(undefined);
				expect(stateOf(allocator)).toEqual(before);
				return;
			}
			const { piece } = result;
			expect(piece).toMatchObject({ type: request.type, bytes: request.bytes, node: choice?.node });
			expect(piece.address).toBeGreaterThanOrEqual(choice!.range.start);
			expect(endOf(piece)).toBeLessThanOrEqual(choice!.range.end);
			expect(piece.address % Math.max(memoryTypes[piece.type].granularity, request.align ?? 1)).toBe(0);
			for (const other of naive.pieces.values())
				expect(endOf(other) <= piece.address || other.address >= endOf(piece)).toBe(true);
			naive.pieces.set(piece.address, piece);
			for (const area of result.opened)
				for (const page of pagesOfArea(area)) {
					expect(open.has(page)).toBe(false);
					open.set(page, area.large ? AREA : 4096);
				}
			agree(naive, { allocator, open });
		},
	};
}

function releaseStep(choice: number, offset: number): Step {
	return {
		check: ({ pieces }) => pieces.size > 0,
		toString: () => `release ${choice} ${offset}`,
		run(naive, { allocator, open }) {
			const piece = [...naive.pieces.values()][choice % naive.pieces.size]!;
			const result = release(allocator, piece.address + offset);
			if (offset !== 0) {
				const inside = offset > 0 && offset < sizeOf(piece);
				if (inside) expect(kindOf(result)).toBe("inside-piece");
				expect(result.ok && !naive.pieces.has(piece.address + offset)).toBe(false);
				if (!result.ok) return;
			}
			if (!result.ok) throw new Error(result.error.why);
			naive.pieces.delete(result.piece.address);
			naive.freed.add(result.piece.address);
			for (const area of result.closed) for (const page of pagesOfArea(area)) expect(open.delete(page)).toBe(true);
			agree(naive, { allocator, open });
		},
	};
}

/** Frees what is free. */
function releaseAgain(choice: number): Step {
	return {
		check: ({ freed }) => freed.size > 0,
		toString: () => `release again ${choice}`,
		run(naive, { allocator }) {
			const address = [...naive.freed][choice % naive.freed.size]!;
			if (naive.pieces.has(address)) return;
			const inside = [...naive.pieces.values()].some((piece) => piece.address < address && endOf(piece) > address);
			expect(kindOf(release(allocator, address))).toBe(inside ? "inside-piece" : "double-free");
		},
	};
}

/** Everything that must hold of an allocator with these pieces. */
function agree(naive: Naive, { allocator, open }: Real): void {
	const pieces = [...naive.pieces.values()].sort((a, b) => a.address - b.address);
	expect([...allPieces(allocator)]).toEqual(pieces);
	expect(open).toEqual(pagesNeeded(naive));
	const listed = openAreas(allocator);
	expect(new Set(listed.flatMap(pagesOfArea))).toEqual(new Set(open.keys()));
	expect(allocator.backed.reduce((a, b) => a + b)).toBe(listed.reduce((sum, { bytes }) => sum + bytes, 0));
	expect(allocator.counts.bytes).toBe(pieces.reduce((sum, piece) => sum + sizeOf(piece), 0));
	expect(allocator.counts).toMatchObject({
		pieces: pieces.length,
		releases: allocator.counts.allocations - pieces.length,
	});
	const owned = new Map<number, number>();
	let last: { end: number; pool: number; free: boolean } | undefined;
	for (const { start, units, used, pool } of allBlocks(allocator.areas)) {
		expect(last?.free === true && used === undefined && last.pool === pool && last.end === start).toBe(false);
		last = { end: start + units, pool, free: used === undefined };
		for (let area = Math.floor((start * UNIT) / AREA); area * AREA < (start + units) * UNIT; area++)
			owned.set(area, pool);
	}
	for (let area = 0; area < 17; area++) expect(owned.has(area)).toBe(ownerOf(naive, area * AREA) !== undefined);
}

const bytes = fc.oneof(
	{ weight: 6, arbitrary: fc.integer({ min: 1, max: 9000 }) },
	{ weight: 2, arbitrary: fc.integer({ min: 1, max: AREA }) },
	{ weight: 1, arbitrary: fc.constantFrom(AREA - 64, AREA, AREA + 1, 2 * AREA, 3 * AREA, 40 * AREA) },
);
const unit = fc.integer({ min: 0, max: (17 * AREA) / UNIT }).map((each) => each * UNIT);
const within = fc.tuple(unit, unit).map(([a, b]) => ({ start: Math.min(a, b), end: Math.max(a, b) }));

function steps(nodes: number): fc.Arbitrary<Iterable<Step>> {
	const request: fc.Arbitrary<Request> = fc.record(
		{
			type: fc.constantFrom(...typeNames),
			bytes,
			align: fc.constantFrom(1, 64, 256, 4096, 65536, AREA),
			near: fc.oneof(fc.boolean(), within),
			node: fc.nat(nodes - 1),
		},
		{ requiredKeys: ["type", "bytes"] },
	);
	const offset = fc.constantFrom(0, 0, 0, 1, 64, -64, 4096);
	const some = [
		request.map(allocateStep),
		request.map(allocateStep),
		fc.tuple(fc.nat(), offset).map(([choice, by]) => releaseStep(choice, by)),
		fc.nat().map(releaseAgain),
	];
	return fc.commands(some, { maxCommands: 60, size: "max" });
}

describe("beside the naive one", () => {
	test.each([
		["large pages", space, 1],
		["small pages", { ...space, largePages: false }, 1],
		["nodes", { ...space, nodes: { distances } }, 3],
	])("%s", (_, options, nodes) => {
		const play = (commands: Iterable<Step>): void => {
			const model: Naive = { options, pieces: new Map(), freed: new Set() };
			fc.modelRun(() => ({ model, real: { allocator: createAllocator(options), open: new Map() } }), commands);
		};
		fc.assert(fc.property(steps(nodes), play), { seed: 7, numRuns: 150 });
	});
});
