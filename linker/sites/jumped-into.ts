// What goes into the middle of instructions: an edit of one would change what such a jump finds. Looks at everything
// that is exact: decoded branches, the targets of relocations, and symbols. See docs/algorithms.md as well.

import { type ElfObject, originOf, type Section, SHF_ALLOC, STT_OBJECT } from "../elf/object.ts";
import { ENTRY_WORDS, relocationPieces } from "../elf/relocation-entries.ts";
import { firstFunction, indexFunctions, isCode } from "../elf/symbols.ts";
import { wideWord } from "../elf/words.ts";
import type { RealArchitecture, VisitTarget } from "./arch/index.ts";
import { relocationsWithAddends } from "./branches.ts";
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

/** What goes into the middle of instructions that are to be replaced: a branch, a table of addresses, or a symbol. Whoever
 * runs there would find half of the new instruction, so nothing else may point to the shaded bytes:
 *
 *     offset   10   11   12   13   14   15
 *            | e8 |####|####|####|####| c3        a CALL of five bytes, replaced as a whole
 *                         ^
 *                    a jump, an address in a table, a symbol
 *
 * 1. `markInside` sets a bit for each shaded byte; the first byte of an instruction has none, for one may go there.
 * 2. Code in sections with bits is decoded in a line, function by function: a branch without a relocation goes where its
 *    bytes say.
 * 3. Relocations anywhere in the object, and symbols, are looked up in the bits: they need no decoding.
 *
 * Decoding in a line may lose its way in data between functions, and then finds less; a false find refuses a change that
 * would have been good, never the other way round for what relocations or symbols show.
 * @param insides by section the bits, undefined for sections without instructions to be replaced
 * @returns by section and offset who goes into it; nothing where all instructions are single aligned words */
export function jumpedInto(object: ElfObject, architecture: RealArchitecture, insides: Insides): Intruders {
	const found = new Map<number, Map<number, string>>();
	if (architecture.branches.every(({ length }) => length <= architecture.align)) return found;
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
		for (const { from, target } of intrusions(object, index, architecture, inside)) note(index, target, index, from);
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

interface Intrusion {
	readonly from: number;
	readonly target: number;
}

/** Decoded branches into the middle of marked instructions of their own section. Where decoding comes to bytes that are no
 * instruction, what lies before them is data too, back to the last instruction that nothing runs past. */
function intrusions(object: ElfObject, index: number, architecture: RealArchitecture, inside: Uint8Array): Intrusion[] {
	const found: Intrusion[] = [];
	let fields: Uint8Array | undefined;
	const visit: VisitTarget = (from, target, field) => {
		if (!isInside(inside, target)) return;
		fields ??= relocatedFields(object, index);
		if (!isRelocated(fields, field)) found.push({ from, target });
	};
	visitBranchTargets(object, index, architecture, visit, (start, stopped) => {
		if (found.length === 0 || found.at(-1)!.from < start) return;
		const end = architecture.lastExit(object.sections[index]!.data, start, stopped);
		while (found.length > 0 && found.at(-1)!.from >= end) found.pop();
	});
	return found;
}

/** Visits the direct branches of a section as its bytes are, by offsets in them. Each function is decoded from its start, and
 * what lies behind its end by itself; where none begins the section is taken as one. What symbols say is data is left out.
 * @param stop told of bytes that are no instruction, with where the decoding that came to them began */
export function visitBranchTargets(
	object: ElfObject,
	index: number,
	{ visitTargets }: Pick<RealArchitecture, "visitTargets">,
	visit: VisitTarget,
	stop: (start: number, stopped: number) => void = () => {},
): void {
	const { data } = object.sections[index]!;
	const ranges = dataRanges(object, index);
	let next = 0;
	let last = 0;
	/** Decodes from where the last decoding was to end, up to `end`, around what is data. */
	const decodeTo = (end: number): void => {
		while (last < end) {
			while (next < ranges.length && ranges[next]!.end <= last) next++;
			const range = ranges[next];
			if (range !== undefined && range.start <= last) {
				last = Math.min(end, range.end);
				continue;
			}
			const until = range === undefined ? end : Math.min(end, range.start);
			const stopped = visitTargets(data, last, until, visit);
			if (stopped < until) stop(last, stopped);
			last = until;
		}
	};
	const origin = originOf(object, object.sections[index]!);
	const { symbols, order, end: ends } = indexFunctions(object);
	const limit = firstFunction(indexFunctions(object), index + 1);
	for (let i = firstFunction(indexFunctions(object), index); i < limit; i++) {
		const start = symbols.value[order[i]!]! - origin;
		decodeTo(Math.min(start, data.length));
		const follower = i + 1 < limit ? symbols.value[order[i + 1]!]! : Number.POSITIVE_INFINITY;
		if (ends[i]! < follower) decodeTo(Math.min(ends[i]! - origin, data.length));
	}
	decodeTo(data.length);
}

interface Range {
	readonly start: number;
	readonly end: number;
}

const dataRangesOf = new WeakMap<ElfObject, Map<number, Range[]>>();

/** Variables with a size in a section of code: tables that someone put there. Ascending. */
function dataRanges(object: ElfObject, index: number): readonly Range[] {
	const known = dataRangesOf.get(object) ?? findDataRanges(object);
	dataRangesOf.set(object, known);
	return known.get(index) ?? [];
}

function findDataRanges(object: ElfObject): Map<number, Range[]> {
	const { symbols, sections } = object;
	const found = new Map<number, Range[]>();
	for (let i = 1; i < symbols.count; i++) {
		const index = symbols.section[i]!;
		const section = sections[index];
		if ((symbols.info[i]! & 15) !== STT_OBJECT || symbols.size[i] === 0) continue;
		if (section === undefined || !isCode(section)) continue;
		const start = symbols.value[i]! - originOf(object, section);
		const range = { start, end: start + symbols.size[i]! };
		if (found.get(index)?.push(range) === undefined) found.set(index, [range]);
	}
	for (const ranges of found.values()) ranges.sort((a, b) => a.start - b.start);
	return found;
}

/** Relocated branches of any code, and addresses in data that is loaded: debug information names the ends of calls. The
 * position of an entry of a jump table made of differences is not in its relocation, so those stay unseen. */
function visitRelocated(object: ElfObject, architecture: RealArchitecture, insides: Insides, note: Note): void {
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
	{ branches, find, relocation }: RealArchitecture,
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
