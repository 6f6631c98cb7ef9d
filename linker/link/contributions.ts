// `.contributions`: which input sections an image was made of, for link maps and for naming places in a linked program.
// A section of its own that is not loaded: a count, {address, size, object name, section name} per input section, the
// names as offsets into the strings behind.

import { newSection } from "../elf/edit.ts";
import { type ElfObject, type Section, SHT_PROGBITS } from "../elf/object.ts";
import { addString, newStringTable, stringAt, stringTableBytes } from "../elf/strings.ts";
import { sectionByName } from "../elf/symbols.ts";
import { viewOf } from "../elf/words.ts";
import { LinkError } from "../errors.ts";
import type { Input } from "./inputs.ts";
import type { Output } from "./layout.ts";

const SECTION = ".contributions";
const ENTRY = 16;

/** What one object gave to one output section of an image. */
export interface Contribution {
	/** In a section that is not loaded: offset in it. */
	readonly address: number;
	readonly size: number;
	/** Name of the object it comes from. */
	readonly object: string;
	readonly section: string;
}

/** Requires: final layout. */
export function contributionsSection(inputs: readonly Input[], outputs: readonly Output[]): Section {
	const strings = newStringTable();
	const words: number[] = [];
	for (const { name, address, parts, index } of outputs) {
		for (const { input, offset, size } of parts) {
			if (input < 0 || index === 0) continue;
			const object = addString(strings, inputs[input]!.object.name);
			words.push(address + offset, size, object, addString(strings, name));
		}
	}
	const names = stringTableBytes(strings);
	const data = new Uint8Array(4 + words.length * 4 + names.length);
	for (const [i, word] of [words.length / 4, ...words].entries()) viewOf(data).setUint32(i * 4, word, true);
	data.set(names, data.length - names.length);
	return newSection(SECTION, { type: SHT_PROGBITS, flags: 0, align: 4, data });
}

/** LinkError when the section is cut short; none in an image that was linked by others. */
export function readContributions(elf: ElfObject): Contribution[] {
	const data = sectionByName(elf, SECTION)?.data ?? new Uint8Array(4);
	const view = viewOf(data);
	const count = data.length < 4 ? -1 : view.getUint32(0, true);
	const names = 4 + count * ENTRY;
	if (count < 0 || names > data.length)
		throw new LinkError(`${elf.name}:(${SECTION}): ${data.length} bytes are too few`);
	const strings = data.subarray(names);
	return Array.from({ length: count }, (_, i) => {
		const word = (field: number) => view.getUint32(4 + i * ENTRY + field * 4, true);
		return { address: word(0), size: word(1), object: stringAt(strings, word(2)), section: stringAt(strings, word(3)) };
	});
}
