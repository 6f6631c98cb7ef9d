// The finished image as an ELF executable.

import { type ElfObject, ET_EXEC, nullSection, type Section, type Segment, type Symbols } from "../elf/index.ts";
import { planSegments } from "../elf/segments.ts";
import { EM_TOY } from "../isa/index.ts";
import { contributionsSection } from "./contributions.ts";
import type { Input } from "./inputs.ts";
import type { Output } from "./layout.ts";

export interface Parts {
	readonly name: string;
	readonly entry: number;
	readonly inputs: readonly Input[];
	readonly outputs: readonly Output[];
	readonly segments: readonly Segment[];
	readonly symbols: Symbols;
}

/** Requires: everything relocated, bound and sorted. LinkError when segments overlap or share a page. */
export function emit({ name, entry, inputs, outputs, segments, symbols }: Parts): ElfObject {
	const sections = outputs.filter(({ index }) => index > 0).map(asSection);
	const elf = {
		name,
		type: ET_EXEC,
		machine: EM_TOY,
		flags: 0,
		entry,
		sections: [nullSection(), ...sections, contributionsSection(inputs, outputs)],
		symbols,
		segments,
	};
	planSegments(elf);
	return elf;
}

function asSection({ name, type, flags, address, align, entsize, size, data, relocations }: Output): Section {
	return { ...nullSection(), name, type, flags, address, align, entsize, size, data, relocations };
}
