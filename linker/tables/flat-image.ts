// A boot image of Linux for AArch64 (`Image`): the kernel's bytes as they lie in memory, without sections and symbols. A
// System.map says where everything is.

import {
	type ElfObject,
	EM_AARCH64,
	ET_DYN,
	nullSection,
	type Section,
	SHF_ALLOC,
	SHF_EXECINSTR,
	SHF_WRITE,
	SHT_PROGBITS,
	SHT_RELA,
} from "../elf/object.ts";
import { allocateSymbols } from "../elf/tables.ts";
import { LinkError } from "../errors.ts";
import { readMap } from "./system-map.ts";

/** Where the header has its magic number. */
const MAGIC_AT = 56;

/** Parts of a kernel by the symbols around them, in the order of its linker scripts. */
const parts: readonly (readonly [name: string, start: string, end: string, type: number, flags: number])[] = [
	[".head.text", "_text", "_stext", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR],
	[".text", "_stext", "_etext", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR],
	[".rodata", "_etext", "__end_rodata", SHT_PROGBITS, SHF_ALLOC],
	// Code that runs while page tables change, and the first page tables.
	[".rodata.text", "__end_rodata", "__inittext_begin", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR],
	[".init.text", "__inittext_begin", "__inittext_end", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR],
	[".init.data", "__inittext_end", "__rela_start", SHT_PROGBITS, SHF_ALLOC | SHF_WRITE],
	[".rela.dyn", "__rela_start", "__rela_end", SHT_RELA, SHF_ALLOC],
	[".data", "__rela_end", "_edata", SHT_PROGBITS, SHF_ALLOC | SHF_WRITE],
];

/** The linked file that an image was made of, as far as one can tell; undefined for what is no image.
 * @param map a System.map's text @param mapName the map's, for messages
 * @throws LinkError for a map that lacks symbols which say where parts are, or is another kernel's */
export function readFlatImage(name: string, bytes: Uint8Array, map: string, mapName: string): ElfObject | undefined {
	if (String.fromCharCode(...bytes.subarray(MAGIC_AT, MAGIC_AT + 4)) !== "ARMd") return undefined;
	const wanted = new Set(parts.flatMap(([, start, end]) => [start, end]));
	const found = new Map(
		readMap(map, mapName).flatMap(({ name, address }) => (wanted.has(name) ? [[name, address] as const] : [])),
	);
	const addressOf = (symbol: string): number => {
		const address = found.get(symbol);
		if (address === undefined)
			throw new LinkError(`${mapName}: has no symbol '${symbol}', which says where a part of ${name} is`);
		return address;
	};
	const base = addressOf("_text");
	const sections = parts.map(([part, first, last, type, flags]): Section => {
		const [start, end] = [addressOf(first), addressOf(last)];
		if (end < start || end - base > bytes.length)
			throw new LinkError(`${mapName}: has ${first} and ${last} where ${name} has no bytes; is it of another kernel?`);
		const data = bytes.subarray(start - base, end - base);
		return { ...nullSection(), name: part, type, flags, address: start, align: 4096, size: data.length, data };
	});
	return {
		name,
		type: ET_DYN,
		machine: EM_AARCH64,
		flags: 0,
		entry: base,
		sections: [nullSection(), ...sections],
		symbols: allocateSymbols(1, new Uint8Array(1)),
		segments: [],
	};
}
