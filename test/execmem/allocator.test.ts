// The allocator beside one that is too simple to be wrong, and its edges one by one.

import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ArgumentError } from "../../linker/errors.ts";
import {
	type Allocator,
	type AllocatorOptions,
	allocate,
	allPieces,
	createAllocator,
	freePiece,
	openAreas,
	type Piece,
	type Request,
} from "../../runtime/execmem/allocator.ts";
import { allBlocks, UNIT } from "../../runtime/execmem/free-areas.ts";
import { AREA, memoryTypes, reachOf, typeNames } from "../../runtime/execmem/memory-types.ts";
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

function kindOf(result: ReturnType<typeof allocate> | ReturnType<typeof freePiece>): string {
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
			const result = freePiece(allocator, piece.address + offset);
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
			expect(kindOf(freePiece(allocator, address))).toBe(inside ? "inside-piece" : "double-free");
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
		fc.assert(fc.property(steps(nodes), play), { seed: 7, numRuns: 30 });
	});
});

function take(allocator: Allocator, request: Request): Piece {
	const result = allocate(allocator, request);
	if (!result.ok) throw new Error(result.error.why);
	return result.piece;
}

function isNear({ address }: Piece): boolean {
	return address >= space.near.start && address < space.near.end;
}

describe("ranges", () => {
	test("the last piece that fits is given, and no more", () => {
		const near = { start: AREA, end: 3 * AREA };
		const allocator = createAllocator({ near, anywhere: { start: AREA, end: 8 * AREA } });
		for (let i = 0; i < (2 * AREA) / 1024; i++)
			expect(isWithin(take(allocator, { type: "text", bytes: 1024, near: true }), near)).toBe(true);
		expect(kindOf(allocate(allocator, { type: "text", bytes: 1, near: true }))).toBe("no-room");
		expect(freePiece(allocator, 3 * AREA - 1024).ok).toBe(true);
		expect(take(allocator, { type: "text", bytes: 1024, near: true }).address).toBe(3 * AREA - 1024);
	});

	test("a range of exactly the size is enough, a byte less is not", () => {
		for (const size of [64, 4096, AREA, 3 * AREA]) {
			const start = 8 * AREA;
			const allocator = createAllocator(space);
			const request = { type: "data", bytes: size } as const;
			expect(kindOf(allocate(allocator, { ...request, near: { start, end: start + size - 1 } }))).toBe("too-large");
			expect(kindOf(allocate(allocator, { ...request, near: { start: start + 1, end: start + size } }))).toBe(
				"too-large",
			);
			expect(take(allocator, { ...request, near: { start, end: start + size } }).address).toBe(start);
		}
	});

	test("what is free out of range does not tempt", () => {
		const allocator = createAllocator(space);
		for (let i = 0; i < 3; i++) take(allocator, { type: "text", bytes: AREA, near: true });
		take(allocator, { type: "trampolines", bytes: 64, near: false });
		expect(kindOf(allocate(allocator, { type: "trampolines", bytes: 64 }))).toBe("no-room");
	});

	test("text falls back, and comes back", () => {
		const allocator = createAllocator(space);
		const near = Array.from({ length: 3 }, () => take(allocator, { type: "text", bytes: AREA }));
		expect(near.every(isNear)).toBe(true);
		expect(isNear(take(allocator, { type: "text", bytes: 64 }))).toBe(false);
		freePiece(allocator, near[1]!.address);
		expect(isNear(take(allocator, { type: "text", bytes: 64 }))).toBe(true);
	});

	test("what may lie anywhere takes what is near last", () => {
		const allocator = createAllocator(space);
		const far = Array.from({ length: 11 }, () => take(allocator, { type: "data", bytes: AREA }));
		expect(far.some(isNear)).toBe(false);
		expect(isNear(take(allocator, { type: "data", bytes: AREA }))).toBe(true);
	});

	test("every call of the image reaches all that is near, and is reached", () => {
		fc.assert(
			fc.property(fc.nat(2 ** 31), fc.nat(2 ** 26), (start, bytes) => {
				const end = start + bytes;
				const near = reachOf({ start, end });
				expect([near.start % AREA, near.end % AREA]).toEqual([0, 0]);
				const reaches = (from: number, to: number): boolean => to - from >= -(2 ** 27) && to - from < 2 ** 27;
				for (const target of [near.start, near.end - 1])
					for (const after of [start + 5, end]) expect(reaches(after, target)).toBe(true);
				for (const after of [near.start + 5, near.end])
					for (const target of [start, end - 1]) expect(reaches(after, target)).toBe(true);
				if (near.start > AREA) expect(reaches(end, near.start - AREA)).toBe(false);
				if (near.end < 2 ** 32) expect(reaches(near.end + AREA, start)).toBe(false);
			}),
			{ seed: 7 },
		);
	});

	test("an image too large to be reached leaves nothing near", () => {
		const { start, end } = reachOf({ start: 2 ** 28, end: 2 ** 29 });
		expect(end - start).toBe(0);
	});

	test("ranges are whole areas, one in the other", () => {
		const wrong = [
			{ near: { start: AREA, end: 2 * AREA - 64 }, anywhere: space.anywhere },
			{ near: { start: 0, end: AREA }, anywhere: { start: 0, end: AREA } },
			{ near: { start: AREA, end: 17 * AREA }, anywhere: space.anywhere },
		];
		for (const options of wrong) expect(() => createAllocator(options)).toThrow(ArgumentError);
	});
});

function isWithin({ address, bytes }: Piece, { start, end }: { start: number; end: number }): boolean {
	return address >= start && address + bytes <= end;
}

const requests: [Request, string, string][] = [
	[{ type: "text", bytes: 0 }, "zero-size", "0 bytes: a piece has at least one"],
	[{ type: "text", bytes: -64 }, "zero-size", "-64 bytes: a piece has at least one"],
	[{ type: "text", bytes: Number.NaN }, "zero-size", "NaN bytes: a piece has at least one"],
	[{ type: "text", bytes: 16 * AREA }, "too-large", "33554432 bytes of text: no range has more than 31457280"],
	[{ type: "text", bytes: 8, align: 24 }, "bad-alignment", "alignment 24 is no power of two up to 2097152"],
	[{ type: "text", bytes: 8, node: 1 }, "unknown-node", "no node 1: there are 1"],
	[{ type: "probes", bytes: 3 * AREA }, "no-room", "no room for 6291456 bytes of probes"],
];

describe("refusals", () => {
	test.each(requests)("%j: %s", (request, kind, why) => {
		const allocator = createAllocator(space);
		take(allocator, { type: "text", bytes: 100 });
		const before = stateOf(allocator);
		expect(allocate(allocator, request)).toEqual({ ok: false, error: { kind, why } });
		expect(stateOf(allocator)).toEqual(before);
	});

	test.each([
		["nothing there", 15 * AREA, undefined, "unknown-address", "nothing was allocated at 0x1e00000"],
		["the image", 3 * AREA, undefined, "unknown-address", "nothing was allocated at 0x600000"],
		["no address", -1, undefined, "unknown-address", "nothing was allocated at -0x1"],
		["beyond memory", 2 ** 32, undefined, "unknown-address", "nothing was allocated at 0x100000000"],
		["free beside a piece", 2 * AREA + 320, undefined, "unknown-address", "nothing was allocated at 0x400140"],
		["its second unit", 2 * AREA + 64, undefined, "inside-piece", "0x400040 lies in the 100 bytes of text at 0x400000"],
		["its second byte", 2 * AREA + 1, undefined, "inside-piece", "0x400001 lies in the 100 bytes of text at 0x400000"],
		["more than it", 2 * AREA, 200, "overlapping", "200 bytes at 0x400000 are not the 100 bytes of text at 0x400000"],
		["less than it", 2 * AREA, 64, "overlapping", "64 bytes at 0x400000 are not the 100 bytes of text at 0x400000"],
		["what is freed", 2 * AREA + 128, undefined, "double-free", "0x400080 is free already"],
		["a closed area", 9 * AREA, undefined, "double-free", "0x1200000 is free already"],
	] as const)("freeing %s", (_, address, bytes, kind, why) => {
		const allocator = createAllocator(space);
		expect(take(allocator, { type: "text", bytes: 100 }).address).toBe(2 * AREA);
		freePiece(allocator, take(allocator, { type: "text", bytes: 100 }).address);
		freePiece(
			allocator,
			take(allocator, { type: "data", bytes: 1, near: { start: 9 * AREA, end: 10 * AREA } }).address,
		);
		const before = stateOf(allocator);
		expect(freePiece(allocator, address, bytes)).toEqual({ ok: false, error: { kind, why } });
		expect(stateOf(allocator)).toEqual(before);
	});
});

describe("the documentation", () => {
	const page = readFileSync("docs/execmem.md", "utf8");

	test("has every type as it is", () => {
		const rows = typeNames.map((name) => {
			const { brief, pool, place, fallback, permissions, granularity, page: size } = memoryTypes[name];
			const rights = (["r", "w", "x"] as const).map((each) => (permissions[each] ? each : "-")).join("");
			const cells = [`\`${name}\``, brief, pool === name ? "" : `\`${pool}\``, place, fallback ?? "", rights];
			return `| ${[...cells, `${granularity} bytes`, size].join(" | ")} |\n`
				.replaceAll("|  |", "| |")
				.replaceAll("|  |", "| |");
		});
		expect(page).toContain(rows.join(""));
	});

	test("has every refusal", () => {
		const kinds = [...page.matchAll(/^\| `([a-z-]+)` \| [^|]+ \|$/gm)].map(([, kind]) => kind);
		for (const [, kind] of requests) expect(kinds).toContain(kind);
	});
});

describe("many pieces", () => {
	test("of few sizes: whatever is free can be had", () => {
		const allocator = createAllocator(space);
		const numbers = fc.sample(fc.nat(), { numRuns: 4000, seed: 7 });
		const live: number[] = [];
		for (const number of numbers) {
			if (live.length > 500 || number % 3 === 0) {
				const [address] = live.splice(number % Math.max(1, live.length), 1);
				if (address !== undefined) freePiece(allocator, address);
			} else live.push(take(allocator, { type: "text", bytes: 64 * (1 + (number % 4)) }).address);
		}
		for (let i = 0; i < live.length; i += 3) freePiece(allocator, live[i]!);
		const free = [...allBlocks(allocator.areas)].filter(({ used }) => used === undefined);
		expect(free.length).toBeGreaterThan(100);
		for (const { start, units } of free) {
			const near = { start: start * UNIT, end: (start + units) * UNIT };
			expect(take(allocator, { type: "text", bytes: units * UNIT, near }).address).toBe(near.start);
		}
		expect([...allBlocks(allocator.areas)].every(({ used }) => used !== undefined)).toBe(true);
	});
});

describe("large pages", () => {
	test("a thousand small texts need one, which goes back with the last of them", () => {
		const allocator = createAllocator(space);
		const texts = Array.from({ length: 1000 }, (_, i) => take(allocator, { type: "text", bytes: 1 + (i % 2000) }));
		expect(openAreas(allocator)).toMatchObject([{ pool: "text", large: true, bytes: AREA }]);
		const closed = texts.flatMap(({ address }, i) => {
			const result = freePiece(allocator, address);
			return result.ok && result.closed.length > 0 ? [i] : [];
		});
		expect(closed).toEqual([999]);
		expect(allocator.areas.owners.some((owner) => owner > 0)).toBe(false);
	});

	test("holes of freed init text are filled before anything else", () => {
		const allocator = createAllocator(space);
		const init: Piece[] = [];
		for (let i = 0; i < 100; i++) {
			take(allocator, { type: "text", bytes: 1000 });
			init.push(take(allocator, { type: "initText", bytes: 256 }));
		}
		for (const { address } of init) freePiece(allocator, address);
		const small = Array.from({ length: 100 }, () => take(allocator, { type: "text", bytes: 200 }).address);
		expect(small.sort((a, b) => a - b)).toEqual(init.map(({ address }) => address));
		expect(allocator.counts).toMatchObject({ reused: 100, opened: 1, closed: 0 });
	});

	test("a piece that grows out of an area uses what is free at its end", () => {
		const allocator = createAllocator(space);
		const near = { start: 8 * AREA, end: 9 * AREA };
		const first = take(allocator, { type: "data", bytes: AREA - 4096, near });
		const second = allocate(allocator, { type: "data", bytes: AREA + 4096 });
		expect(second).toMatchObject({ ok: true, piece: { address: first.address + AREA - 4096 } });
		expect(second.ok && second.opened.map(({ address }) => address)).toEqual([first.address + AREA]);
	});

	test("small pages come and go one by one", () => {
		const allocator = createAllocator({ ...space, largePages: false });
		const a = take(allocator, { type: "text", bytes: 3000 });
		const b = allocate(allocator, { type: "text", bytes: 3000 });
		expect(b.ok && b.opened).toMatchObject([{ address: a.address + 4096, bytes: 4096, large: false }]);
		const c = freePiece(allocator, a.address);
		expect(c.ok && c.closed).toEqual([]);
		const d = freePiece(allocator, b.ok ? b.piece.address : 0);
		expect(d.ok && d.closed).toMatchObject([{ address: a.address, bytes: 8192 }]);
	});
});

describe("nodes", () => {
	const nodes = { distances, bytes: [2 * AREA, 2 * AREA, 8192] };

	test("the closest that has memory gives it", () => {
		const allocator = createAllocator({ ...space, nodes });
		const given = Array.from({ length: 4 }, () => take(allocator, { type: "data", bytes: AREA, node: 1 }).node);
		expect(given).toEqual([1, 1, 0, 0]);
		expect(kindOf(allocate(allocator, { type: "data", bytes: AREA, node: 1 }))).toBe("no-room");
		expect(take(allocator, { type: "probes", bytes: 5000, node: 0 })).toMatchObject({ node: 2, wanted: 0 });
		expect(kindOf(allocate(allocator, { type: "probes", bytes: 5000, node: 0 }))).toBe("no-room");
		expect([...allocator.backed]).toEqual([2 * AREA, 2 * AREA, 8192]);
	});

	test("a node's own holes come first, then its own new areas", () => {
		const allocator = createAllocator({ ...space, nodes: { distances } });
		const [a, b] = [0, 2].map((node) => take(allocator, { type: "data", bytes: 64, node }));
		expect(Math.floor(a!.address / AREA)).not.toBe(Math.floor(b!.address / AREA));
		expect(take(allocator, { type: "data", bytes: 64, node: 0 }).address).toBe(a!.address + 64);
		expect(take(allocator, { type: "data", bytes: 64, node: 1 }).node).toBe(1);
	});
});
