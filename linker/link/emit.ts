// The finished image, or module, as an ELF executable.

import { type ElfObject, ET_EXEC, nullSection, type Section, type Segment, type Symbols } from "../elf/index.ts";
import { planSegments } from "../elf/segments.ts";
import { EM_TOY } from "../isa/index.ts";
import type { Output } from "./layout.ts";

/** What an ELF executable is made of. */
export interface Executable {
	readonly name: string;
	/** 0 in a module. */
	readonly entry: number;
	readonly sections: readonly Section[];
	readonly segments: readonly Segment[];
	readonly symbols: Symbols;
}

/** Requires: everything relocated, bound and sorted. LinkError when segments overlap or share a page. */
export function executable({ name, entry, sections, segments, symbols }: Executable): ElfObject {
	const all = [nullSection(), ...sections];
	const elf = { name, type: ET_EXEC, machine: EM_TOY, flags: 0, entry, sections: all, symbols, segments };
	planSegments(elf);
	return elf;
}

/** The output sections that are not empty, in the order of their indices. */
export function sectionsOf({ outputs }: { readonly outputs: readonly Output[] }): Section[] {
	return outputs.filter(({ index }) => index > 0).map(asSection);
}

function asSection({ name, type, flags, address, align, entsize, size, data, relocations }: Output): Section {
	return { ...nullSection(), name, type, flags, address, align, entsize, size, data, relocations };
}
