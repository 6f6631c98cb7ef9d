// What every list says of a place in code, in the same words: where it is, in which function, from which source line, and
// which bytes are there.

import {
	type ElfObject,
	ET_REL,
	lineAt,
	originOf,
	readLineTable,
	type SourcePosition,
} from "../../linker/elf/index.ts";
import { functionAt, indexFunctions } from "../../linker/elf/symbols.ts";
import { hex, hexBytes } from "../../linker/hex.ts";
import { bytesAt, type Image } from "../../linker/link/index.ts";
import { codePlace, functionPlace } from "../../linker/sites/place.ts";

export interface DescribedPlace {
	/** Undefined where no source line is known. */
	readonly source: SourcePosition | undefined;
	/** `.text+0x34` in an object, `0x400034` in an image. */
	readonly place: string;
	/** `main+0x12`; empty where no function is. */
	readonly symbol: string;
	/** In hexadecimal, with blanks between them. */
	readonly bytes: string;
}

/** Describes `length` bytes of an object or a linked file. @param offset in the section's bytes */
export type DescribePlace = (section: number, offset: number, length: number) => DescribedPlace;

/** What describes places of an object or a linked file; its line table is read here, once for all of them. */
export function describePlaces(object: ElfObject): DescribePlace {
	const functions = indexFunctions(object);
	const lines = readLineTable(object);
	return (section, offset, length) => {
		const { [section]: home } = object.sections;
		const value = originOf(object, home!) + offset;
		return {
			source: lineAt(lines, value, object.type === ET_REL ? section : 0),
			place: codePlace(object, section, offset),
			symbol: functionPlace(object, functionAt(functions, section, value) ?? 0, value),
			bytes: hexBytes(home!.data.subarray(offset, offset + length)),
		};
	};
}

/** The same by addresses of an image, whose modules count too. */
export function describeAddress(image: Image, address: number, length: number): DescribedPlace {
	return {
		source: image.lines.at(address),
		place: hex(address),
		symbol: image.symbolize(address) ?? "",
		bytes: hexBytes(bytesAt(image, address, length)!),
	};
}
