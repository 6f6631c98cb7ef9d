// Which symbols somebody asks about: the functions with a prefix, as trampolines have one, or those with given names. The
// answer is a byte per symbol, 1 for what is wanted, so that a pass over millions of relocations only looks it up.

import { type ElfObject, SHN_LORESERVE, SHN_UNDEF, STT_SECTION } from "../elf/object.ts";
import { hasPrefix, symbolName } from "../elf/symbols.ts";
import { suggestion, thereAre } from "../errors.ts";

/** Which symbols to look for. */
export type Wanted =
	| { readonly prefix: string }
	/** Functions, without the version that linked files add to a name. */
	| { readonly names: readonly string[] };

/** 1 for each symbol that is wanted, and for other names of the same function. */
export function wantedSymbols({ symbols }: Pick<ElfObject, "symbols">, wanted: Wanted): Uint8Array {
	const flags = new Uint8Array(symbols.count);
	const matches = "prefix" in wanted ? prefixTest(wanted.prefix, symbols) : nameTest(wanted.names, symbols);
	for (let i = 1; i < symbols.count; i++) if (matches(i)) flags[i] = 1;
	if ("names" in wanted) flagAliases(symbols, flags);
	return flags;
}

function prefixTest(prefix: string, symbols: ElfObject["symbols"]): (symbol: number) => boolean {
	const bytes = new TextEncoder().encode(prefix);
	return (symbol) => hasPrefix(symbols, symbol, bytes);
}

function nameTest(names: readonly string[], symbols: ElfObject["symbols"]): (symbol: number) => boolean {
	const wanted = new Set(names);
	return (symbol) => wanted.has(baseName(symbolName(symbols, symbol)));
}

/** Whether any of the symbols is defined here: calls of others have relocations, or the file could not be linked. */
export function hasDefined({ symbols }: ElfObject, wanted: Uint8Array | undefined): boolean {
	if (wanted === undefined) return true;
	for (const symbol of flagged(wanted)) if (symbols.section[symbol] !== SHN_UNDEF) return true;
	return false;
}

/** The symbols for which `flags` holds 1. */
export function* flagged(flags: Uint8Array): Generator<number> {
	for (let i = flags.indexOf(1); i >= 0; i = flags.indexOf(1, i + 1)) yield i;
}

/** For a name that no symbol has: which one may be meant. C++ names are mangled, `ns::slow(int)` to `_ZN2ns4slowEi`: each
 * part stands there behind its length. */
export function hasNoSymbol({ symbols }: ElfObject, name: string): string {
	if (symbols.count <= 1) return noSymbols(name);
	const names = Array.from({ length: symbols.count - 1 }, (_, i) => baseName(symbolName(symbols, i + 1)));
	const parts = name.replace(/\(.*$/, "").split("::");
	const inside = parts.map((part) => `${part.length}${part}`).join("");
	const mangled = /::|\(/.test(name) ? names.filter((each) => each.startsWith("_Z") && each.includes(inside)) : [];
	const meant =
		mangled.length > 0 ? `; C++ names are mangled${thereAre([...new Set(mangled)])}` : nearFunctions(name, names);
	return `has no symbol '${name}'${meant || MAY_BE_INLINED}`;
}

/** The same for a file without symbols. */
export function noSymbols(name: string): string {
	return `has no symbols, so nothing says where '${name}' is: they were stripped`;
}

/** What else may have become of a function whose name is right. */
export const MAY_BE_INLINED = "; is it inlined wherever it is called, or stripped?";

/** Which of `names` may be meant by one that is not among them: functions of the same name with other parameters, or the one
 * whose name, without parameters, is nearest. */
export function nearFunctions(name: string, names: readonly string[]): string {
	const bare = withoutParameters(name);
	const overloads = [...new Set(names)].filter((each) => each !== bare && withoutParameters(each) === bare);
	if (overloads.length > 0) return thereAre(overloads);
	const near = suggestion(bare, new Set(names.map(withoutParameters)));
	return near.replace(/'(.*)'/, (_, found: string) => {
		const meant = names.filter((each) => withoutParameters(each) === found);
		return `'${meant.find((each) => each.slice(found.length) === name.slice(bare.length)) ?? meant[0]}'`;
	});
}

function withoutParameters(name: string): string {
	const at = name.indexOf("(", name.startsWith("operator()") ? 10 : 1);
	return at < 0 ? name : name.slice(0, at);
}

/** Without `@GLIBC_2.34`. */
export function baseName(name: string): string {
	const at = name.indexOf("@", 1);
	return at < 0 ? name : name.slice(0, at);
}

function flagAliases({ count, section, value, info }: ElfObject["symbols"], flags: Uint8Array): void {
	const places = new Set<string>();
	const place = (i: number) => `${section[i]} ${value[i]}`;
	const isPlaced = (i: number) =>
		section[i] !== SHN_UNDEF && section[i]! < SHN_LORESERVE && (info[i]! & 15) !== STT_SECTION;
	for (let i = 1; i < count; i++) if (flags[i] === 1 && isPlaced(i)) places.add(place(i));
	if (places.size === 0) return;
	for (let i = 1; i < count; i++) if (isPlaced(i) && places.has(place(i))) flags[i] = 1;
}
