// What an allocator's memory looks like, in numbers: how full it is, how broken up, what its pages cost a TLB.

import { LARGE_PAGE } from "../machine/page-entry.ts";
import { mappings } from "../machine/page-table.ts";
import type { CostProfile } from "../machine/profile.ts";
import { type Machine, PAGE } from "../machine/state.ts";
import type { System } from "../patch/system.ts";
import { type Allocator, type AllocatorCounts, type Area, allPieces, endOf, openAreas } from "./allocator.ts";
import { type CallCounts, countCalls } from "./count-calls.ts";
import { memoryTypes, type Range, type TypeName, typeNames } from "./memory-types.ts";

export interface PoolStats {
	readonly pool: TypeName;
	readonly pieces: number;
	/** As taken, in open areas, and free in them. */
	readonly bytes: number;
	readonly backed: number;
	readonly free: number;
	readonly largestFree: number;
	/** 1 - largest free block / all that is free: 0 when a piece of all of it would fit. */
	readonly fragmentation: number;
	/** Bytes in use / bytes of open areas. */
	readonly utilization: number;
}

export interface ExecmemStats {
	readonly pools: readonly PoolStats[];
	readonly counts: Readonly<AllocatorCounts>;
	/** Large areas that large pages map, and that small ones do. */
	readonly largePages: { readonly kept: number; readonly split: number };
	/** Entries that all code needs in a TLB: if all of it lay in 4 KiB pages, and as it is mapped. */
	readonly tlb: { readonly small: number; readonly mapped: number };
	/** Rounds of TLB flushes for what was freed, and the frees they were for. */
	readonly shootdowns: number;
	readonly freed: number;
	/** How often the modules' calls go where. */
	readonly calls: CallCounts;
	/** Pieces by the distance of their memory from where it was wanted, and the cycles that running through all of it once
	 * takes more than if it were near. */
	readonly nodes: readonly { readonly distance: number; readonly pieces: number; readonly cycles: number }[];
}

export function statsOf(
	system: System,
	allocator: Allocator,
	freeing: { readonly shootdowns: number; readonly freed: number } = { shootdowns: 0, freed: 0 },
): ExecmemStats {
	const { machine, image } = system;
	const calls = image.parts.slice(1).map(({ elf }) => countCalls(elf));
	const sum = (of: keyof CallCounts): number => calls.reduce((total, each) => total + each[of], 0);
	return {
		pools: typeNames.filter((name) => memoryTypes[name].pool === name).map((pool) => poolStats(allocator, pool)),
		counts: { ...allocator.counts },
		largePages: largePages(machine, allocator),
		tlb: tlbEntries(machine, allocator),
		...freeing,
		calls: { calls: sum("calls"), far: sum("far"), thunks: sum("thunks") },
		nodes: nodeStats(allocator, machine.config.profile),
	};
}

function poolStats(allocator: Allocator, pool: TypeName): PoolStats {
	const pieces = [...allPieces(allocator)].filter(({ type }) => memoryTypes[type].pool === pool);
	const runs = runsOf(openAreas(allocator).filter((area) => area.pool === pool));
	const gaps: number[] = [];
	let next = 0;
	for (const { start, end } of runs) {
		let at = start;
		for (; next < pieces.length && pieces[next]!.address < end; next++) {
			gaps.push(pieces[next]!.address - at);
			at = endOf(pieces[next]!);
		}
		gaps.push(end - at);
	}
	const bytes = pieces.reduce((sum, piece) => sum + endOf(piece) - piece.address, 0);
	const backed = runs.reduce((sum, { start, end }) => sum + end - start, 0);
	const free = backed - bytes;
	const largestFree = gaps.reduce((a, b) => Math.max(a, b), 0);
	const fragmentation = free === 0 ? 0 : 1 - largestFree / free;
	const utilization = backed === 0 ? 0 : bytes / backed;
	return { pool, pieces: pieces.length, bytes, backed, free, largestFree, fragmentation, utilization };
}

/** Areas of one node that follow each other, as one. */
function runsOf(areas: readonly Area[]): Range[] {
	const runs: { start: number; end: number; node: number }[] = [];
	for (const { address, bytes, node } of areas) {
		const last = runs.at(-1);
		if (last?.end === address && last.node === node) last.end += bytes;
		else runs.push({ start: address, end: address + bytes, node });
	}
	return runs;
}

function largePages(machine: Machine, allocator: Allocator): ExecmemStats["largePages"] {
	const large = new Set(openAreas(allocator).flatMap((area) => (area.large ? [area.address] : [])));
	let kept = 0;
	const split = new Set<number>();
	for (const mapping of mappings(machine)) {
		const area = mapping.address - (mapping.address % LARGE_PAGE);
		if (mapping.space !== 0 || !large.has(area)) continue;
		if (mapping.large) kept++;
		else split.add(area);
	}
	return { kept, split: split.size };
}

/** How many TLB entries map the areas; with small pages, only what pieces touch would need them. */
function tlbEntries(machine: Machine, allocator: Allocator): ExecmemStats["tlb"] {
	const areas = openAreas(allocator);
	const code = mappings(machine).filter(({ space, x }) => space === 0 && x);
	const pages = new Set<number>();
	for (const { address, large } of code) if (!large) pages.add(address);
	const mapped = code.length;
	for (const area of areas) for (let at = area.address; at < area.address + area.bytes; at += PAGE) pages.delete(at);
	for (const piece of allPieces(allocator)) {
		if (!memoryTypes[piece.type].permissions.x) continue;
		for (let at = piece.address - (piece.address % PAGE); at < endOf(piece); at += PAGE) pages.add(at);
	}
	return { small: pages.size, mapped };
}

function nodeStats(allocator: Allocator, { farLine }: CostProfile): ExecmemStats["nodes"] {
	const distances = allocator.options.nodes?.distances ?? [[10]];
	const nodes = new Map<number, { pieces: number; cycles: number }>();
	for (const { node, wanted, bytes } of allPieces(allocator)) {
		const distance = distances[wanted]![node]!;
		const extra = Math.ceil(bytes / 64) * farLine * ((distance - distances[wanted]![wanted]!) / 10);
		const { pieces, cycles } = nodes.get(distance) ?? { pieces: 0, cycles: 0 };
		nodes.set(distance, { pieces: pieces + 1, cycles: cycles + extra });
	}
	return [...nodes].sort(([a], [b]) => a - b).map(([distance, each]) => ({ distance, ...each }));
}
