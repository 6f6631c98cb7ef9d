// The program as if its calls had never been static: each call of a key becomes a plain call of the function that the
// key calls. What static calls cost is measured against it. A key that calls nothing has no plain call and stays.

import { addSymbols } from "../../linker/elf/edit.ts";
import {
	type ElfObject,
	type Section,
	SHN_UNDEF,
	STB_GLOBAL,
	STB_LOCAL,
	STT_FUNC,
	sectionOfSymbol,
	symbolBinding,
	symbolName,
	symbolType,
} from "../../linker/elf/index.ts";
import { calleeOf } from "../../linker/sites/branches.ts";
import { callSites, type FoundSites, KEY_PREFIX, RETURN0, TRAMPOLINE_PREFIX } from "../../linker/sites/index.ts";

/** A symbol of one of the objects. */
interface Place {
	readonly object: number;
	readonly symbol: number;
}

/** @param targets key -> function, for keys that shall not call their default; `null` and `ret0` are no functions */
export function plainCalls(objects: readonly ElfObject[], targets: ReadonlyMap<string, string>): ElfObject[] {
	const sites = objects.map(callSites);
	const functions = sites.map((table, i) => functionsOf(objects, i, table, targets));
	const wanted = functions.flatMap((each) => [...each.values()]);
	return objects.map((object, i) => {
		const exported = wanted.filter((place) => place.object === i);
		const imported = [...functions[i]!.values()].filter((place) => place.object !== i);
		const definitions = exported.map(({ symbol }) => alias(object, symbol, i));
		const references = imported.map((place) => ({ ...undefinedFunction, name: aliasName(place) }));
		const unique = new Map([...references, ...definitions].map((symbol) => [symbol.name, symbol]));
		const { object: extended, added, moved } = addSymbols(object, [...unique.values()]);
		const names = [...unique.keys()];
		const plain = new Map(
			[...functions[i]!].map(([trampoline, place]) => [moved(trampoline), added[names.indexOf(aliasName(place))]!]),
		);
		return {
			...extended,
			sections: extended.sections.map((section, index) => redirect(section, index, sites[i]!, plain)),
		};
	});
}

const undefinedFunction = { binding: STB_GLOBAL, type: STT_FUNC, section: SHN_UNDEF, value: 0, size: 0 };

function aliasName({ object, symbol }: Place): string {
	return `__plain_${object}_${symbol}`;
}

/** A name by which every object can call a function, even a local one. */
function alias({ symbols }: ElfObject, symbol: number, object: number) {
	const { [symbol]: section } = symbols.section;
	const place = { section: section!, value: symbols.value[symbol]!, size: symbols.size[symbol]! };
	return { ...undefinedFunction, ...place, name: aliasName({ object, symbol }) };
}

/** What the trampolines that an object calls stand for. */
function functionsOf(
	objects: readonly ElfObject[],
	i: number,
	{ table, rows }: FoundSites,
	targets: ReadonlyMap<string, string>,
): Map<number, Place> {
	const functions = new Map<number, Place>();
	for (const trampoline of new Set(Array.from(rows, (row) => calleeOf(table, row).symbol))) {
		const key = symbolName(objects[i]!.symbols, trampoline).slice(TRAMPOLINE_PREFIX.length);
		const home = find(objects, i, KEY_PREFIX + key);
		const target = home && (functionNamed(objects, home.object, targets.get(key)) ?? defaultOf(objects, home));
		if (target !== undefined && !isNothing(targets.get(key))) functions.set(trampoline, target);
	}
	return functions;
}

function isNothing(target: string | undefined): boolean {
	return target === "null" || target === "ret0";
}

function functionNamed(objects: readonly ElfObject[], from: number, name: string | undefined): Place | undefined {
	return name === undefined || name === "default" ? undefined : find(objects, from, name, STT_FUNC);
}

/** The function in word 1 of a key. */
function defaultOf(objects: readonly ElfObject[], { object, symbol }: Place): Place | undefined {
	const { symbols } = objects[object]!;
	const relocations = sectionOfSymbol(objects[object]!, symbol)?.relocations;
	const word = relocations?.offset.indexOf(symbols.value[symbol]! + 4) ?? -1;
	if (word < 0) return undefined;
	const target = relocations!.symbol[word]!;
	const name = symbolName(symbols, target);
	if (name === RETURN0) return undefined;
	return symbols.section[target] === SHN_UNDEF ? find(objects, object, name) : { object, symbol: target };
}

/** The definition that object `from` means by a name: its own, a global one, else whatever has it. */
function find(objects: readonly ElfObject[], from: number, name: string, type?: number): Place | undefined {
	const found: Place[] = [];
	for (const [object, { symbols }] of objects.entries()) {
		for (let symbol = 1; symbol < symbols.count; symbol++) {
			if (symbols.section[symbol] === SHN_UNDEF || symbolName(symbols, symbol) !== name) continue;
			if (type === undefined || symbolType(symbols, symbol) === type) found.push({ object, symbol });
		}
	}
	const isGlobal = ({ object, symbol }: Place) => symbolBinding(objects[object]!.symbols, symbol) !== STB_LOCAL;
	return found.find(({ object }) => object === from) ?? found.find(isGlobal) ?? found[0];
}

/** @param plain trampoline -> function, as symbols of the section's object */
function redirect(
	section: Section,
	index: number,
	{ table, rows }: FoundSites,
	plain: ReadonlyMap<number, number>,
): Section {
	const { relocations } = section;
	const offsets = new Set(
		Array.from(
			rows.filter((row) => table.section[row] === index),
			(row) => table.offset[row]!,
		),
	);
	if (relocations === undefined || offsets.size === 0) return section;
	const symbol = relocations.symbol.map((old, i) =>
		offsets.has(relocations.offset[i]! - 1) ? (plain.get(old) ?? old) : old,
	);
	return { ...section, relocations: { ...relocations, symbol } };
}
