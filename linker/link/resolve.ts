// Resolution: one definition for every global name. A strong definition beats weak ones, the first weak one beats the
// others, two strong ones are an error. Whether what is left undefined matters is asked later (require-defined.ts).

import { SHN_UNDEF, STB_WEAK } from "../elf/object.ts";
import { hex } from "../hex.ts";
import { place } from "../sites/place.ts";
import type { Input } from "./inputs.ts";
import { doubled, intern, type NameTable, nameOf, newNameTable } from "./names.ts";
import { reportAll } from "./report.ts";

/** How a name is defined so far; the greater wins. */
const State = { undefined: 0, weak: 1, strong: 2 } as const;

/** The global symbols, by columns; an id is its name's in `names`. Columns may be longer than there are names. */
export interface Globals {
	readonly names: NameTable;
	state: Uint8Array;
	/** Where it is defined: index of the input, and of the symbol in it. */
	input: Uint32Array;
	symbol: Uint32Array;
	/** The ids of what nobody defines and nobody needs: everything that mentions them is weak. Filled by require-defined. */
	absent: readonly number[];
	/** Filled by layout; 0 for what is undefined. */
	address: Float64Array;
	/** Index in the image's symbol table, 0 for none. Filled by emit-symbols. */
	output: Uint32Array;
	/** Room for the symbols of one input. */
	selected: Uint32Array;
}

/** Requires: nothing. After: `ids` of all inputs are set, and every defined name has its definition. The ids of what is
 * defined ascend with inputs and symbols, so passes over them read memory in order. */
export function resolve(inputs: readonly Input[]): Globals {
	const globals = newGlobals(inputs);
	const duplicates = inputs.flatMap((_, index) => define(globals, inputs, index));
	refuseDuplicates(globals, inputs, duplicates);
	for (const input of inputs) mention(globals, input);
	return globals;
}

interface Duplicate {
	readonly id: number;
	readonly input: number;
	readonly symbol: number;
}

/** Makes what an input defines known. Returns its strong definitions of what had one. */
export function define(globals: Globals, inputs: readonly Input[], index: number): Duplicate[] {
	const duplicates: Duplicate[] = [];
	const { ids, object } = inputs[index]!;
	const { info, name, strings } = object.symbols;
	const defined = select(globals, inputs[index]!, true);
	intern(globals.names, strings, name, defined, ids);
	while (globals.names.count > globals.state.length) grow(globals);
	for (const symbol of defined) {
		const id = ids[symbol]!;
		const state = info[symbol]! >> 4 === STB_WEAK ? State.weak : State.strong;
		if (state > globals.state[id]!) {
			globals.state[id] = state;
			globals.input[id] = index;
			globals.symbol[id] = symbol;
		} else if (state === State.strong) {
			duplicates.push({ id, input: index, symbol });
		}
	}
	return duplicates;
}

/** Looks up what an input mentions without defining it. */
export function mention(globals: Globals, input: Input): void {
	const { name, strings } = input.object.symbols;
	intern(globals.names, strings, name, select(globals, input, false), input.ids);
	while (globals.names.count > globals.state.length) grow(globals);
}

/** The global symbols that the input defines, or those that it does not. Valid until the next call. */
function select(globals: Globals, { object, firstGlobal }: Input, defined: boolean): Uint32Array {
	const { section, count } = object.symbols;
	if (globals.selected.length < count) globals.selected = new Uint32Array(count * 2);
	const { selected } = globals;
	let next = 0;
	for (let i = firstGlobal; i < count; i++) if ((section[i] !== SHN_UNDEF) === defined) selected[next++] = i;
	return selected.subarray(0, next);
}

/** Refuses names that several inputs define.
 * @throws LinkError that names both places of each */
export function refuseDuplicates(globals: Globals, inputs: readonly Input[], duplicates: readonly Duplicate[]): void {
	reportAll(duplicates, ({ id, input, symbol }) => {
		const first = definitionPlace(inputs[globals.input[id]!]!, globals.symbol[id]!);
		return `${definitionPlace(inputs[input]!, symbol)}: '${nameOf(globals.names, id)}' is defined here and at ${first}`;
	});
}

/** Whether any input, or the linker itself, defines the name with this id. */
export function isDefined(globals: Globals, id: number): boolean {
	return globals.state[id] !== State.undefined;
}

/** Gives an undefined name a definition that is not a global symbol. */
export function defineAs(globals: Globals, id: number, input: number, symbol: number): void {
	globals.state[id] = State.strong;
	globals.input[id] = input;
	globals.symbol[id] = symbol;
}

function definitionPlace({ object }: Input, symbol: number): string {
	const section = object.symbols.section[symbol]!;
	const value = object.symbols.value[symbol]!;
	if (section < object.sections.length) return place(object, section, value);
	return `${object.name}:(absolute ${hex(value)})`;
}

function newGlobals(inputs: readonly Input[]): Globals {
	const longest = inputs.reduce((most, { object }) => Math.max(most, object.symbols.count), 0);
	const names = newNameTable(
		inputs.reduce((sum, input) => sum + countDefinitions(input), 0),
		longest,
	);
	const capacity = names.start.length;
	return {
		names,
		state: new Uint8Array(capacity),
		input: new Uint32Array(capacity),
		symbol: new Uint32Array(capacity),
		selected: new Uint32Array(longest),
		absent: [],
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
