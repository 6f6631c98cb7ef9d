// What must hold of the instructions that a plan changes: no two overlap, each has one relocation, and nothing goes into the
// middle of one.

import { type ElfObject, originOf } from "../elf/object.ts";
import { LinkError } from "../errors.ts";
import type { RealArchitecture } from "../sites/arch/index.ts";
import { type Insides, jumpedInto, markInside, newInside } from "../sites/jumped-into.ts";
import { place } from "../sites/place.ts";

/** An instruction, in its section's bytes. */
export interface Span {
	readonly offset: number;
	readonly length: number;
}

/** @param spans by section @throws LinkError where it does not hold */
export function checkSpans(
	object: ElfObject,
	architecture: RealArchitecture,
	spans: ReadonlyMap<number, readonly Span[]>,
): void {
	const insides: Insides = [];
	for (const [index, inSection] of spans) {
		checkRelocations(object, index, inSection, architecture);
		const bits = newInside(object.sections[index]!);
		for (const { offset, length } of inSection) markInside(bits, offset, length);
		insides[index] = bits;
	}
	for (const [index, intruders] of jumpedInto(object, architecture, insides))
		for (const [offset, intruder] of intruders)
			throw new LinkError(`${place(object, index, offset)}: ${intruder} goes into the middle of it`);
}

function checkRelocations(
	object: ElfObject,
	index: number,
	spans: readonly Span[],
	{ relocation }: RealArchitecture,
): void {
	const { data, relocations } = object.sections[index]!;
	const origin = originOf(object, object.sections[index]!);
	const { count, offset, type } = relocations!;
	/** 1 + the number of the span that a byte belongs to. */
	const owner = new Uint32Array(data.length);
	for (const [i, { offset, length }] of spans.entries()) {
		if (owner[offset] !== 0) throw new LinkError(`${place(object, index, offset)}: two changes of the same call`);
		owner.fill(i + 1, offset, offset + length);
	}
	const seen = new Uint8Array(spans.length + 1);
	for (let i = 0; i < count; i++) {
		const span = owner[offset[i]! - origin] ?? 0;
		if (span === 0 || type[i] === relocation.none || relocation.marks.includes(type[i]!)) continue;
		if (seen[span] === 1)
			throw new LinkError(`${place(object, index, offset[i]! - origin)}: another relocation lies inside the call`);
		seen[span] = 1;
	}
}
