// Address space for code and data that come later: which bytes belong to whom, and which pages must be there for them.
// It touches no machine. An area is a run of whole pages; it is opened when a first piece reaches into it and closed when
// the last one is gone, so memory that nobody uses is never kept. Whatever is refused leaves everything as it was.

import { ArgumentError } from "../../linker/errors.ts";
import { hex } from "../../linker/hex.ts";
import { PAGE } from "../machine/state.ts";
import {
	allBlocks,
	blockAt,
	createFreeAreas,
	type FreeAreas,
	findAreas,
	findBlock,
	ownerOf,
	putBack,
	reserve,
	type Spot,
	take,
	UNIT,
	type Wish,
	wasFreed,
} from "./free-areas.ts";
import {
	AREA,
	type MemoryType,
	memoryTypes,
	type Nearness,
	type Range,
	type TypeName,
	typeNames,
} from "./memory-types.ts";

/** The addresses and memory that an allocator may give out. */
export interface AllocatorOptions {
	/** Whole areas within reach of the image's calls (`reachOf`). */
	readonly near: Range;
	/** All that may be given out: whole areas, those of `near` among them; the first 2 MiB are not. */
	readonly anywhere: Range;
	/** What is taken already; areas that it touches are left alone. */
	readonly reserved?: readonly Range[];
	/** False: all pages are small. */
	readonly largePages?: boolean;
	/** One node that has no end of memory unless said otherwise. */
	readonly nodes?: Nodes;
}

/** Memory that is nearer to some CPUs than to others. */
export interface Nodes {
	/** From node to node, 10 being a node's distance from itself. */
	readonly distances: readonly (readonly number[])[];
	/** Bytes of each node; without, as many as are wanted. */
	readonly bytes?: readonly number[];
}

/** What somebody wants of the allocator. */
export interface Request {
	readonly type: TypeName;
	readonly bytes: number;
	/** A power of two; the type's granularity is enough unless said otherwise. */
	readonly align?: number;
	/** True: within reach of the image or not at all. False: anywhere. A range: in there or not at all. Otherwise as the
	 * type says, fallback included. */
	readonly near?: boolean | Range;
	/** The node whose memory is wanted; the closest one that has some gives it. */
	readonly node?: number;
}

/** Memory that was given out. */
export interface Piece {
	readonly address: number;
	/** As asked for; what is taken is that up to the next multiple of the type's granularity. */
	readonly bytes: number;
	readonly type: TypeName;
	readonly node: number;
	/** The node that was asked for. */
	readonly wanted: number;
}

/** A stretch of address space that the allocator took for a pool: one large page, or small ones. */
export interface Area {
	readonly address: number;
	readonly bytes: number;
	/** The pool that the pages belong to: a type that is its own pool. */
	readonly pool: TypeName;
	readonly node: number;
	/** One large page; otherwise small ones. */
	readonly large: boolean;
}

export type RefusalKind =
	| "zero-size"
	| "too-large"
	| "bad-alignment"
	| "unknown-node"
	| "no-room"
	| "unknown-address"
	| "inside-piece"
	| "double-free"
	| "overlapping";

export interface Refusal {
	readonly kind: RefusalKind;
	readonly why: string;
}
export interface Refused {
	readonly ok: false;
	readonly error: Refusal;
}
export type Allocated = { readonly ok: true; readonly piece: Piece; readonly opened: readonly Area[] } | Refused;
export type Released = { readonly ok: true; readonly piece: Piece; readonly closed: readonly Area[] } | Refused;

export interface AllocatorCounts {
	allocations: number;
	releases: number;
	/** Allocations that lie, at least in part, where an earlier piece lay. */
	reused: number;
	opened: number;
	closed: number;
	/** Now: pieces, and their bytes as taken. */
	pieces: number;
	bytes: number;
}

export interface Allocator {
	readonly options: AllocatorOptions;
	readonly areas: FreeAreas;
	/** Bytes of open areas by node. */
	readonly backed: Float64Array;
	readonly counts: AllocatorCounts;
	/** For each node, all nodes from the closest on. */
	readonly closest: readonly (readonly number[])[];
}

export function createAllocator(options: AllocatorOptions): Allocator {
	const { near, anywhere, reserved = [], nodes = { distances: [[10]] } } = options;
	for (const edge of [near.start, near.end, anywhere.start, anywhere.end])
		if (edge % AREA !== 0) throw new ArgumentError(`${hex(edge)}: ranges are whole areas of ${AREA} bytes`);
	if (anywhere.start < AREA || anywhere.end > 2 ** 32 || near.start < anywhere.start || near.end > anywhere.end)
		throw new ArgumentError("ranges lie one in the other between 2 MiB and 4 GiB");
	const count = nodes.distances.length;
	const areas = createFreeAreas(typeNames.length * count * 2);
	for (const { start, end } of reserved) reserve(areas, start, end);
	return {
		options,
		areas,
		backed: new Float64Array(count),
		counts: { allocations: 0, releases: 0, reused: 0, opened: 0, closed: 0, pieces: 0, bytes: 0 },
		closest: nodes.distances.map((row) => row.map((_, i) => i).sort((a, b) => row[a]! - row[b]!)),
	};
}

export function allocate(allocator: Allocator, request: Request): Allocated {
	const { areas, counts, backed } = allocator;
	const found = validate(allocator, request) ?? find(allocator, request);
	if (!("spot" in found)) return found;
	const { spot, wish, pool } = found;
	const wanted = request.node ?? 0;
	const tag = typeNames.indexOf(request.type) + wanted * 16;
	const opened = pagesOf(allocator, pool, spot.start, spot.end, spot.at, spot.at + wish.units);
	if (take(areas, pool, spot, wish, request.bytes, tag)) counts.reused++;
	counts.allocations++;
	counts.pieces++;
	counts.bytes += wish.units * UNIT;
	counts.opened += opened.length;
	for (const { node, bytes } of opened) backed[node]! += bytes;
	return { ok: true, piece: pieceFrom(allocator, spot.at, request.bytes, tag), opened };
}

/** @param bytes when given, how many are meant; others than the piece has are refused */
export function freePiece(allocator: Allocator, address: number, bytes?: number): Released {
	const { areas, counts, backed } = allocator;
	const unit = address / UNIT;
	const piece = pieceAt(allocator, address);
	const why = refuseRelease(allocator, address, piece, bytes);
	if (why !== undefined) return why;
	const units = blockAt(areas, unit)!.units;
	const pool = ownerOf(areas, unit)!;
	const { start, end } = putBack(areas, pool, unit);
	const closed = pagesOf(allocator, pool, start, end, unit, unit + units);
	counts.releases++;
	counts.pieces--;
	counts.bytes -= units * UNIT;
	counts.closed += closed.length;
	for (const area of closed) backed[area.node]! -= area.bytes;
	return { ok: true, piece: piece!, closed };
}

/** The piece that an address lies in, up to its last byte as taken. */
export function pieceAt(allocator: Allocator, address: number): Piece | undefined {
	if (!(address >= 0 && address < 2 ** 32)) return undefined;
	const block = blockAt(allocator.areas, Math.floor(address / UNIT));
	return block?.used && pieceFrom(allocator, block.start, block.used.bytes, block.used.tag);
}

/** Behind the last byte that a piece takes. */
export function endOf({ address, bytes, type }: Pick<Piece, "address" | "bytes" | "type">): number {
	const { granularity } = memoryTypes[type];
	return address + Math.ceil(bytes / granularity) * granularity;
}

/** Every piece, by address. */
export function* allPieces(allocator: Allocator): Generator<Piece> {
	for (const { start, used } of allBlocks(allocator.areas))
		if (used !== undefined) yield pieceFrom(allocator, start, used.bytes, used.tag);
}

/** Every open area, by address. */
export function openAreas(allocator: Allocator): Area[] {
	const runs: { pool: number; first: number; last: number }[] = [];
	for (const { start, units, used, pool } of allBlocks(allocator.areas)) {
		if (used === undefined) continue;
		const page = pageOf(allocator, pool) / UNIT;
		const [first, last] = [Math.floor(start / page) * page, Math.ceil((start + units) / page) * page];
		const run = runs.at(-1);
		if (run?.pool === pool && first <= run.last) run.last = last;
		else runs.push({ pool, first, last });
	}
	return runs.flatMap(({ pool, first, last }) => pagesOf(allocator, pool, first, last, first, last));
}

interface Found {
	readonly spot: Spot;
	readonly wish: Wish;
	readonly pool: number;
}

function validate({ closest }: Allocator, { bytes, align = 1, node = 0 }: Request): Refused | undefined {
	if (!(Number.isInteger(bytes) && bytes > 0)) return refuse("zero-size", `${bytes} bytes: a piece has at least one`);
	if (!(align >= 1 && align <= AREA && Number.isInteger(Math.log2(align))))
		return refuse("bad-alignment", `alignment ${align} is no power of two up to ${AREA}`);
	if (closest[node] === undefined) return refuse("unknown-node", `no node ${node}: there are ${closest.length}`);
	return undefined;
}

function find(allocator: Allocator, request: Request): Found | Refused {
	const type = memoryTypes[request.type];
	const size = Math.ceil(request.bytes / type.granularity) * type.granularity;
	const align = Math.max(type.granularity, request.align ?? 1) / UNIT;
	const tries = placesFor(allocator, type, request.near);
	for (const { range, places } of tries) {
		const start = Math.ceil(range.start / UNIT);
		const wish = { units: size / UNIT, align, start, end: Math.floor(range.end / UNIT) };
		for (const node of allocator.closest[request.node ?? 0]!) {
			const found = findOn(allocator, type, node, places, wish);
			if (found !== undefined) return found;
		}
	}
	const room = Math.max(...tries.map(({ range }) => range.end - range.start));
	if (size > room) return refuse("too-large", `${request.bytes} bytes of ${type.name}: no range has more than ${room}`);
	return refuse("no-room", `no room for ${request.bytes} bytes of ${type.name}`);
}

/** What is free in areas that the type's pool has, then areas of nobody. */
function findOn(
	allocator: Allocator,
	type: MemoryType,
	node: number,
	places: readonly Nearness[],
	wish: Wish,
): Found | undefined {
	for (const claiming of [false, true]) {
		for (const place of places) {
			const pool = poolOf(allocator, type, node, place);
			const spot = claiming ? findNew(allocator, pool, place, wish) : findBlock(allocator.areas, pool, wish);
			if (spot !== undefined && hasMemory(allocator, node, pool, spot, wish)) return { spot, wish, pool };
		}
	}
	return undefined;
}

function findNew({ areas, options }: Allocator, pool: number, place: Nearness, wish: Wish): Spot | undefined {
	const { near, anywhere } = options;
	const far = [
		{ start: anywhere.start, end: near.start },
		{ start: near.end, end: anywhere.end },
	];
	for (const { start, end } of place === "near" ? [near] : far) {
		const spot = findAreas(areas, pool, wish, start / AREA, end / AREA);
		if (spot !== undefined) return spot;
	}
	return undefined;
}

/** Whether the node has the memory for the pages that a piece needs besides those that are open. */
function hasMemory(allocator: Allocator, node: number, pool: number, spot: Spot, { units }: Wish): boolean {
	const limit = allocator.options.nodes?.bytes?.[node];
	if (limit === undefined) return true;
	const opened = pagesOf(allocator, pool, spot.start, spot.end, spot.at, spot.at + units);
	return allocator.backed[node]! + opened.reduce((sum, { bytes }) => sum + bytes, 0) <= limit;
}

/** Where a request may go, in order; what is near is given to those that ask for anything when nothing else is left. */
function placesFor(
	{ options }: Allocator,
	type: MemoryType,
	near: boolean | Range | undefined,
): { range: Range; places: readonly Nearness[] }[] {
	if (typeof near === "object") return [{ range: near, places: ["near", "anywhere"] }];
	const wanted: readonly (Nearness | undefined)[] =
		near === undefined ? [type.place, type.fallback] : [near ? "near" : "anywhere"];
	return wanted.flatMap((place) => {
		if (place === undefined) return [];
		return { range: options[place], places: place === "near" ? ["near"] : ["anywhere", "near"] };
	});
}

/** Pools have areas of one node and one side of the border of what is near. */
function poolOf({ closest }: Allocator, type: MemoryType, node: number, place: Nearness): number {
	return (typeNames.indexOf(type.pool) * closest.length + node) * 2 + (place === "near" ? 0 : 1);
}

function typeOf({ closest }: Allocator, pool: number): TypeName {
	return typeNames[Math.floor(pool / 2 / closest.length)]!;
}

function nodeOf({ closest }: Allocator, pool: number): number {
	return (pool >> 1) % closest.length;
}

function pageOf(allocator: Allocator, pool: number): number {
	const large = allocator.options.largePages !== false && memoryTypes[typeOf(allocator, pool)].page === "large";
	return large ? AREA : PAGE;
}

/** The pages that a piece from `at` to `to` touches and nothing else in use does, of free units from `start` to `end`. */
function pagesOf(allocator: Allocator, pool: number, start: number, end: number, at: number, to: number): Area[] {
	const bytes = pageOf(allocator, pool);
	const page = bytes / UNIT;
	const first = Math.max(Math.floor(at / page), Math.ceil(start / page));
	const count = Math.min(Math.ceil(to / page), Math.floor(end / page)) - first;
	if (count <= 0) return [];
	const large = bytes === AREA;
	const area = { address: first * bytes, bytes, pool: typeOf(allocator, pool), node: nodeOf(allocator, pool), large };
	if (!large) return [{ ...area, bytes: count * bytes }];
	return Array.from({ length: count }, (_, i) => ({ ...area, address: (first + i) * bytes }));
}

function pieceFrom(allocator: Allocator, unit: number, bytes: number, tag: number): Piece {
	const node = nodeOf(allocator, ownerOf(allocator.areas, unit)!);
	return { address: unit * UNIT, bytes, type: typeNames[tag & 15]!, node, wanted: tag >> 4 };
}

function refuseRelease(
	{ areas }: Allocator,
	address: number,
	piece: Piece | undefined,
	bytes: number | undefined,
): Refused | undefined {
	if (piece === undefined) {
		if (address % UNIT === 0 && address >= 0 && address < 2 ** 32 && wasFreed(areas, address / UNIT))
			return refuse("double-free", `${hex(address)} is free already`);
		return refuse("unknown-address", `nothing was allocated at ${hex(address)}`);
	}
	const what = `the ${piece.bytes} bytes of ${piece.type} at ${hex(piece.address)}`;
	if (piece.address !== address) return refuse("inside-piece", `${hex(address)} lies in ${what}`);
	if (bytes !== undefined && bytes !== piece.bytes)
		return refuse("overlapping", `${bytes} bytes at ${hex(address)} are not ${what}`);
	return undefined;
}

function refuse(kind: RefusalKind, why: string): Refused {
	return { ok: false, error: { kind, why } };
}
