// The object under construction, and what its parts need to know of each other.

import {
	append,
	defineSymbol,
	type LineRow,
	type ObjectBuilder,
	reference,
	relocate,
	type SectionBuilder,
	STB_GLOBAL,
	STB_LOCAL,
	STT_FUNC,
	STT_OBJECT,
	sectionSymbol,
} from "../../elf/index.ts";
import { R_TOY_ABS32 } from "../../isa/index.ts";
import type { Reference } from "../lower/code.ts";
import type { Analysis, Declared, Module } from "../types/bindings.ts";

export interface Emission {
	readonly builder: ObjectBuilder;
	readonly analysis: Analysis;
	readonly module: Module;
	/** Pads so that no site of a static call crosses an aligned 8-byte boundary. */
	readonly alignSites: boolean;
	/** Every function begins with NOP5. */
	readonly entryNops: boolean;
	/** Functions that save registers around others, by their symbols. */
	readonly savers: Set<string>;
	/** Places without a symbol, by the name that references use: texts and jump tables. */
	readonly hidden: Map<string, { readonly section: SectionBuilder; readonly offset: number }>;
	/** The rows of the line table, by section. */
	readonly lines: Map<SectionBuilder, LineRow[]>;
}

/** Relocates the field at `offset` by a name, which is a symbol's or that of a hidden place. */
export function refer(
	e: Emission,
	section: SectionBuilder,
	offset: number,
	type: number,
	{ symbol, addend }: Reference,
): void {
	const place = e.hidden.get(symbol);
	if (place === undefined) relocate(section, offset, type, reference(e.builder, symbol), addend);
	else relocate(section, offset, type, sectionSymbol(e.builder, place.section), place.offset + addend);
}

/** Appends a word that holds the address of `symbol`, or 0. Returns its offset. */
export function appendAddress(e: Emission, section: SectionBuilder, symbol: string | undefined): number {
	const offset = append(section, [0, 0, 0, 0]);
	if (symbol !== undefined) refer(e, section, offset, R_TOY_ABS32, { symbol, addend: 0 });
	return offset;
}

/** Defines a symbol for what a module declares; other modules see it if it is exported. */
export function define(
	e: Emission,
	{ name: exportedAs }: Pick<Declared, "name">,
	symbol: string,
	kind: "function" | "object",
	place: { section: SectionBuilder; value: number; size: number },
): void {
	const binding = e.module.exported.has(exportedAs) ? STB_GLOBAL : STB_LOCAL;
	defineSymbol(e.builder, symbol, { ...place, binding, type: kind === "function" ? STT_FUNC : STT_OBJECT });
}
