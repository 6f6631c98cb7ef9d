// A file half read: its headers are known, its sections can be named and their bytes looked at.

import { LinkError } from "../errors.ts";
import { hex } from "../hex.ts";
import type { FileParts } from "./file-parts.ts";
import type { FileHeader, RawSection } from "./headers.ts";
import { SHT_STRTAB } from "./object.ts";
import { decodeString } from "./strings.ts";

/** What of a file has been read before its sections are. */
export interface ElfFile {
	readonly name: string;
	readonly bytes: Uint8Array;
	readonly header: FileHeader;
	readonly raw: readonly RawSection[];
	readonly sectionNames: readonly string[];
	/** Where the bytes come from, if they are not all there. */
	readonly parts?: FileParts | undefined;
}

/** `a.o:(.text [3])` */
export function sectionPlace(file: ElfFile, index: number): string {
	return `${file.name}:(${file.sectionNames[index] ?? ""} [${index}])`;
}

/** The bytes of a section, empty where it has none in the file. */
export function sectionBytes(file: Pick<ElfFile, "bytes" | "raw" | "parts">, index: number): Uint8Array {
	const { offset, size } = file.raw[index]!;
	file.parts?.load(offset, offset + size);
	return viewOfSection(file, index);
}

/** The same, loaded or not. */
export function viewOfSection({ bytes, raw }: Pick<ElfFile, "bytes" | "raw">, index: number): Uint8Array {
	const { offset, size } = raw[index]!;
	return bytes.subarray(offset, offset + size);
}

/** Refuses names that overlap so much that reading them takes far more than the file has: one string may be the end of
 * another, and a table of n bytes can hold n names of n / 2 bytes each.
 * @param offsets of the names in `strings` @param bytes of the tables that name them */
export function checkNames(place: string, strings: Uint8Array, offsets: Uint32Array, bytes: number): void {
	const most = 64 * (strings.length + bytes);
	if (longestString(strings) * offsets.length <= most) return;
	let total = 0;
	for (const offset of offsets) {
		const end = strings.indexOf(0, offset);
		total += (end < 0 ? strings.length : end) - offset;
		if (total > most)
			throw new LinkError(
				`${place}: its names overlap and are more than ${most} bytes in all, 64 times what the tables have`,
			);
	}
}

function longestString(strings: Uint8Array): number {
	let longest = 0;
	let start = 0;
	for (let at = 0; at < strings.length; at++) {
		if (strings[at] !== 0) continue;
		if (at - start > longest) longest = at - start;
		start = at + 1;
	}
	return Math.max(longest, strings.length - start);
}

/** A string table must begin and end with NUL, so that every offset in it starts a string.
 * @throws LinkError where it does not */
export function checkStrings(place: string, section: RawSection, strings: Uint8Array): void {
	if (section.type !== SHT_STRTAB) throw new LinkError(`${place}: is of type ${section.type}, not a string table (3)`);
	if (strings.length > 0 && (strings[0] !== 0 || strings.at(-1) !== 0))
		throw new LinkError(`${place}: string table of ${hex(strings.length)} bytes does not start and end with NUL`);
}

/** Equal offsets share a name. Decoding all of them may take no more than four times the file: overlapping names of a
 * hostile file could take its square. */
export function readSectionNames(
	bytes: Uint8Array,
	name: string,
	header: FileHeader,
	raw: readonly RawSection[],
): string[] {
	if (header.namesIndex === 0) return raw.map(() => "");
	const place = `${name}: section names (section ${header.namesIndex})`;
	const strings = viewOfSection({ bytes, raw }, header.namesIndex);
	checkStrings(place, raw[header.namesIndex]!, strings);
	const known = new Map<number, string>();
	let budget = 4 * bytes.length;
	return raw.map(({ nameOffset }, index) => {
		if (nameOffset >= Math.max(1, strings.length))
			throw new LinkError(`${place}: section ${index}'s at ${hex(nameOffset)} is not below ${hex(strings.length)}`);
		const text = known.get(nameOffset) ?? decodeString(strings, nameOffset);
		if (!known.has(nameOffset)) budget -= text.length;
		if (budget < 0) throw new LinkError(`${place}: overlap to more than four times the size of the file`);
		known.set(nameOffset, text);
		return text;
	});
}
