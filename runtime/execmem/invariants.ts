// What must hold between any two calls of an execmem, told from the machine's page tables and memory, not from what the
// execmem did.

import { hex } from "../../linker/hex.ts";
import { isAllTraps, views } from "../machine/frames.ts";
import { unitsInFlux } from "../machine/histories.ts";
import { LARGE_PAGE, type Permissions } from "../machine/page-entry.ts";
import { extentOf, mappings } from "../machine/page-table.ts";
import { PAGE } from "../machine/state.ts";
import { writableAndExecutable } from "../machine/write-xor-execute.ts";
import { type Area, allPieces, openAreas, pieceAt } from "./allocator.ts";
import { memoryTypes } from "./memory-types.ts";
import type { Execmem, Owned } from "./pieces.ts";

/** @param deep looks at every byte of free memory too
 * @returns what does not hold, in words; undefined when all does */
export function brokenInvariant(execmem: Execmem, deep = true): string | undefined {
	for (const holds of deep ? [...invariants, ...ofBytes] : invariants) {
		const broken = holds(execmem);
		if (broken !== undefined) return broken;
	}
	return undefined;
}

const invariants = [
	neverBoth,
	piecesAreTheirs,
	pagesAreBacked,
	nothingElseIsMapped,
	framesAreCounted,
	freeFramesAreNobodys,
	rightsFit,
	freeTextIsSettled,
];
const ofBytes = [freeFramesAreTraps, freeTextIsTraps];

function neverBoth({ system }: Execmem): string | undefined {
	const frame = writableAndExecutable(system.machine);
	return frame === undefined ? undefined : `the frame at ${hex(frame)} is writable and executable`;
}

function piecesAreTheirs({ allocator, pieces }: Execmem): string | undefined {
	let end = 0;
	let count = 0;
	for (const { address, bytes } of allPieces(allocator)) {
		if (address < end) return `the piece at ${hex(address)} overlaps the one before`;
		if (!pieces.has(address)) return `nobody has the piece at ${hex(address)}`;
		end = address + bytes;
		count++;
	}
	return count === pieces.size ? undefined : "somebody has a piece that was not allocated";
}

/** Every open area has its pages, of its size: large ones are whole. */
function pagesAreBacked(execmem: Execmem): string | undefined {
	const { machine } = execmem.system;
	for (const { address, bytes, large } of openAreas(execmem.allocator)) {
		for (let at = address; at < address + bytes; at += large ? LARGE_PAGE : PAGE) {
			const extent = extentOf(machine, 0, at);
			if (extent === undefined) return `nothing is behind ${hex(at)}`;
			if (extent.bytes !== (large ? LARGE_PAGE : PAGE)) return `the page at ${hex(at)} has ${extent.bytes} bytes`;
		}
	}
	return undefined;
}

function nothingElseIsMapped({ system, allocator, options }: Execmem): string | undefined {
	const open = openAreas(allocator);
	const { start, end } = options.anywhere;
	const reserved = options.reserved ?? [];
	for (const { space, address } of mappings(system.machine)) {
		if (space !== 0 || address < start || address >= end) continue;
		const isIn = (from: number, to: number): boolean => address >= from - (from % PAGE) && address < to;
		if (open.some((area) => isIn(area.address, area.address + area.bytes))) continue;
		if (!reserved.some((range) => isIn(range.start, range.end))) return `${hex(address)} is mapped, and nobody's`;
	}
	return undefined;
}

/** No frame is lost, none is twice. */
function framesAreCounted(execmem: Execmem): string | undefined {
	const { frames } = execmem;
	const all = [...frames.free, ...usedFrames(execmem)].sort((a, b) => a.start - b.start);
	let bytes = 0;
	let last = 0;
	for (const { start, end } of all) {
		if (start < last) return `the frame at ${hex(start)} has two owners`;
		last = end;
		bytes += end - start;
	}
	return bytes === frames.bytes ? undefined : `${frames.bytes - bytes} bytes of frames are lost`;
}

function usedFrames({ system, allocator }: Execmem): { start: number; end: number }[] {
	return openAreas(allocator).flatMap(({ address, bytes, large }) => {
		const size = large ? LARGE_PAGE : PAGE;
		return Array.from({ length: bytes / size }, (_, i) => {
			const { physical } = extentOf(system.machine, 0, address + i * size)!;
			return { start: physical, end: physical + size };
		});
	});
}

function freeFramesAreTraps({ system, frames }: Execmem): string | undefined {
	const wrong = frames.free.find(({ start, end }) => !isAllTraps(system.machine, start, end - start));
	return wrong === undefined ? undefined : `free frames from ${hex(wrong.start)} are not all breakpoints`;
}

/** No CPU reaches them or holds anything older of them. */
function freeFramesAreNobodys({ system, frames }: Execmem): string | undefined {
	const { machine } = system;
	const reached = [...views(machine)];
	for (const { start, end } of frames.free) {
		if (unitsInFlux(machine, start, end).length > 0)
			return `a CPU may still hold code of the free frames from ${hex(start)}`;
		const seen = reached.find((view) => view.start < end && start < view.end);
		if (seen !== undefined) return `a CPU still reaches the free frame at ${hex(Math.max(seen.start, start))}`;
	}
	return undefined;
}

/** Where text is executable, whatever is in no piece is breakpoints; and so is what was freed. */
function freeTextIsTraps({ system, allocator, pieces }: Execmem): string | undefined {
	const { machine } = system;
	const used = [...allPieces(allocator)].filter(({ address }) => pieces.get(address)!.state !== "freed");
	for (const area of openAreas(allocator)) {
		if (!memoryTypes[area.pool].permissions.x || isOwn(area)) continue;
		let at = area.address;
		const own = used.filter((piece) => piece.address < area.address + area.bytes && end(piece) > area.address);
		for (const piece of [...own, { address: area.address + area.bytes, bytes: 0 }]) {
			for (; at < piece.address; at = nextPage(at)) {
				const extent = extentOf(machine, 0, at)!;
				const physical = extent.physical + (at & (extent.bytes - 1));
				const length = Math.min(piece.address, nextPage(at)) - at;
				if (!isAllTraps(machine, physical, length)) return `free text at ${hex(at)} is not all breakpoints`;
			}
			at = end(piece);
		}
	}
	return undefined;

	/** Pages that pieces have to themselves are executable only while somebody lives there. */
	function isOwn({ address, bytes }: Area): boolean {
		return [...pieces.values()].some(
			({ fill, piece }) => fill.before === "nothing" && piece.address >= address && piece.address < address + bytes,
		);
	}
}

/** No CPU holds anything older of text that no piece has, not even one that waits for the flush. */
function freeTextIsSettled({ system, allocator }: Execmem): string | undefined {
	const { machine } = system;
	for (const { address, bytes, large, pool } of openAreas(allocator)) {
		if (!memoryTypes[pool].permissions.x) continue;
		for (let at = address; at < address + bytes; at += large ? LARGE_PAGE : PAGE) {
			const { physical, bytes: length } = extentOf(machine, 0, at)!;
			for (const unit of unitsInFlux(machine, physical, physical + length)) {
				const place = at + unit - physical;
				// A unit may reach into a piece from before it.
				if (pieceAt(allocator, place) === undefined && pieceAt(allocator, place + 7) === undefined)
					return `a CPU may still hold code of free text at ${hex(place)}`;
			}
		}
	}
	return undefined;
}

function rightsFit({ system, pieces }: Execmem): string | undefined {
	const { machine } = system;
	const rights = new Map(
		mappings(machine)
			.filter(({ space }) => space === 0)
			.map((page) => [page.address, page]),
	);
	for (const owned of pieces.values()) {
		const { address, bytes } = owned.piece;
		const wanted = rightsOf(owned);
		for (let at = address - (address % PAGE); at < address + bytes; at += PAGE) {
			const large = rights.get(at - (at % LARGE_PAGE));
			const found = rights.get(at) ?? (large?.large === true ? large : nothing);
			if (found.r !== wanted.r || found.w !== wanted.w || found.x !== wanted.x)
				return `${hex(at)}, ${owned.state} ${owned.piece.type}, does not have its rights`;
		}
	}
	return undefined;
}

const nothing: Permissions = { r: false, w: false, x: false };

function rightsOf({ fill, piece, use, state }: Owned): Permissions {
	const { permissions } = memoryTypes[piece.type];
	if (fill.before === "mapped" || state === "finished") return permissions;
	return state === "freed" || use === "jit" ? nothing : { r: true, w: true, x: false };
}

function end({ address, bytes }: { readonly address: number; readonly bytes: number }): number {
	return address + bytes;
}

function nextPage(address: number): number {
	return address - (address % PAGE) + PAGE;
}
