// What goes into the middle of instructions: an edit of one would change what such a jump finds. Looks at everything
// that is exact: decoded branches, the targets of relocations, and symbols.

import { type ElfObject, originOf, type Section, SHF_ALLOC } from "../elf/object.ts";
import { ENTRY_WORDS, relocationPieces } from "../elf/relocation-entries.ts";
import { firstFunction, indexFunctions } from "../elf/symbols.ts";
import { wideWord } from "../elf/words.ts";
import type { Architecture, VisitTarget } from "./arch/index.ts";
import { isCode, relocationsWithAddends } from "./branches.ts";
import { codePlace } from "./place.ts";
import { isRelocated, relocatedFields } from "./relocated-fields.ts";

/** Per section of an object which of its bytes are inside an instruction, behind its first byte: a bit for each. */
export type Insides = (Uint8Array | undefined)[];

/** For a section in which nothing is marked yet. */
export function newInside({ data }: Pick<Section, "data">): Uint8Array {
	return new Uint8Array((data.length >>> 3) + 3);
}

/** Marks the inside of an instruction of 2 to 16 bytes, given by its offset in the section's bytes. */
export function markInside(bits: Uint8Array, offset: number, length: number): void {
	const at = (offset + 1) >>> 3;
	const mask = ((1 << (length - 1)) - 1) << ((offset + 1) & 7);
	bits[at]! |= mask;
	if (mask > 0xff) bits[at + 1]! |= mask >>> 8;
	if (mask > 0xffff) bits[at + 2]! |= mask >>> 16;
}

/** By section and the offset of an instruction that something goes into, where one of those is: `.text+0x12`, or the
 * address in what is linked. */
export type Intruders = ReadonlyMap<number, ReadonlyMap<number, string>>;

export function jumpedInto(object: ElfObject, architecture: Architecture, insides: Insides): Intruders {
	const found = new Map<number, Map<number, string>>();
	if (architecture.align > 1) return found;
	const note: Note = (index, target, fromSection, from) => {
		const inside = insides[index];
		if (inside === undefined || !isInside(inside, target)) return;
		let offset = target - 1;
		while (isInside(inside, offset)) offset--;
		const who = fromSection === 0 ? "a symbol" : codePlace(object, fromSection, from);
		found.set(index, (found.get(index) ?? new Map()).set(offset, who));
	};
	const noteValue: Note = (index, value, ...from) =>
		note(index, value - originOf(object, object.sections[index]!), ...from);
	for (const [index, inside] of insides.entries()) {
		if (inside === undefined) continue;
		let fields: Uint8Array | undefined;
		visitBranchTargets(object, index, architecture, (from, target, field) => {
			if (!isInside(inside, target)) return;
			fields ??= relocatedFields(object, index);
			if (!isRelocated(fields, field)) note(index, target, index, from);
		});
	}
	visitRelocated(object, architecture, insides, noteValue);
	visitLabels(object, insides, noteValue);
	return found;
}

function isInside(inside: Uint8Array, at: number): boolean {
	return at >= 0 && at < 2 ** 31 && ((inside[at >>> 3]! >>> (at & 7)) & 1) === 1;
}

/** Who goes to `target` in `section` is at `from` in another, or section 0 for a symbol. All are offsets in bytes, or `target` a value. */
type Note = (section: number, target: number, fromSection: number, from: number) => void;

/** Visits the direct branches of a section as its bytes are, by offsets in them. Each function is decoded from its start;
 * where none begins the section is taken as one. */
export function visitBranchTargets(
	object: ElfObject,
	index: number,
	{ visitTargets }: Architecture,
	visit: VisitTarget,
): void {
	const { data } = object.sections[index]!;
	const origin = originOf(object, object.sections[index]!);
	const functions = indexFunctions(object);
	const { symbols, order } = functions;
	const end = firstFunction(functions, index + 1);
	let last = 0;
	for (let i = firstFunction(functions, index); i < end; i++) {
		const start = symbols.value[order[i]!]! - origin;
		if (start <= last || start >= data.length) continue;
		visitTargets(data, last, start, visit);
		last = start;
	}
	visitTargets(data, last, data.length, visit);
}

/** Relocated branches of any code, and addresses in data that is loaded: debug information names the ends of calls. The
 * position of an entry of a jump table made of differences is not in its relocation, so those stay unseen. */
function visitRelocated(object: ElfObject, architecture: Architecture, insides: Insides, note: Note): void {
	const { symbols } = object;
	const isTarget = new Uint8Array(symbols.count);
	for (let i = 1; i < symbols.count; i++) if (insides[symbols.section[i]!] !== undefined) isTarget[i] = 1;
	if (!isTarget.includes(1)) return;
	for (const [index, section] of object.sections.entries()) {
		const relocations = (section.flags & SHF_ALLOC) === 0 ? undefined : relocationsWithAddends(object, section);
		if (relocations === undefined) continue;
		for (const words of relocationPieces(relocations))
			for (let i = 0; i < words.length; i += ENTRY_WORDS)
				if (isTarget[words[i + 3]!] === 1) visitTarget(object, architecture, index, words, i, note);
	}
}

/** @param words, i an entry of a piece of the section's relocations */
function visitTarget(
	object: ElfObject,
	{ branches, find, relocation }: Architecture,
	index: number,
	words: Uint32Array,
	i: number,
	note: Note,
): void {
	const { symbols, sections } = object;
	const type = words[i + 2]!;
	const section = sections[index]!;
	const at = wideWord(words[i]!, words[i + 1]!) - originOf(object, section);
	const branch = isCode(section) ? branches[find(type, section.data, at)] : undefined;
	if (branch?.form === undefined && type !== relocation.absolute64) return;
	const symbol = words[i + 3]!;
	const target = symbols.value[symbol]! + wideWord(words[i + 4]!, words[i + 5]!) - (branch?.addend ?? 0);
	note(symbols.section[symbol]!, target, index, at);
}

function visitLabels({ symbols }: ElfObject, insides: Insides, note: Note): void {
	for (let i = 1; i < symbols.count; i++) {
		const section = symbols.section[i]!;
		if (insides[section] !== undefined) note(section, symbols.value[i]!, 0, 0);
	}
}
