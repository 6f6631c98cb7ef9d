// What goes into the middle of instructions: an edit of one would change what such a jump finds. Looks at everything
// that is exact: decoded branches, the targets of relocations, and symbols.

import type { ElfObject } from "../elf/object.ts";
import { indexFunctions } from "../elf/symbols.ts";
import type { Architecture } from "./arch/index.ts";
import { isCode } from "./branches.ts";

/** An instruction of a section, by its offset in the section's bytes. */
export interface Span {
	readonly offset: number;
	readonly length: number;
}

/** Who goes there: an offset in the section's bytes, or in words. */
export type Intruder = number | string;

/** For each of the spans that something goes into, by its offset, one of those that do.
 * @param index of the section; its spans do not overlap */
export function jumpedInto(
	object: ElfObject,
	index: number,
	architecture: Architecture,
	spans: Iterable<Span>,
): Map<number, Intruder> {
	const found = new Map<number, Intruder>();
	if (architecture.align > 1) return found;
	const { data, address } = object.sections[index]!;
	/** How far each byte is behind the first of its span. */
	const inside = new Uint8Array(data.length);
	for (const { offset, length } of spans) for (let i = 1; i < length; i++) inside[offset + i] = i;
	const note = (from: Intruder, target: number): void => {
		const behind = inside[target];
		if (behind !== undefined && behind > 0) found.set(target - behind, from);
	};
	visitBranchTargets(object, index, architecture, note, inside);
	visitRelocated(object, index, architecture, (from, target) => note(from, target - address));
	visitLabels(object, index, (from, target) => note(from, target - address));
	return found;
}

type Note = (from: Intruder, target: number) => void;

/** Visits the direct branches of a section as its bytes are, by offsets in them. Each function is decoded from its start;
 * where none begins the section is taken as one. @param marked leave out functions that cannot go to a byte marked here */
export function visitBranchTargets(
	object: ElfObject,
	index: number,
	{ visitTargets, mayTarget }: Architecture,
	visit: (from: number, target: number) => void,
	marked?: Uint8Array,
): void {
	const { data, address } = object.sections[index]!;
	const { symbols, order } = indexFunctions(object);
	const starts = [0];
	for (const symbol of order) {
		const start = symbols.value[symbol]! - address;
		if (symbols.section[symbol] === index && start > starts.at(-1)! && start < data.length) starts.push(start);
	}
	for (let i = 0; i < starts.length; i++) {
		const end = starts[i + 1] ?? data.length;
		if (marked === undefined || mayTarget(data, starts[i]!, end, marked)) visitTargets(data, starts[i]!, end, visit);
	}
}

/** Relocated branches of any code, and addresses in data. The position of an entry of a jump table made of differences
 * is not in its relocation, so those stay unseen. */
function visitRelocated(object: ElfObject, index: number, architecture: Architecture, note: Note): void {
	const { symbols } = object;
	for (const section of object.sections) {
		const { relocations, data, address, name } = section;
		for (let i = 0; i < (relocations?.count ?? 0); i++) {
			const symbol = relocations!.symbol[i]!;
			if (symbols.section[symbol] !== index) continue;
			const type = relocations!.type[i]!;
			const at = relocations!.offset[i]! - address;
			const target = symbols.value[symbol]! + relocations!.addend[i]!;
			if (type === architecture.relocation.absolute64) note(`${name}+0x${at.toString(16)}`, target);
			else if (isCode(section) && architecture.branchRelocations[type] !== undefined) {
				const form = architecture.find(type, data, at)?.form ?? -1;
				if (form >= 0) note(`${name}+0x${at.toString(16)}`, target - architecture.forms[form]!.addend);
			}
		}
	}
}

function visitLabels({ symbols }: ElfObject, index: number, note: Note): void {
	for (let i = 1; i < symbols.count; i++) if (symbols.section[i] === index) note("a symbol", symbols.value[i]!);
}
