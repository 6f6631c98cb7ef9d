// `--patchable fifo`: turns every plain call of a function into a static call, with no change to the source. The object
// that defines the function gets a key and a trampoline of its name beside it, with the same binding; calls then name
// the trampoline, and from there on nothing knows that they were ever plain. Its address may be taken as before.

import { addSymbols, type NewSymbol, newSection, relocationsOf } from "../elf/edit.ts";
import {
	type ElfObject,
	type Section,
	SHF_ALLOC,
	SHF_EXECINSTR,
	SHF_WRITE,
	SHN_UNDEF,
	SHT_PROGBITS,
	STT_FUNC,
	STT_OBJECT,
	type Symbols,
} from "../elf/object.ts";
import { hasPrefix, symbolName } from "../elf/symbols.ts";
import { LinkError } from "../errors.ts";
import { KEY_BYTES, KEY_PREFIX, SITE_BYTES, TRAMPOLINE_PREFIX } from "../format/static-calls.ts";
import { encode, R_TOY_ABS32, R_TOY_CALL28, R_TOY_JUMP28 } from "../isa/index.ts";
import { ownTrampolines, type Trampolines } from "./find-sites.ts";

/** LinkError when one of the names belongs to a static call already. */
export function makePatchable(object: ElfObject, names: readonly string[]): ElfObject {
	const functions = names.length === 0 ? [] : symbolsNamed(object.symbols, names);
	if (functions.length === 0) return object;
	refuseStaticCalls(object, names);
	const trampolines = object.sections.length;
	const { object: extended, added, moved } = addSymbols(object, functions.flatMap(pairFor(object, trampolines)));
	const replacement = new Map(functions.map((symbol, i) => [moved(symbol), added[2 * i]!]));
	const own = ownTrampolines(object);
	const sections = extended.sections.map((section, index) => redirected(section, index, replacement, own));
	return { ...extended, sections: [...sections, ...definitions(object, functions, moved)] };
}

/** The symbols with one of the names, defined here or not. */
export function symbolsNamed(symbols: Symbols, names: readonly string[]): number[] {
	const wanted = names.map((name) => encoder.encode(`${name}\0`));
	const found: number[] = [];
	for (let i = 1; i < symbols.count; i++) if (wanted.some((name) => hasPrefix(symbols, i, name))) found.push(i);
	return found;
}

const encoder = new TextEncoder();

function refuseStaticCalls(object: ElfObject, names: readonly string[]): void {
	const keys = symbolsNamed(
		object.symbols,
		names.map((name) => KEY_PREFIX + name),
	);
	if (keys.length === 0) return;
	const name = symbolName(object.symbols, keys[0]!).slice(KEY_PREFIX.length);
	throw new LinkError(`${object.name}: '${name}' cannot be made patchable: it has a static-call key already`);
}

/** For each function the symbols of its trampoline and its key: defined where the function is, in two sections to come. */
function pairFor({ symbols }: ElfObject, trampolines: number): (symbol: number) => NewSymbol[] {
	let next = 0;
	return (symbol) => {
		const name = symbolName(symbols, symbol);
		const binding = symbols.info[symbol]! >> 4;
		const trampoline = { name: TRAMPOLINE_PREFIX + name, binding, type: STT_FUNC };
		const key = { name: KEY_PREFIX + name, binding, type: STT_OBJECT };
		if (symbols.section[symbol] === SHN_UNDEF)
			return [trampoline, key].map((each) => ({ ...each, ...undefinedSymbol }));
		const i = next++;
		return [
			{ ...trampoline, section: trampolines, value: i * SITE_BYTES, size: SITE_BYTES },
			{ ...key, section: trampolines + 1, value: i * KEY_BYTES, size: KEY_BYTES },
		];
	};
}

const undefinedSymbol = { section: SHN_UNDEF, value: 0, size: 0 };

/** The section with its calls of the functions naming their trampolines; jumps of trampolines stay what they are. */
function redirected(
	section: Section,
	index: number,
	replacement: ReadonlyMap<number, number>,
	own: Trampolines,
): Section {
	const { relocations } = section;
	if (relocations === undefined || (section.flags & SHF_EXECINSTR) === 0) return section;
	const symbol = relocations.symbol.slice();
	for (let i = 0; i < relocations.count; i++) {
		const type = relocations.type[i]!;
		if (type !== R_TOY_CALL28 && type !== R_TOY_JUMP28) continue;
		if (own.get(index)?.has(relocations.offset[i]! - 1)) continue;
		symbol[i] = replacement.get(symbol[i]!) ?? symbol[i]!;
	}
	return { ...section, relocations: { ...relocations, symbol } };
}

/** The sections with the trampolines (`jmp function`) and the keys of the functions that are defined here. */
function definitions(
	{ symbols }: ElfObject,
	functions: readonly number[],
	moved: (symbol: number) => number,
): Section[] {
	const defined = functions.filter((symbol) => symbols.section[symbol] !== SHN_UNDEF).map(moved);
	if (defined.length === 0) return [];
	const text = new Uint8Array(defined.length * SITE_BYTES);
	for (const i of defined.keys()) text.set(encode("jmp"), i * SITE_BYTES);
	const jumps = defined.map((symbol, i) => ({
		offset: i * SITE_BYTES + 1,
		type: R_TOY_JUMP28,
		symbol,
		addend: 1 - SITE_BYTES,
	}));
	const words = defined.flatMap((symbol, i) =>
		[0, 4].map((word) => ({ offset: i * KEY_BYTES + word, type: R_TOY_ABS32, symbol, addend: 0 })),
	);
	const data = new Uint8Array(defined.length * KEY_BYTES);
	return [
		newSection(".text", {
			type: SHT_PROGBITS,
			flags: SHF_ALLOC | SHF_EXECINSTR,
			align: 1,
			data: text,
			relocations: relocationsOf(jumps),
		}),
		newSection(".data", {
			type: SHT_PROGBITS,
			flags: SHF_ALLOC | SHF_WRITE,
			align: 4,
			data,
			relocations: relocationsOf(words),
		}),
	];
}
