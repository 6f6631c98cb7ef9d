// Resolution: one definition for every global name. A strong definition beats weak ones, the first weak one beats the
// others, two strong ones are an error. Whether what is left undefined matters is asked later (require-defined.ts).

import { SHN_UNDEF, STB_WEAK } from "../elf/object.ts";
import { place } from "../sites/place.ts";
import type { Input } from "./inputs.ts";
import { doubled, intern, type NameTable, nameOf, newNameTable } from "./names.ts";
import { reportAll } from "./report.ts";

/** What is known of a name; the greater wins. */
export const State = { weaklyWanted: 0, wanted: 1, weak: 2, strong: 3 } as const;

/** The global symbols, by columns; an id is its name's in `names`. Columns may be longer than there are names. */
export interface Globals {
	readonly names: NameTable;
	state: Uint8Array;
	/** Where it is defined: index of the input, and of the symbol in it. */
	input: Uint32Array;
	symbol: Uint32Array;
	/** Filled by layout; 0 for what is undefined. */
	address: Float64Array;
	/** Index in the image's symbol table, 0 for none. Filled by emit-symbols. */
	output: Uint32Array;
}

/** Requires: nothing. After: `ids` of all inputs are set, and every defined name has its definition. */
export function resolve(inputs: readonly Input[]): Globals {
	const globals = newGlobals(inputs);
	const duplicates = inputs.flatMap((_, index) => resolveInput(globals, inputs, index));
	refuseDuplicates(globals, inputs, duplicates);
	return globals;
}

interface Duplicate {
	readonly id: number;
	readonly input: number;
	readonly symbol: number;
}

/** Makes the names of one more input known. Returns its strong definitions of what had one. */
export function resolveInput(globals: Globals, inputs: readonly Input[], index: number): Duplicate[] {
	const duplicates: Duplicate[] = [];
	const { object, firstGlobal, ids } = inputs[index]!;
	const { name, section, info, count, strings } = object.symbols;
	for (let i = firstGlobal; i < count; i++) {
		const id = intern(globals.names, strings, name[i]!);
		if (id >= globals.state.length) grow(globals);
		ids[i - firstGlobal] = id;
		const weak = info[i]! >> 4 === STB_WEAK;
		const state =
			section[i] === SHN_UNDEF ? (weak ? State.weaklyWanted : State.wanted) : weak ? State.weak : State.strong;
		if (state > globals.state[id]!) {
			globals.state[id] = state;
			globals.input[id] = index;
			globals.symbol[id] = i;
		} else if (state === State.strong) {
			duplicates.push({ id, input: index, symbol: i });
		}
	}
	return duplicates;
}

export function refuseDuplicates(globals: Globals, inputs: readonly Input[], duplicates: readonly Duplicate[]): void {
	reportAll(duplicates, ({ id, input, symbol }) => {
		const first = definitionPlace(inputs[globals.input[id]!]!, globals.symbol[id]!);
		return `${definitionPlace(inputs[input]!, symbol)}: '${nameOf(globals.names, id)}' is defined here and at ${first}`;
	});
}

/** Visits what an input defines and no other input's definition beat, in the order of its symbols. */
export function forEachDefinition(
	globals: Globals,
	{ object, firstGlobal, ids }: Input,
	index: number,
	visit: (id: number, symbol: number) => void,
): void {
	const { section, count } = object.symbols;
	for (let i = firstGlobal; i < count; i++) {
		if (section[i] === SHN_UNDEF) continue;
		const id = ids[i - firstGlobal]!;
		if (globals.input[id] === index && globals.symbol[id] === i) visit(id, i);
	}
}

export function isDefined(globals: Globals, id: number): boolean {
	return globals.state[id]! >= State.weak;
}

function definitionPlace({ object }: Input, symbol: number): string {
	const section = object.symbols.section[symbol]!;
	const value = object.symbols.value[symbol]!;
	if (section < object.sections.length) return place(object, section, value);
	return `${object.name}:(absolute 0x${value.toString(16)})`;
}

function newGlobals(inputs: readonly Input[]): Globals {
	const names = newNameTable(inputs.reduce((sum, input) => sum + countDefinitions(input), 0));
	const capacity = names.start.length;
	return {
		names,
		state: new Uint8Array(capacity),
		input: new Uint32Array(capacity),
		symbol: new Uint32Array(capacity),
		address: new Float64Array(0),
		output: new Uint32Array(0),
	};
}

function countDefinitions({ object, firstGlobal }: Input): number {
	const { section, count } = object.symbols;
	let defined = 0;
	for (let i = firstGlobal; i < count; i++) if (section[i] !== SHN_UNDEF) defined++;
	return defined;
}

function grow(globals: Globals): void {
	const state = new Uint8Array(globals.state.length * 2);
	state.set(globals.state);
	globals.state = state;
	globals.input = doubled(globals.input);
	globals.symbol = doubled(globals.symbol);
}
