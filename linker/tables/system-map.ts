// A kernel's System.map: addresses, types and names of symbols, one a line, for a kernel that was stripped of its own.

import { type ElfObject, SHF_ALLOC, SHN_ABS, STB_GLOBAL, STB_LOCAL, STT_FUNC, STT_NOTYPE } from "../elf/object.ts";
import { allocateSymbols } from "../elf/tables.ts";
import { LinkError } from "../errors.ts";

/** The linked file with the map's symbols in the place of its own. Symbols of code (t, T, w, W) are functions; a map says no
 * sizes, so each covers what lies before the next.
 * @param map its text @param name the map's, for messages
 * @throws LinkError for a line that is none of a map */
export function withSystemMap(object: ElfObject, map: string, name: string): ElfObject {
	const rows = readMap(map, name);
	const strings = new TextEncoder().encode(`\0${rows.map((row) => `${row.name}\0`).join("")}`);
	const symbols = allocateSymbols(rows.length + 1, strings);
	const sectionOf = sectionFinder(object);
	for (let i = 0, at = 1; i < rows.length; i++) {
		const { address, letter, name: text } = rows[i]!;
		const isFunction = /[tTwW]/.test(letter);
		symbols.name[i + 1] = at;
		symbols.value[i + 1] = address;
		symbols.info[i + 1] = ((/[A-Z]/.test(letter) ? STB_GLOBAL : STB_LOCAL) << 4) | (isFunction ? STT_FUNC : STT_NOTYPE);
		symbols.section[i + 1] = letter === "A" || letter === "a" ? SHN_ABS : sectionOf(address);
		at += encodedLength(text) + 1;
	}
	return { ...object, symbols };
}

/** A line of a map. */
export interface MapRow {
	readonly address: number;
	readonly letter: string;
	readonly name: string;
}

/** @throws LinkError for a line that is none of a map */
export function readMap(map: string, name: string): MapRow[] {
	const rows: MapRow[] = [];
	for (const [i, line] of map.split("\n").entries()) {
		if (line.trim() === "") continue;
		const parts = /^([0-9a-fA-F]{1,16}) ([A-Za-z?-]) (\S+)(?:\s+\[.*\])?\s*$/.exec(line);
		if (parts === null)
			throw new LinkError(`${name}:${i + 1}: is no line of a System.map, which has an address, a letter and a name`);
		const address = Number(BigInt.asIntN(64, BigInt(`0x${parts[1]}`)));
		if (!Number.isSafeInteger(address))
			throw new LinkError(`${name}:${i + 1}: address 0x${parts[1]} is not within ±2^53`);
		rows.push({ address, letter: parts[2]!, name: parts[3]! });
	}
	if (rows.length < 2)
		throw new LinkError(`${name}: has ${rows.length} symbols; Debian has the real map in the package of debug symbols`);
	return rows;
}

function encodedLength(text: string): number {
	return new TextEncoder().encode(text).length;
}

/** The loaded section at an address, or the one that ends there, as a table's end is in no other; SHN_ABS where none is. */
function sectionFinder({ sections }: ElfObject): (address: number) => number {
	const loaded = sections.flatMap(({ address, size, flags }, index) =>
		(flags & SHF_ALLOC) !== 0 ? [{ index, address, end: address + size }] : [],
	);
	return (value) =>
		(
			loaded.find(({ address, end }) => value >= address && value < end) ??
			loaded.find(({ address, end }) => value === end && end > address)
		)?.index ?? SHN_ABS;
}
