// What the symbols of added objects mean: something that is added along, something of the program, or something that the
// program takes from a shared object. What means nothing is an error where a relocation needs it, not before.

import {
	type ElfObject,
	SHN_ABS,
	SHN_COMMON,
	SHN_LORESERVE,
	SHN_UNDEF,
	STB_LOCAL,
	STB_WEAK,
	STT_FILE,
	STT_GNU_IFUNC,
	STT_SECTION,
	STT_TLS,
} from "../../elf/object.ts";
import { symbolName } from "../../elf/symbols.ts";
import { LinkError } from "../../errors.ts";
import { baseName } from "../../sites/wanted.ts";
import type { Part, Parts } from "./parts.ts";
import type { Program } from "./program.ts";

/** What a symbol means. */
export type Bound =
	/** So many bytes behind the start of a part. */
	| { readonly kind: "part"; readonly part: Part; readonly value: number }
	/** An address of the program, as linked. */
	| { readonly kind: "address"; readonly address: number }
	/** A number, wherever the program is loaded. */
	| { readonly kind: "absolute"; readonly value: number }
	/** What a shared object defines. `symbol` is its index in the table for the dynamic linker. */
	| { readonly kind: "import"; readonly name: string; readonly symbol: number }
	/** A function that is chosen when the program starts, whose address is then in a word. */
	| { readonly kind: "chosen"; readonly name: string; readonly slot: number }
	/** Nothing, and why. */
	| { readonly kind: "nothing"; readonly why: string };

/** The symbols of the program that may be meant from outside, by their names. */
export interface ProgramSymbols {
	/** Global and weak ones. */
	readonly global: ReadonlyMap<string, number>;
	/** Local ones that no other shares its name with; linkers make hidden functions local. */
	readonly local: ReadonlyMap<string, number | undefined>;
	/** Addresses of imports in the procedure linkage table that stand for them everywhere. */
	readonly entries: ReadonlyMap<string, number>;
}

/** Sorts the symbols of the program, once for all that is asked. */
export function programSymbols({ object: { symbols } }: Program): ProgramSymbols {
	const global = new Map<string, number>();
	const local = new Map<string, number | undefined>();
	const entries = new Map<string, number>();
	for (let i = 1; i < symbols.count; i++) {
		const [section, type] = [symbols.section[i]!, symbols.info[i]! & 15];
		if (symbols.name[i] === 0 || type === STT_SECTION || type === STT_FILE) continue;
		const name = baseName(symbolName(symbols, i));
		if (section === SHN_UNDEF) {
			if (symbols.value[i] !== 0) entries.set(name, symbols.value[i]!);
		} else if (symbols.info[i]! >> 4 !== STB_LOCAL) global.set(name, i);
		else local.set(name, local.has(name) ? undefined : i);
	}
	return { global, local, entries };
}

/** By object what each of its symbols means.
 * @throws LinkError for a function or variable that two of them define, or one of them and the program */
export function bindSymbols(
	program: Program,
	known: ProgramSymbols,
	objects: readonly ElfObject[],
	parts: Parts,
): Map<ElfObject, Bound[]> {
	const definitions = definitionsOf(program, known, objects, parts);
	const bound = new Map<ElfObject, Bound[]>();
	for (const object of objects)
		bound.set(
			object,
			Array.from({ length: object.symbols.count }, (_, i) => bind(program, known, definitions, parts, object, i)),
		);
	return bound;
}

/** What the objects define for each other, by name. */
function definitionsOf(
	program: Program,
	{ global }: ProgramSymbols,
	objects: readonly ElfObject[],
	{ all, bySection }: Parts,
): Map<string, Bound> {
	const found = new Map<string, { bound: Bound; isWeak: boolean; object: ElfObject }>();
	const add = (name: string, bound: Bound, isWeak: boolean, object: ElfObject): void => {
		const other = found.get(name);
		if (other !== undefined && !other.isWeak && !isWeak)
			throw new LinkError(`${object.name}: defines '${name}', and so does ${other.object.name}`);
		if (other === undefined || (other.isWeak && !isWeak)) found.set(name, { bound, isWeak, object });
	};
	for (const object of objects) {
		const { symbols } = object;
		for (let i = 1; i < symbols.count; i++) {
			const [section, binding] = [symbols.section[i]!, symbols.info[i]! >> 4];
			if (binding === STB_LOCAL || section === SHN_UNDEF || section === SHN_COMMON) continue;
			const name = symbolName(symbols, i);
			const part = bySection.get(object)!.get(section);
			const isWeak = binding === STB_WEAK;
			const theirs = global.get(name);
			if (part === undefined && section < SHN_LORESERVE) continue;
			const isTaken = theirs !== undefined && program.object.symbols.info[theirs]! >> 4 !== STB_WEAK;
			if (isTaken && !isWeak)
				throw new LinkError(`${object.name}: defines '${name}', and so does ${program.object.name}`);
			if (theirs === undefined || !isWeak) add(name, definition(object, i, part), isWeak, object);
		}
	}
	for (const object of objects) addCommon(object, global, found, all);
	return new Map([...found].map(([name, { bound }]) => [name, bound]));
}

/** Variables that any number of objects may define. Where nobody gives one a value, it gets room. */
function addCommon(
	object: ElfObject,
	global: ReadonlyMap<string, number>,
	found: Map<string, { bound: Bound; isWeak: boolean; object: ElfObject }>,
	all: Part[],
): void {
	const { symbols } = object;
	for (let i = 1; i < symbols.count; i++) {
		const name = symbolName(symbols, i);
		if (symbols.section[i] !== SHN_COMMON || found.has(name) || global.has(name)) continue;
		const [align, size] = [Math.max(1, symbols.value[i]!), symbols.size[i]!];
		const number = all.length;
		const part: Part = {
			...{ object, name, section: 0, room: "bss", align, size, relocations: undefined, number },
			address: 0,
		};
		all.push(part);
		found.set(name, { bound: { kind: "part", part, value: 0 }, isWeak: false, object });
	}
}

function definition({ symbols }: ElfObject, i: number, part: Part | undefined): Bound {
	if ((symbols.info[i]! & 15) === STT_GNU_IFUNC)
		return { kind: "nothing", why: "is chosen when the program starts (an ifunc), which only a link can add" };
	if (part !== undefined) return { kind: "part", part, value: symbols.value[i]! };
	return { kind: "absolute", value: symbols.value[i]! };
}

function bind(
	program: Program,
	known: ProgramSymbols,
	definitions: ReadonlyMap<string, Bound>,
	{ bySection }: Parts,
	object: ElfObject,
	i: number,
): Bound {
	const { symbols } = object;
	const [section, binding, type] = [symbols.section[i]!, symbols.info[i]! >> 4, symbols.info[i]! & 15];
	if (i === 0) return { kind: "absolute", value: 0 };
	if (type === STT_TLS) return { kind: "nothing", why: "is thread-local, which only a link can add" };
	if (binding === STB_LOCAL) {
		const part = bySection.get(object)!.get(section);
		if (part === undefined && section !== SHN_ABS)
			return { kind: "nothing", why: "is in a section that the program has a copy of, or that is not loaded" };
		return definition(object, i, part);
	}
	const name = symbolName(symbols, i);
	const own = definitions.get(name);
	if (own !== undefined) return own;
	const theirs = known.global.get(name) ?? known.local.get(name);
	if (theirs !== undefined) return inProgram(program, name, theirs);
	const entry = known.entries.get(name);
	if (entry !== undefined) return { kind: "address", address: entry };
	const symbol = program.imports.get(name);
	if (symbol !== undefined) return { kind: "import", name, symbol };
	if (binding === STB_WEAK) return { kind: "absolute", value: 0 };
	const several = known.local.has(name) ? "; several local functions or variables have this name" : "";
	return {
		kind: "nothing",
		why: `is defined neither by ${program.object.name} nor by what is added to it, and the program takes nothing of this name from a shared object${several}`,
	};
}

function inProgram({ object, chosen }: Program, name: string, i: number): Bound {
	const { symbols } = object;
	const type = symbols.info[i]! & 15;
	const value = symbols.value[i]!;
	if (type === STT_TLS) return { kind: "nothing", why: "is thread-local, which only a link can add" };
	if (symbols.section[i] === SHN_ABS) return { kind: "absolute", value };
	if (type !== STT_GNU_IFUNC) return { kind: "address", address: value };
	const slot = chosen.get(value);
	if (slot !== undefined) return { kind: "chosen", name, slot };
	return { kind: "nothing", why: "is chosen when the program starts (an ifunc), and the program calls it nowhere" };
}
