// What the allocator promises, written down as slowly and plainly as possible: lists of pieces, searched from the start.

import type { Allocator, Area, Piece, Request } from "../../runtime/execmem/allocator.ts";
import { AREA, memoryTypes, type Nearness, type Range } from "../../runtime/execmem/memory-types.ts";
import { PAGE } from "../../runtime/machine/index.ts";

export interface Naive {
	readonly options: Allocator["options"];
	readonly pieces: Map<number, Piece>;
	/** Addresses of pieces that were freed. */
	readonly freed: Set<number>;
}

/** Bytes that a piece takes. */
export function sizeOf({ type, bytes }: Pick<Piece, "type" | "bytes">): number {
	const { granularity } = memoryTypes[type];
	return Math.ceil(bytes / granularity) * granularity;
}

export function endOf(piece: Piece): number {
	return piece.address + sizeOf(piece);
}

function isNear({ options }: Naive, address: number): boolean {
	return address >= options.near.start && address < options.near.end;
}

/** Who owns a 2 MiB area: what all pieces in it have in common. */
export function ownerOf(naive: Naive, area: number): string | undefined {
	const owners = new Set<string>();
	for (const piece of naive.pieces.values())
		if (piece.address < area + AREA && endOf(piece) > area) owners.add(groupOf(naive, piece));
	if (owners.size > 1) throw new Error(`shared: ${[...owners]}`);
	return [...owners][0];
}

function groupOf(naive: Naive, piece: Piece): string {
	return `${memoryTypes[piece.type].pool} ${piece.node} ${isNear(naive, piece.address)}`;
}

/** Every page that some piece touches: its address -> its size. */
export function pagesNeeded(naive: Naive): Map<number, number> {
	const pages = new Map<number, number>();
	for (const piece of naive.pieces.values()) {
		const page = pageOf(naive, piece);
		for (let at = Math.floor(piece.address / page) * page; at < endOf(piece); at += page) pages.set(at, page);
	}
	return pages;
}

export function pageOf({ options }: Naive, { type }: Pick<Piece, "type">): number {
	const { page } = memoryTypes[memoryTypes[type].pool];
	return options.largePages !== false && page === "large" ? AREA : PAGE;
}

export function pagesOfArea({ address, bytes, large }: Area): number[] {
	const page = large ? AREA : PAGE;
	return Array.from({ length: bytes / page }, (_, i) => address + i * page);
}

/** The ranges and nodes that a request may get, best first. */
export function choicesFor(naive: Naive, { type, near, node = 0 }: Request): { range: Range; node: number }[] {
	const { options } = naive;
	const { place, fallback } = memoryTypes[type];
	const of = (each: Nearness | undefined): Range[] => (each === undefined ? [] : [options[each]]);
	const ranges =
		typeof near === "object"
			? [near]
			: near === undefined
				? [...of(place), ...of(fallback)]
				: of(near ? "near" : "anywhere");
	const distances = options.nodes?.distances[node] ?? [10];
	const nodes = distances.map((_, i) => i).sort((a, b) => distances[a]! - distances[b]!);
	return ranges.flatMap((range) => nodes.map((each) => ({ range, node: each })));
}

/** Whether a piece of one side of the border fits into a range, memory aside. */
export function fits(naive: Naive, request: Request, range: Range, node: number): boolean {
	const { near, anywhere } = naive.options;
	const sides = [near, { start: anywhere.start, end: near.start }, { start: near.end, end: anywhere.end }];
	return sides.some((side) => fitsIn(naive, request, range, node, side));
}

function fitsIn(naive: Naive, request: Request, range: Range, node: number, side: Range): boolean {
	const align = Math.max(memoryTypes[request.type].granularity, request.align ?? 1);
	const size = sizeOf(request);
	const wanted = `${memoryTypes[request.type].pool} ${node} ${isNear(naive, side.start)}`;
	let free = side.start;
	const tryUpTo = (end: number): boolean => {
		const at = Math.ceil(Math.max(free, range.start) / align) * align;
		return at + size <= Math.min(end, range.end);
	};
	for (let area = side.start; area < side.end; area += AREA) {
		const owner = ownerOf(naive, area);
		if (isReserved(naive, area) || (owner !== undefined && owner !== wanted)) {
			if (tryUpTo(area)) return true;
			free = area + AREA;
			continue;
		}
		for (const piece of [...naive.pieces.values()].sort((a, b) => a.address - b.address)) {
			if (piece.address < area || piece.address >= area + AREA) continue;
			if (tryUpTo(piece.address)) return true;
			free = Math.max(free, endOf(piece));
		}
	}
	return tryUpTo(side.end);
}

function isReserved({ options }: Naive, area: number): boolean {
	return (options.reserved ?? []).some(({ start, end }) => start < area + AREA && end > area);
}
