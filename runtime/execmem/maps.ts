// What is mapped where, as in /proc/PID/maps: runs of pages of one kind, whose they are and what lies in them.

import { isThere, type Part } from "../../linker/link/part.ts";
import { namedByLoad } from "../load.ts";
import { LARGE_PAGE } from "../machine/page-entry.ts";
import { type Mapping, mappings } from "../machine/page-table.ts";
import { PAGE } from "../machine/state.ts";
import type { NamedMapping, System } from "../patch/system.ts";
import { type Allocator, type Area, allPieces, openAreas, type Piece } from "./allocator.ts";
import type { TypeName } from "./memory-types.ts";

export interface MapLine {
	readonly space: number;
	readonly address: number;
	readonly bytes: number;
	/** Bytes of each of its pages. */
	readonly page: number;
	/** `r-x` */
	readonly permissions: string;
	/** What the pages belong to: a pool of the allocator, or the program. */
	readonly type: TypeName | "image" | "stack" | "other";
	/** `[text]`, `pick .rodata`, `[stack cpu0]` */
	readonly name: string;
	/** What lies in a pool. */
	readonly pieces: readonly MapPiece[];
}

export interface MapPiece extends Omit<Piece, "node" | "wanted"> {
	/** The module and its sections, where a module has it. */
	readonly name: string;
}

/** Every mapping of every process, by process and address. */
export function mapsOf(system: System, allocator?: Allocator): MapLine[] {
	const names: Names = {
		areas: allocator === undefined ? [] : openAreas(allocator),
		named: [...system.named, ...namedByLoad(system.machine, system.spaces.length)],
		parts: system.image.parts,
	};
	const lines: MapLine[] = [];
	for (const mapping of mappings(system.machine)) {
		const line = lineOf(mapping, names);
		const last = lines.at(-1);
		if (last !== undefined && goesOn(last, line)) lines[lines.length - 1] = { ...last, bytes: last.bytes + line.bytes };
		else lines.push(line);
	}
	const pieces = allocator === undefined ? [] : piecesOf(allocator, system.image.parts);
	return lines.map((line) => ({ ...line, pieces: pieces.filter((piece) => isIn(line, piece)) }));
}

/** Every piece, with the name of the module that has it. */
function piecesOf(allocator: Allocator, parts: readonly Part[]): MapPiece[] {
	return Array.from(allPieces(allocator), ({ address, bytes, type }) => ({
		address,
		bytes,
		type,
		name: sectionsIn(parts, address, bytes),
	}));
}

interface Names {
	readonly areas: readonly Area[];
	readonly named: readonly NamedMapping[];
	readonly parts: readonly Part[];
}

function lineOf(mapping: Mapping, names: Names): MapLine {
	const { space, address, large, r, w, x } = mapping;
	const page = large ? LARGE_PAGE : PAGE;
	const permissions = `${r ? "r" : "-"}${w ? "w" : "-"}${x ? "x" : "-"}`;
	return { space, address, bytes: page, page, permissions, ...ownerOf(mapping, page, names), pieces: [] };
}

function ownerOf(
	{ space, address }: Mapping,
	page: number,
	{ areas, named, parts }: Names,
): Pick<MapLine, "type" | "name"> {
	const has = (each: { address: number; bytes: number }): boolean =>
		address >= each.address && address < each.address + each.bytes;
	const area = space === 0 ? areas.find(has) : undefined;
	if (area !== undefined) return { type: area.pool, name: `[${area.pool}]` };
	const known = named.find((each) => each.space === space && has(each));
	if (known !== undefined) return { type: known.name.startsWith("[stack") ? "stack" : "other", name: known.name };
	const segment = parts
		.flatMap(({ segments }) => segments)
		.find((each) => each.address < address + page && each.address + each.memorySize > address);
	if (segment === undefined) return { type: "other", name: "" };
	return { type: "image", name: sectionsIn(parts, segment.address, segment.memorySize) };
}

/** `pick .text .init.text`: the sections that lie in a range, of whatever part of the program. */
function sectionsIn(parts: readonly Part[], address: number, bytes: number): string {
	const texts = parts.map((part) => {
		const inside = part.elf.sections.filter(
			(each) =>
				isThere(part, each) && each.size > 0 && each.address < address + bytes && each.address + each.size > address,
		);
		return [part.elf.name, ...inside.map(({ name }) => name)];
	});
	return texts
		.filter(({ length }) => length > 1)
		.map((words) => words.join(" "))
		.join(", ");
}

function goesOn(last: MapLine, line: MapLine): boolean {
	const same = (["space", "page", "permissions", "type", "name"] as const).every((key) => last[key] === line[key]);
	return same && last.address + last.bytes === line.address;
}

function isIn(line: MapLine, piece: MapPiece): boolean {
	return line.space === 0 && piece.address < line.address + line.bytes && piece.address + piece.bytes > line.address;
}
