// Relocations as entries that something puts together when they are asked for: those of a file that is not in memory,
// and those that would only be written. Millions of any relocations are passed over in pieces (docs/algorithms.md).

import { LinkError } from "../errors.ts";
import { inRela } from "./fields.ts";
import { R_NONE, type Relocations } from "./object.ts";
import { putRela, putRelocations, RELA_SIZE, type RelocationTableSource, readRelocations } from "./tables.ts";
import { fitsNumber, viewOf, wideWord, wordsOf } from "./words.ts";

/** Fills a view with whole entries of a table, from entry `first` on. */
export type PutEntries = (view: DataView, first: number) => void;

const known = new WeakMap<Relocations, PutEntries>();

/** Relocations with explicit addends. They have columns too, from the first time that one is looked at. */
export function relocationsFrom(count: number, put: PutEntries): Relocations {
	let columns: Relocations | undefined;
	const read = (): Relocations => {
		if (columns !== undefined) return columns;
		const bytes = new Uint8Array(count * RELA_SIZE);
		put(viewOf(bytes), 0);
		columns = readRelocations({ ...anything, bytes });
		return columns;
	};
	const relocations: Relocations = {
		count,
		get offset() {
			return read().offset;
		},
		get type() {
			return read().type;
		},
		get symbol() {
			return read().symbol;
		},
		get addend() {
			return read().addend;
		},
	};
	known.set(relocations, put);
	return relocations;
}

/** Checks nothing. */
const anything = {
	place: "",
	implicitAddends: false,
	symbolCount: Number.POSITIVE_INFINITY,
	min: Number.NEGATIVE_INFINITY,
	max: Number.POSITIVE_INFINITY,
};

/** What writes the entries of any relocations. */
export function entriesOf(relocations: Relocations): PutEntries {
	return known.get(relocations) ?? ((view, first) => putRelocations(relocations, view, first));
}

/** The 32-bit words of an entry in a piece: of the offset, the type, the symbol, and of the addend. */
export const ENTRY_WORDS = 6;
const PIECE = 1 << 13;

/** The entries in pieces, `ENTRY_WORDS` for each. A piece is good until the next is asked for. */
export function* relocationPieces(relocations: Relocations): Generator<Uint32Array> {
	const { count, implicitAddends } = relocations;
	const put = entriesOf(implicitAddends ? { ...relocations, implicitAddends: false } : relocations);
	const buffer = new ArrayBuffer(Math.min(count, PIECE) * RELA_SIZE);
	for (let first = 0; first < count; first += PIECE) {
		const view = new DataView(buffer, 0, Math.min(count - first, PIECE) * RELA_SIZE);
		put(view, first);
		yield wordsOf(view);
	}
}

/** The entries of symbols for which `picks` holds 1, as words like a piece's, and their numbers among all. */
export function pickedEntries(
	{ count, offset, type, symbol, addend }: Relocations,
	picks: Uint8Array,
): { words: Uint32Array; numbers: Uint32Array } {
	let room = 0;
	for (let i = 0; i < count; i++) room += picks[symbol[i]!]!;
	const view = new DataView(new ArrayBuffer(room * RELA_SIZE));
	const numbers = new Uint32Array(room);
	for (let i = 0, next = 0; next < room; i++) {
		if (picks[symbol[i]!] !== 1) continue;
		putRela(view, next * RELA_SIZE, offset[i]!, type[i]!, symbol[i]!, addend[i]!);
		numbers[next++] = i;
	}
	return { words: wordsOf(view), numbers };
}

/** The relocations that `put` reads from a file, checked as `readRelocations` does whenever they are read.
 * @param bytes all of the entries: they are asked for when there is something to say about one */
export function checkedRelocations(
	source: Omit<RelocationTableSource, "bytes" | "implicitAddends">,
	count: number,
	put: PutEntries,
	bytes: () => Uint8Array,
): Relocations {
	return relocationsFrom(count, (view, first) => {
		put(view, first);
		if (areSound(wordsOf(view), source)) return;
		readRelocations({ ...source, bytes: bytes(), implicitAddends: false });
		throw new LinkError(`${source.place}: changed while it was read`);
	});
}

/** The conditions of `readRelocations`, written out for words: a million entries pass before V8 has optimised a call away. */
function areSound(
	words: Uint32Array,
	{ symbolCount, min, max }: Pick<RelocationTableSource, "symbolCount" | "min" | "max">,
): boolean {
	for (let at = 0; at < words.length; at += ENTRY_WORDS) {
		const high = words[at + 1]!;
		const offset = high === 0 ? words[at]! : wideWord(words[at]!, high);
		const highAddend = (words[at + 5]! + 2 ** 21) >>> 0;
		if (words[at + 3]! >= symbolCount || highAddend >= 2 ** 22) return false;
		if ((offset < min || offset > max) && (words[at + 2] !== R_NONE || !fitsNumber(high | 0))) return false;
	}
	return true;
}

/** The same relocations when symbols have other indices. */
export function followSymbols(relocations: Relocations, moved: (symbol: number) => number): Relocations {
	const put = known.get(relocations);
	if (put === undefined) return { ...relocations, symbol: relocations.symbol.map(moved) };
	return relocationsFrom(relocations.count, (view, first) => {
		put(view, first);
		for (let at = inRela.symbol; at < view.byteLength; at += RELA_SIZE)
			view.setUint32(at, moved(view.getUint32(at, true)), true);
	});
}
