// What a linked program offers to modules: its global symbols as absolute ones, as `ld --just-symbols` has them, and
// their signatures. Init text is not offered: it is gone when it is wanted.

import {
	appendWord,
	defineSymbol,
	type ElfObject,
	finish,
	newObject,
	type ObjectBuilder,
	reference,
	relocate,
	type Section,
	SHN_ABS,
	SHN_UNDEF,
	STB_GLOBAL,
	STB_LOCAL,
	section,
	symbolName,
} from "../elf/index.ts";
import { hasPrefix } from "../elf/symbols.ts";
import { viewOf } from "../elf/words.ts";
import { readSignature, signatureRow, signatureWords } from "../format/rows.ts";
import { SIGNATURES_SECTION } from "../format/signatures.ts";
import { isInit } from "../format/static-calls.ts";
import { EM_TOY, R_TOY_ABS32 } from "../isa/index.ts";
import { KEY_PREFIX, TRAMPOLINE_PREFIX } from "../sites/index.ts";

/** An object for the linker. @param elf a program or module that is linked */
export function exportsOf(elf: ElfObject): ElfObject {
	const builder = newObject(elf.name, EM_TOY);
	for (let i = 1; i < elf.symbols.count; i++) if (isOffered(elf, i)) exportSymbol(builder, elf, i, STB_GLOBAL);
	for (const i of lendable(builder, elf)) exportSymbol(builder, elf, i, STB_LOCAL);
	for (const each of elf.sections) if (each.name === SIGNATURES_SECTION) exportSignatures(builder, elf, each);
	return finish(builder);
}

function isOffered({ symbols, sections }: ElfObject, i: number): boolean {
	const home = symbols.section[i]!;
	const owner = sections[home];
	return symbols.info[i]! >> 4 !== STB_LOCAL && home !== SHN_UNDEF && !(owner !== undefined && isInit(owner));
}

function exportSymbol(builder: ObjectBuilder, { symbols }: ElfObject, i: number, binding: number): void {
	const [value, size, type] = [symbols.value[i]!, symbols.size[i]!, symbols.info[i]! & 15];
	defineSymbol(builder, symbolName(symbols, i), { section: SHN_ABS, value, size, binding, type });
}

/** The local keys of trampolines that are exported alone, see lend-keys.ts; not those of which there are several. */
function lendable(builder: ObjectBuilder, { symbols }: ElfObject): number[] {
	const found = new Map<string, number[]>();
	for (let i = 1; i < symbols.count && symbols.info[i]! >> 4 === STB_LOCAL; i++) {
		if (!hasPrefix(symbols, i, keyPrefix)) continue;
		const name = symbolName(symbols, i);
		found.set(name, [...(found.get(name) ?? []), i]);
	}
	const isAlone = (name: string): boolean =>
		!builder.symbolIds.has(name) && builder.symbolIds.has(TRAMPOLINE_PREFIX + name.slice(KEY_PREFIX.length));
	return [...found].flatMap(([name, all]) => (all.length === 1 && isAlone(name) ? all : []));
}

const keyPrefix = new TextEncoder().encode(KEY_PREFIX);

function exportSignatures(builder: ObjectBuilder, { symbols }: ElfObject, { data, relocations }: Section): void {
	const view = viewOf(data);
	const table = section(builder, SIGNATURES_SECTION, { entsize: signatureRow.bytes });
	for (let i = 0; i < (relocations?.count ?? 0); i++) {
		const name = symbolName(symbols, relocations!.symbol[i]!);
		if (!builder.symbolIds.has(name)) continue;
		relocate(table, appendWord(table, 0), R_TOY_ABS32, reference(builder, name), 0);
		for (const word of signatureWords(readSignature(view, relocations!.offset[i]!))) appendWord(table, word);
	}
}
