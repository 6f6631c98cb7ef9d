// Questions about the sections and symbols of an object. All answers are indices into its columns.

import {
	type ElfObject,
	type Section,
	SHF_EXECINSTR,
	SHN_LORESERVE,
	SHN_UNDEF,
	STT_FILE,
	STT_FUNC,
	STT_SECTION,
	type Symbols,
} from "./object.ts";
import { stringAt } from "./strings.ts";

/** The name of symbol `index`, decoded on demand; "" for the null symbol and most section symbols. */
export function symbolName(symbols: Symbols, index: number): string {
	return stringAt(symbols.strings, symbols.name[index]!);
}

/** Whether the symbol's name starts with these bytes, without decoding it. */
export function hasPrefix({ name, strings }: Symbols, symbol: number, prefix: Uint8Array): boolean {
	return startsWith(strings, name[symbol]!, prefix);
}

/** Whether these bytes are at `start`. */
export function startsWith(bytes: Uint8Array, start: number, prefix: Uint8Array): boolean {
	for (let i = 0; i < prefix.length; i++) if (bytes[start + i] !== prefix[i]) return false;
	return true;
}

/** STB_* */
export function symbolBinding(symbols: Symbols, index: number): number {
	return symbols.info[index]! >> 4;
}

/** STT_* */
export function symbolType(symbols: Symbols, index: number): number {
	return symbols.info[index]! & 15;
}

/** Whether a section holds instructions. */
export function isCode({ flags }: Pick<Section, "flags">): boolean {
	return (flags & SHF_EXECINSTR) !== 0;
}

/** The first section of that name. */
export function sectionByName(object: ElfObject, name: string): Section | undefined {
	return object.sections.find((section) => section.name === name);
}

/** The section that a symbol is defined in; undefined when it is defined nowhere here, or has no section (an absolute or a
 * common symbol). */
export function sectionOfSymbol({ sections, symbols }: ElfObject, symbol: number): Section | undefined {
	return sections[symbols.section[symbol]!];
}

/** The first symbol of that name; a linear search, for single questions. */
export function symbolByName(object: ElfObject, name: string): number | undefined {
	for (let i = 1; i < object.symbols.count; i++) if (symbolName(object.symbols, i) === name) return i;
	return undefined;
}

/** The defined function symbols, sorted by section and value. */
export interface FunctionIndex {
	readonly symbols: Symbols;
	/** Symbol indices. */
	readonly order: Uint32Array;
	/** By position in `order`. */
	readonly end: Float64Array;
	/** The greatest end of the functions of the same section up to and including this one. */
	readonly reach: Float64Array;
}

const functionIndexes = new WeakMap<Symbols, FunctionIndex>();
const nameIndexes = new WeakMap<Symbols, FunctionIndex>();

/** Sorts the functions of an object once, for any number of `functionAt`. */
export function indexFunctions({ symbols }: Pick<ElfObject, "symbols">): FunctionIndex {
	return once(functionIndexes, symbols, () => newIndex(symbols, (i) => (symbols.info[i]! & 15) === STT_FUNC));
}

/** Sorts functions, variables and labels of an object once, for the same questions about anything that has a name. */
export function indexNames({ symbols }: Pick<ElfObject, "symbols">): FunctionIndex {
	return once(nameIndexes, symbols, () => newIndex(symbols, (i) => isNamed(symbols, i)));
}

/** Sections, files and the marks of AArch64 and RISC-V, `$d`, are no names of something. */
function isNamed({ info, name, strings }: Symbols, i: number): boolean {
	const type = info[i]! & 15;
	return type !== STT_SECTION && type !== STT_FILE && name[i] !== 0 && strings[name[i]!] !== 0x24;
}

function once<T>(known: WeakMap<Symbols, T>, symbols: Symbols, make: () => T): T {
	const made = known.get(symbols) ?? make();
	known.set(symbols, made);
	return made;
}

function newIndex(symbols: Symbols, isWanted: (symbol: number) => boolean): FunctionIndex {
	const order = definedSymbols(symbols, isWanted);
	const compare = (a: number, b: number): number =>
		symbols.section[a]! - symbols.section[b]! ||
		symbols.value[a]! - symbols.value[b]! ||
		symbols.size[b]! - symbols.size[a]! ||
		a - b;
	let sorted = 1;
	while (sorted < order.length && compare(order[sorted - 1]!, order[sorted]!) < 0) sorted++;
	if (sorted < order.length) order.sort(compare);
	const end = functionEnds(symbols, order);
	const reach = end.slice();
	for (let i = 1; i < order.length; i++)
		if (symbols.section[order[i]!] === symbols.section[order[i - 1]!]) reach[i] = Math.max(reach[i - 1]!, end[i]!);
	return { symbols, order, end, reach };
}

/** The innermost function of `section` (an index) that covers `value`: an offset in a relocatable file, an address in
 * an executable. One without a size covers what lies before the next. Undefined where no function is. */
export function functionAt(index: FunctionIndex, section: number, value: number): number | undefined {
	const { symbols, order, end, reach } = index;
	for (let i = lastStart(index, section, value); i >= 0; i--) {
		if (symbols.section[order[i]!] !== section || reach[i]! <= value) return undefined;
		if (end[i]! > value) return order[i];
	}
	return undefined;
}

function definedSymbols(symbols: Symbols, isWanted: (symbol: number) => boolean): Uint32Array {
	const found = new Uint32Array(symbols.count);
	let count = 0;
	for (let i = 1; i < symbols.count; i++) {
		const section = symbols.section[i]!;
		if (section !== SHN_UNDEF && section < SHN_LORESERVE && isWanted(i)) found[count++] = i;
	}
	return found.slice(0, count);
}

/** Start and size, or for one without a size the start of the next function behind it. */
function functionEnds(symbols: Symbols, order: Uint32Array): Float64Array {
	const ends = new Float64Array(order.length);
	let next = Number.POSITIVE_INFINITY;
	for (let i = order.length - 1; i >= 0; i--) {
		const symbol = order[i]!;
		const follower = order[i + 1];
		const start = symbols.value[symbol]!;
		if (follower === undefined || symbols.section[follower] !== symbols.section[symbol])
			next = Number.POSITIVE_INFINITY;
		else if (symbols.value[follower]! > start) next = symbols.value[follower]!;
		ends[i] = symbols.size[symbol]! > 0 ? start + symbols.size[symbol]! : next;
	}
	return ends;
}

/** The position of the last function that starts at or before `value` in `section`, or before that section. */
function lastStart({ symbols, order }: FunctionIndex, section: number, value: number): number {
	let low = 0;
	let high = order.length;
	while (low < high) {
		const middle = (low + high) >>> 1;
		const symbol = order[middle]!;
		const other = symbols.section[symbol]!;
		if (other < section || (other === section && symbols.value[symbol]! <= value)) low = middle + 1;
		else high = middle;
	}
	return low - 1;
}

/** The first function that starts behind `value` in `section`, or undefined. */
export function functionBehind(index: FunctionIndex, section: number, value: number): number | undefined {
	const symbol = index.order[lastStart(index, section, value) + 1];
	return symbol !== undefined && index.symbols.section[symbol] === section ? symbol : undefined;
}

/** The position in `order` of the first function in `section` (an index) or behind. */
export function firstFunction(index: FunctionIndex, section: number): number {
	return lastStart(index, section, Number.NEGATIVE_INFINITY) + 1;
}
