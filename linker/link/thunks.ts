// Thunks: a CALL, JMP or Jcc whose symbol is out of its reach goes to a few instructions near it that can reach all of
// memory: `movi r14, symbol; jmpr r14`. Text is divided into groups of sections with a block of thunks behind each, small
// enough that the whole group reaches its block; within a group there is one thunk per target.

import { encode, R_TOY_CALL28, R_TOY_JUMP28, REL_MAX, REL_MIN } from "../isa/index.ts";
import { SITE_BYTES } from "../sites/index.ts";
import { addressOf, type Input, symbolAddresses } from "./inputs.ts";
import { isExecutable, locate, type Output, type Part, placeParts } from "./layout.ts";
import type { Globals } from "./resolve.ts";

/** The few instructions by which calls in one group of text reach one target. */
export interface Thunk {
	/** The symbol it goes to, by an input that mentions it, and how far beside it. */
	readonly input: number;
	readonly symbol: number;
	readonly beside: number;
	readonly offset: number;
	/** Index in the image's symbol table. Filled by emit-symbols. */
	output: number;
}

/** A part of an output section that holds thunks. */
export interface ThunkBlock {
	readonly part: Part;
	readonly section: Output;
	readonly thunks: Thunk[];
	readonly byTarget: Map<string, Thunk>;
}

const move = encode("movi", { a: 14 });
const jump = encode("jmpr", { a: 14 });
/** Bytes of a thunk. */
export const THUNK_BYTES = move.length + jump.length;
/** The code of a thunk, before its target is in it. */
export const thunkCode = Uint8Array.from([...move, ...jump]);
/** Where the thunk's ABS32 field lies. */
export const THUNK_FIELD = 2;

/** A call that is meant to go further beside its symbol than this gets no thunk: it must be a mistake. */
const MAX_BESIDE = 2 ** 20;

/** The rest of the reach is for the block itself. */
const GROUP_BYTES = REL_MAX - 2 ** 24;

/** Requires: gathered sections. After: layout is final, and every call reaches its symbol or a thunk of its group.
 * @param assign gives every output section an address and size; asked again when thunks made one grow */
export function layOutWithThunks(
	inputs: readonly Input[],
	globals: Globals,
	outputs: readonly Output[],
	assign: (outputs: readonly Output[]) => void,
): ThunkBlock[] {
	const blocks = addBlocks(inputs, outputs.filter(isExecutable));
	do {
		assign(outputs);
		locate(inputs, globals, outputs);
	} while (addMissing(inputs, globals, blocks));
	return blocks;
}

function addBlocks(inputs: readonly Input[], outputs: readonly Output[]): ThunkBlock[] {
	const blocks: ThunkBlock[] = [];
	for (const output of outputs) {
		placeParts(output);
		let start = 0;
		for (const part of output.parts.splice(0)) {
			if (part.offset > start && part.offset + part.size - start > GROUP_BYTES) {
				blocks.push(endGroup(output));
				start = part.offset;
			}
			output.parts.push(part);
			inputs[part.input]!.blocks[part.section] = blocks.length;
		}
		blocks.push(endGroup(output));
	}
	return blocks;
}

function endGroup(section: Output): ThunkBlock {
	const part = { input: -1, section: -1, align: 1, size: 0, offset: 0 };
	section.parts.push(part);
	return { part, section, thunks: [], byTarget: new Map() };
}

/** Whether all there is lies so close together that every call reaches every symbol, as in most programs. */
function isCompact(inputs: readonly Input[], globals: Globals, blocks: readonly ThunkBlock[]): boolean {
	let low = Number.POSITIVE_INFINITY;
	let high = Number.NEGATIVE_INFINITY;
	const include = (address: number) => {
		if (address < low) low = address;
		if (address > high) high = address;
	};
	for (const { section } of blocks) for (const end of [section.address, section.address + section.size]) include(end);
	for (let id = 0; id < globals.names.count; id++) include(globals.address[id]!);
	for (const input of inputs) for (let i = 0; i < input.firstGlobal; i++) include(addressOf(input, i));
	return high - low < REL_MAX - MAX_BESIDE;
}

/** Whether there was a call that neither reached its symbol nor had a thunk. Thunks push text apart and are never taken
 * back, so it ends. */
function addMissing(inputs: readonly Input[], globals: Globals, blocks: readonly ThunkBlock[]): boolean {
	if (isCompact(inputs, globals, blocks)) return false;
	const count = () => blocks.reduce((sum, { thunks }) => sum + thunks.length, 0);
	const before = count();
	const addresses = new Float64Array(Math.max(...inputs.map(({ object }) => object.symbols.count)));
	for (const [index, input] of inputs.entries()) {
		symbolAddresses(input, globals.address, addresses);
		for (const section of input.object.sections.keys()) {
			const block = blocks[input.blocks[section]!];
			if (block !== undefined) scan(inputs, index, section, addresses, block);
		}
	}
	return count() > before;
}

function scan(
	inputs: readonly Input[],
	index: number,
	section: number,
	addresses: Float64Array,
	block: ThunkBlock,
): void {
	const input = inputs[index]!;
	const { relocations } = input.object.sections[section]!;
	if (relocations === undefined) return;
	const { count, offset, type, symbol, addend } = relocations;
	const base = input.bases[section]!;
	for (let i = 0; i < count; i++) {
		if (type[i] !== R_TOY_CALL28 && type[i] !== R_TOY_JUMP28) continue;
		const value = addresses[symbol[i]!]! + addend[i]! - (base + offset[i]!);
		const reaches = value >= REL_MIN && value <= REL_MAX;
		if (!reaches && Math.abs(addend[i]!) < MAX_BESIDE) addThunk(block, input, index, symbol[i]!, addend[i]!);
	}
}

function addThunk(block: ThunkBlock, input: Input, index: number, symbol: number, addend: number): void {
	const key = targetKey(input, index, symbol, addend);
	if (block.byTarget.has(key)) return;
	const thunk = { input: index, symbol, beside: addend + SITE_BYTES - 1, offset: block.part.size, output: 0 };
	block.thunks.push(thunk);
	block.byTarget.set(key, thunk);
	block.part.size += THUNK_BYTES;
}

/** The same for all mentions of one target. */
function targetKey({ firstGlobal, ids }: Input, index: number, symbol: number, addend: number): string {
	return symbol < firstGlobal ? `${index} ${symbol} ${addend}` : `${ids[symbol]} ${addend}`;
}

/** The thunk for a call from a section that has its thunks in `block`, if it needed one. */
export function thunkFor(
	block: ThunkBlock,
	input: Input,
	index: number,
	symbol: number,
	addend: number,
): Thunk | undefined {
	return block.byTarget.get(targetKey(input, index, symbol, addend));
}

/** Where a thunk begins. Requires: its output section has an address. */
export function thunkAddress({ section, part }: ThunkBlock, thunk: Thunk): number {
	return section.address + part.offset + thunk.offset;
}
