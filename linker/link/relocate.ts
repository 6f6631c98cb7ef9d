// Relocation: puts the value of every relocation into its field, and keeps the relocation for the image. One pass over
// the columns of each input section; no object per relocation.

import { type Relocations, STT_SECTION } from "../elf/object.ts";
import { allocateRelocations } from "../elf/tables.ts";
import { viewOf } from "../elf/words.ts";
import { LinkError, notIn } from "../errors.ts";
import { R_TOY_ABS32, relocationTypes } from "../isa/index.ts";
import { SITE_BYTES } from "../sites/index.ts";
import { nameForMessage, place } from "../sites/place.ts";
import { type Input, symbolAddresses } from "./inputs.ts";
import type { Output } from "./layout.ts";
import type { Globals } from "./resolve.ts";
import { THUNK_FIELD, type ThunkBlock, thunkAddress, thunkFor } from "./thunks.ts";

/** Per symbol of the input at hand. */
interface Scratch {
	readonly address: Float64Array;
	/** Index in the image's symbol table. */
	readonly output: Uint32Array;
	/** What its addends grow by: section symbols become those of output sections. */
	readonly shift: Float64Array;
}

/** Requires: memory filled, symbols emitted. After: all fields have their values, and `relocations` of every output
 * section would compute them again; a call that goes to a thunk names the thunk. */
export function relocate(
	inputs: readonly Input[],
	globals: Globals,
	outputs: readonly Output[],
	blocks: readonly ThunkBlock[],
): void {
	const next = new Map(outputs.map((output) => [output, 0]));
	for (const output of outputs) output.relocations = allocateFor(output, inputs, blocks);
	const scratch = newScratch(Math.max(...inputs.map(({ object }) => object.symbols.count)));
	for (const [index, input] of inputs.entries()) {
		fillScratch(scratch, input, globals, outputs);
		for (const [i, { relocations }] of input.object.sections.entries()) {
			const output = outputs[input.outputs[i]!];
			if (relocations === undefined || output === undefined) continue;
			relocateSection(input, index, i, scratch, output, next.get(output)!, blocks[input.blocks[i]!]);
			next.set(output, next.get(output)! + relocations.count);
		}
		for (const block of blocks)
			next.set(block.section, relocateThunks(block, index, scratch, next.get(block.section)!));
	}
}

function allocateFor(output: Output, inputs: readonly Input[], blocks: readonly ThunkBlock[]): Relocations | undefined {
	let count = 0;
	for (const part of output.parts) {
		const section = inputs[part.input]?.object.sections[part.section];
		count += section?.relocations?.count ?? 0;
	}
	for (const block of blocks) if (block.section === output) count += block.thunks.length;
	return count === 0 ? undefined : allocateRelocations(count);
}

function newScratch(count: number): Scratch {
	return { address: new Float64Array(count), output: new Uint32Array(count), shift: new Float64Array(count) };
}

function fillScratch(scratch: Scratch, input: Input, globals: Globals, outputs: readonly Output[]): void {
	const { object, firstGlobal, ids, locals, bases } = input;
	const { info, section, count } = object.symbols;
	symbolAddresses(input, globals.address, scratch.address);
	scratch.output.set(locals);
	for (let i = firstGlobal; i < count; i++) scratch.output[i] = globals.output[ids[i]!]!;
	scratch.shift.fill(0, 0, count);
	for (let i = 1; i < firstGlobal; i++) {
		if ((info[i]! & 15) !== STT_SECTION) continue;
		const output = outputs[input.outputs[section[i]!]!];
		scratch.shift[i] = bases[section[i]!]! - (output?.index ? output.address : 0);
	}
}

const limit = Math.max(...relocationTypes.map(({ type }) => type)) + 1;
/** 0: nothing, 1: S + A, 2: S + A - P. */
const formulas = new Uint8Array(limit);
const minimum = new Float64Array(limit);
const maximum = new Float64Array(limit);
const sizes = new Uint8Array(limit);
const writes: ((view: DataView, offset: number, value: number) => void)[] = [];
for (const { type, formula, min, max, size, write } of relocationTypes) {
	formulas[type] = ["none", "S + A", "S + A - P"].indexOf(formula);
	minimum[type] = min;
	maximum[type] = max;
	sizes[type] = size;
	writes[type] = write;
}

function relocateSection(
	input: Input,
	index: number,
	section: number,
	{ address, output: image, shift }: Scratch,
	output: Output,
	first: number,
	block: ThunkBlock | undefined,
): void {
	const { count, offset, type, symbol, addend } = input.object.sections[section]!.relocations!;
	const kept = output.relocations!;
	const base = input.bases[section]!;
	const start = base - output.address;
	const length = input.object.sections[section]!.data.length;
	const view = viewOf(output.data);
	for (let i = 0, k = first; i < count; i++, k++) {
		const t = type[i]!;
		const s = symbol[i]!;
		const at = offset[i]!;
		const place = base + at;
		if (t >= limit || at + sizes[t]! > length) refuse(input, section, i);
		const target = address[s]! + addend[i]!;
		let value = formulas[t] === 2 ? target - place : formulas[t] === 1 ? target : 0;
		kept.offset[k] = place;
		kept.type[k] = t;
		kept.symbol[k] = image[s]!;
		kept.addend[k] = addend[i]! + shift[s]!;
		if (!(value >= minimum[t]! && value <= maximum[t]!)) {
			const thunk = block && thunkFor(block, input, index, s, addend[i]!);
			if (thunk === undefined) outOfRange(input, section, i, value);
			kept.symbol[k] = thunk.output;
			kept.addend[k] = 1 - SITE_BYTES;
			value = thunkAddress(block!, thunk) + 1 - SITE_BYTES - place;
			if (value < minimum[t]! || value > maximum[t]!) outOfRange(input, section, i, value);
		}
		writes[t]!(view, start + at, value);
	}
}

function refuse(input: Input, section: number, i: number): never {
	const { type, offset } = input.object.sections[section]!.relocations!;
	const where = place(input.object, section, offset[i]!);
	const name = relocationTypes[type[i]!]?.name;
	if (name === undefined) throw new LinkError(`${where}: relocation type ${type[i]} is not one of the toy's`);
	throw new LinkError(`${where}: relocation ${name} reaches beyond the section's bytes`);
}

function outOfRange({ object }: Input, section: number, i: number, value: number): never {
	const { type, symbol, offset } = object.sections[section]!.relocations!;
	const { name, min, max } = relocationTypes[type[i]!]!;
	throw new LinkError(
		`${place(object, section, offset[i]!)}: relocation ${name} against '${nameForMessage(object, symbol[i]!)}' out of range: ${notIn(value, min, max)}`,
	);
}

/** Relocates the thunks to symbols of one input. Returns where the next relocation is kept. */
function relocateThunks(block: ThunkBlock, index: number, scratch: Scratch, first: number): number {
	const { data, address, relocations } = block.section;
	let k = first;
	for (const thunk of block.thunks) {
		if (thunk.input !== index) continue;
		const place = thunkAddress(block, thunk) + THUNK_FIELD;
		writes[R_TOY_ABS32]!(viewOf(data), place - address, scratch.address[thunk.symbol]! + thunk.beside);
		relocations!.offset[k] = place;
		relocations!.type[k] = R_TOY_ABS32;
		relocations!.symbol[k] = scratch.output[thunk.symbol]!;
		relocations!.addend[k] = thunk.beside + scratch.shift[thunk.symbol]!;
		k++;
	}
	return k;
}
