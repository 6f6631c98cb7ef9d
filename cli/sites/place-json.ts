// A place of a file as JSON, the same in the lists of calls and of tables.

import type { ElfObject } from "../../linker/elf/object.ts";
import { symbolName } from "../../linker/elf/symbols.ts";
import type { PointedAt } from "../../linker/tables/read.ts";

/** A place as other programs take it: two sections and two symbols may have the same name. */
export function placeJson({ sections, symbols }: ElfObject, { section, symbol, value }: PointedAt): object {
	return {
		section: sections[section]?.name ?? "",
		sectionIndex: section,
		offset: value,
		symbol: symbol === 0 ? null : symbolName(symbols, symbol) || (sections[symbols.section[symbol]!]?.name ?? null),
		within: symbol === 0 ? null : value - symbols.value[symbol]!,
	};
}
