// The image's symbol table: section symbols, the local symbols of each object behind its file's name, thunks, globals.

import {
	SHN_ABS,
	SHN_UNDEF,
	STB_LOCAL,
	STB_WEAK,
	STT_FILE,
	STT_FUNC,
	STT_NOTYPE,
	STT_SECTION,
	type Symbols,
} from "../elf/object.ts";
import { symbolName } from "../elf/symbols.ts";
import { allocateSymbols } from "../elf/tables.ts";
import { addressOf, type Input } from "./inputs.ts";
import type { Output } from "./layout.ts";
import { addName, namesIn } from "./names.ts";
import { type Globals, isDefined } from "./resolve.ts";
import { THUNK_BYTES, type ThunkBlock, thunkAddress } from "./thunks.ts";

/** Starts the names of thunks, and the file that their symbols are said to come from. */
export const THUNK_PREFIX = "__thunk_";
const THUNKS_FILE = "<thunks>";

/** Everything that says which symbols there are. */
interface Sources {
	readonly inputs: readonly Input[];
	readonly globals: Globals;
	readonly outputs: readonly Output[];
	readonly blocks: readonly ThunkBlock[];
}

/** Appends symbols to columns that are large enough. */
interface SymbolWriter {
	readonly symbols: Symbols;
	next: number;
}

/** Requires: final layout. After: `index` of outputs, `locals` of inputs, `output` of globals and thunks say which symbol
 * of the returned table they are. Undefined globals that nothing uses are left out; those of foreign inputs are undefined,
 * with their addresses. */
export function emitSymbols(sources: Sources): Symbols {
	const { inputs, globals, outputs, blocks } = sources;
	const own = inputs.filter(({ foreign }) => !foreign);
	const locals = own.reduce((sum, { firstGlobal }) => sum + firstGlobal + 1, 0);
	const thunks = blocks.reduce((sum, block) => sum + block.thunks.length + 1, 0);
	const capacity = 1 + outputs.length + locals + thunks + globals.names.count;
	const writer = { symbols: allocateSymbols(capacity, new Uint8Array(0)), next: 1 };
	putSections(writer, outputs);
	for (const input of own) putLocals(writer, sources, input);
	for (const block of blocks) putThunks(writer, sources, block);
	putGlobals(writer, sources);
	return shortened(writer, globals.names.names.bytes.subarray(0, globals.names.size));
}

function putSections(writer: SymbolWriter, outputs: readonly Output[]): void {
	for (const [i, output] of outputs.filter(({ size }) => size > 0).entries()) {
		output.index = i + 1;
		put(writer, 0, info(STB_LOCAL, STT_SECTION), output.index, output.address, 0);
	}
}

function info(binding: number, type: number): number {
	return (binding << 4) | type;
}

/** Returns the index of the new symbol. */
function put(
	writer: SymbolWriter,
	name: number,
	bindingAndType: number,
	section: number,
	value: number,
	size: number,
): number {
	const i = writer.next++;
	const { symbols } = writer;
	symbols.name[i] = name;
	symbols.info[i] = bindingAndType;
	symbols.section[i] = section;
	symbols.value[i] = value;
	symbols.size[i] = size;
	return i;
}

function putFile(writer: SymbolWriter, { names }: Globals, path: string): void {
	put(writer, addName(names, namesIn(encoder.encode(path)), 0), info(STB_LOCAL, STT_FILE), SHN_ABS, 0, 0);
}

const encoder = new TextEncoder();

/** Section symbols become those of the output sections. */
function putLocals(writer: SymbolWriter, { globals, outputs }: Sources, input: Input): void {
	const { object, firstGlobal, locals } = input;
	const { symbols } = object;
	const strings = namesIn(symbols.strings);
	let named = false;
	for (let i = 1; i < firstGlobal; i++) {
		const type = symbols.info[i]! & 15;
		if (type === STT_SECTION) {
			locals[i] = outputs[input.outputs[symbols.section[i]!]!]?.index ?? 0;
			continue;
		}
		if (!named && type !== STT_FILE) putFile(writer, globals, object.name);
		named = true;
		const name = addName(globals.names, strings, symbols.name[i]!);
		locals[i] = put(
			writer,
			name,
			symbols.info[i]!,
			sectionOf(input, outputs, i),
			addressOf(input, i),
			symbols.size[i]!,
		);
	}
}

/** The index of the image's section that a symbol is in; one in a section that was left out as empty is absolute. */
function sectionOf({ object, outputs: places }: Input, outputs: readonly Output[], symbol: number): number {
	const section = object.symbols.section[symbol]!;
	if (section === SHN_UNDEF || section >= places.length) return section;
	return outputs[places[section]!]?.index || SHN_ABS;
}

function putThunks(writer: SymbolWriter, { inputs, globals }: Sources, block: ThunkBlock): void {
	if (block.thunks.length > 0) putFile(writer, globals, THUNKS_FILE);
	for (const thunk of block.thunks) {
		const { symbols } = inputs[thunk.input]!.object;
		const name = addName(globals.names, namesIn(encoder.encode(THUNK_PREFIX + symbolName(symbols, thunk.symbol))), 0);
		const value = thunkAddress(block, thunk);
		thunk.output = put(writer, name, info(STB_LOCAL, STT_FUNC), block.section.index, value, THUNK_BYTES);
	}
}

function putGlobals(writer: SymbolWriter, { inputs, globals, outputs }: Sources): void {
	const { names, address } = globals;
	const mentioned = mentionedIds(inputs, names.count);
	globals.output = new Uint32Array(names.count);
	for (let id = 0; id < names.count; id++) {
		const input = inputs[globals.input[id]!]!;
		if (!isDefined(globals, id) || (input.foreign && mentioned[id] === 0)) continue;
		const symbol = globals.symbol[id]!;
		const { info, other, size } = input.object.symbols;
		const section = input.foreign ? SHN_UNDEF : sectionOf(input, outputs, symbol);
		const i = put(writer, names.start[id]!, info[symbol]!, section, address[id]!, size[symbol]!);
		writer.symbols.other[i] = other[symbol]!;
		globals.output[id] = i;
	}
	for (const id of globals.absent) {
		globals.output[id] = put(writer, names.start[id]!, info(STB_WEAK, STT_NOTYPE), SHN_UNDEF, 0, 0);
	}
}

/** 1 for each name that an object of the link mentions; nobody asks when there are no foreign ones. */
function mentionedIds(inputs: readonly Input[], count: number): Uint8Array {
	const mentioned = new Uint8Array(count);
	if (inputs.every(({ foreign }) => !foreign)) return mentioned;
	for (const { foreign, ids, firstGlobal } of inputs)
		for (let i = firstGlobal; !foreign && i < ids.length; i++) mentioned[ids[i]!] = 1;
	return mentioned;
}

function shortened({ symbols, next }: SymbolWriter, strings: Uint8Array): Symbols {
	return {
		count: next,
		name: symbols.name.subarray(0, next),
		value: symbols.value.subarray(0, next),
		size: symbols.size.subarray(0, next),
		info: symbols.info.subarray(0, next),
		other: symbols.other.subarray(0, next),
		section: symbols.section.subarray(0, next),
		strings,
	};
}
