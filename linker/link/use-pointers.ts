// Mode `pointer`: a trampoline becomes a jump through word 0 of its key, so an update stores a word and no code changes.

import { addSymbols, type NewRelocation, relocationsOf } from "../elf/edit.ts";
import { type ElfObject, type Section, SHN_UNDEF, STB_GLOBAL, STT_FUNC } from "../elf/object.ts";
import { sectionOfSymbol, symbolByName, symbolName } from "../elf/symbols.ts";
import { LinkError } from "../errors.ts";
import { encode, R_TOY_ABS32 } from "../isa/index.ts";
import { ownTrampolines } from "../sites/find-sites.ts";
import { KEY_PREFIX, RETURN, SITE_BYTES, TRAMPOLINE_PREFIX } from "../sites/index.ts";
import { place } from "../sites/place.ts";

interface Trampoline {
	readonly section: number;
	readonly offset: number;
	/** Symbol of its key. */
	readonly key: number;
}

/** Requires: one object, not yet resolved. After: its trampolines are `jmpm [key]`, and a key that is null points to
 * `__static_call_return`, for an indirect jump must go somewhere. */
export function usePointers(object: ElfObject): ElfObject {
	const trampolines = findTrampolines(object);
	if (trampolines.length === 0) return object;
	const { object: whole, added } = addSymbols(object, [returnSymbol]);
	const nulls = trampolines.filter(({ key }) => isNull(object, key));
	const sections = whole.sections.map((section, index) => {
		const here = trampolines.filter((each) => each.section === index);
		const nullsHere = nulls.filter(({ key }) => object.symbols.section[key] === index);
		const pointers = nullsHere.map(({ key }) => absolute(object.symbols.value[key]!, added[0]!));
		return rewritten(section, here, pointers);
	});
	return { ...whole, sections };
}

const returnSymbol = { name: RETURN, binding: STB_GLOBAL, type: STT_FUNC, section: SHN_UNDEF, value: 0, size: 0 };

function absolute(offset: number, symbol: number): NewRelocation {
	return { offset, type: R_TOY_ABS32, symbol, addend: 0 };
}

function findTrampolines(object: ElfObject): Trampoline[] {
	const { symbols } = object;
	const own = ownTrampolines(object);
	const found: Trampoline[] = [];
	if (own.size === 0) return found;
	for (let i = 1; i < symbols.count; i++) {
		const section = symbols.section[i]!;
		const offset = symbols.value[i]!;
		if (!own.get(section)?.has(offset) || !symbolName(symbols, i).startsWith(TRAMPOLINE_PREFIX)) continue;
		found.push({ section, offset, key: keyOf(object, i) });
	}
	return found;
}

function keyOf(object: ElfObject, trampoline: number): number {
	const { symbols } = object;
	const where = place(object, symbols.section[trampoline]!, symbols.value[trampoline]!);
	const name = symbolName(symbols, trampoline);
	const key = symbolByName(object, KEY_PREFIX + name.slice(TRAMPOLINE_PREFIX.length));
	if (key === undefined || sectionOfSymbol(object, key) === undefined) {
		throw new LinkError(
			`${where}: trampoline '${name}' cannot jump through a pointer: its key is not defined in a section of this object`,
		);
	}
	if (symbols.value[trampoline]! + SITE_BYTES > object.sections[symbols.section[trampoline]!]!.data.length) {
		throw new LinkError(`${where}: trampoline '${name}' is shorter than ${SITE_BYTES} bytes`);
	}
	return key;
}

function isNull({ sections, symbols }: ElfObject, key: number): boolean {
	const relocations = sections[symbols.section[key]!]!.relocations;
	return relocations === undefined || !relocations.offset.includes(symbols.value[key]!);
}

function rewritten(section: Section, trampolines: readonly Trampoline[], pointers: readonly NewRelocation[]): Section {
	if (trampolines.length === 0 && pointers.length === 0) return section;
	const data = section.data.slice();
	for (const { offset } of trampolines) data.set(encode("jmpm"), offset);
	const jumps = trampolines.map(({ offset, key }) => absolute(offset + 1, key));
	const replaced = (at: number) => trampolines.some(({ offset }) => at >= offset && at < offset + SITE_BYTES);
	const relocations = relocationsOf([...jumps, ...pointers], section.relocations, (at) => !replaced(at));
	return { ...section, data, relocations };
}
