// The symbols of an image by name and by address. Sorted and decoded when first asked for: an image may have millions,
// and a link asks for none.

import { STB_LOCAL, STT_FILE, STT_SECTION } from "../elf/object.ts";
import { symbolName } from "../elf/symbols.ts";
import { beyond } from "../hex.ts";
import { countBefore } from "../search.ts";
import { once } from "./once.ts";
import { isThere, type Part, partAt } from "./part.ts";

/** A symbol with an address. */
export interface ImageSymbol {
	readonly name: string;
	readonly address: number;
	readonly size: number;
	/** STT_* */
	readonly type: number;
	/** STB_* */
	readonly binding: number;
	/** Name of the section it is in. */
	readonly section: string;
	/** Index in the symbol table of the part that it is in. */
	readonly index: number;
}

/** The part of an image that answers questions about its symbols. */
export interface SymbolIndex {
	/** What has an address, sorted by it; no section or file symbols. */
	readonly symbols: readonly ImageSymbol[];
	/** A global symbol of that name, else the first local one. */
	symbolNamed(name: string): ImageSymbol | undefined;
	/** The symbol that covers the address; one without a size reaches to the next or to the end of its section. */
	symbolAt(address: number): ImageSymbol | undefined;
	/** `fifo`, `fifo+0x5`, or undefined where no symbol is. */
	symbolize(address: number): string | undefined;
}

/** Functions over the symbols, which are decoded and sorted by the first call. */
export function symbolIndex(parts: readonly Part[]) {
	const symbols = once(() => sortedSymbols(parts));
	const byName = once(() => symbolsByName(symbols()));
	const sized = once(() => lastSized(symbols()));
	const symbolAt = (address: number) => {
		const i = lastAtOrBelow(symbols(), address);
		const nearest = symbols()[i];
		const around = symbols()[sized()[i] ?? -1];
		if (around !== undefined && address < around.address + around.size) return around;
		return nearest?.size === 0 && isIn(parts, nearest, address) ? nearest : undefined;
	};
	const symbolize = (address: number) => {
		const symbol = symbolAt(address);
		if (symbol === undefined) return undefined;
		return beyond(symbol.name, address - symbol.address);
	};
	const symbolNamed = (name: string) => byName().get(name);
	return { symbols, symbolNamed, symbolAt, symbolize };
}

function sortedSymbols(parts: readonly Part[]): ImageSymbol[] {
	const list: ImageSymbol[] = [];
	for (const part of parts) addSymbols(list, part);
	return list.sort((a, b) => a.address - b.address || a.size - b.size || a.index - b.index);
}

function addSymbols(list: ImageSymbol[], part: Part): void {
	const { symbols, sections } = part.elf;
	for (let index = 1; index < symbols.count; index++) {
		const section = sections[symbols.section[index]!];
		const type = symbols.info[index]! & 15;
		if (section === undefined || !isThere(part, section) || type === STT_SECTION || type === STT_FILE) continue;
		const binding = symbols.info[index]! >> 4;
		const address = symbols.value[index]!;
		list.push({
			name: symbolName(symbols, index),
			address,
			size: symbols.size[index]!,
			type,
			binding,
			section: section.name,
			index,
		});
	}
}

function symbolsByName(symbols: readonly ImageSymbol[]): Map<string, ImageSymbol> {
	const byName = new Map<string, ImageSymbol>();
	for (const symbol of symbols) {
		if (symbol.binding !== STB_LOCAL || !byName.has(symbol.name)) byName.set(symbol.name, symbol);
	}
	return byName;
}

/** For each symbol, the index of the last one up to it that has a size; -1 for none. */
function lastSized(symbols: readonly ImageSymbol[]): Int32Array {
	let last = -1;
	return Int32Array.from(symbols, ({ size }, i) => (last = size > 0 ? i : last));
}

/** The index of the last symbol that starts at or before the address; -1 for none. */
export function lastAtOrBelow(symbols: readonly ImageSymbol[], address: number): number {
	return countBefore(symbols.length, (i) => symbols[i]!.address <= address) - 1;
}

function isIn(parts: readonly Part[], symbol: ImageSymbol, address: number): boolean {
	const elf = partAt(parts, symbol.address)?.elf;
	const section = elf?.sections[elf.symbols.section[symbol.index]!];
	return section !== undefined && address < section.address + section.size;
}
