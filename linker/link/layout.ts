// Layout: input sections of one name become one output section, output sections of one permission lie together on pages
// of their own: text, init text (its pages can be freed), read-only data, data and zeros. What is not loaded comes last.

import {
	type Relocations,
	type Section,
	SHF_ALLOC,
	SHF_EXECINSTR,
	SHF_WRITE,
	SHT_GROUP,
	SHT_NOBITS,
	SHT_NULL,
	SHT_PROGBITS,
	SHT_REL,
	SHT_RELA,
	SHT_STRTAB,
	SHT_SYMTAB,
	SHT_SYMTAB_SHNDX,
} from "../elf/object.ts";
import { PAGE_SIZE } from "../elf/segments.ts";
import { alignUp } from "../elf/words.ts";
import { LinkError, suggestion } from "../errors.ts";
import { isInit } from "../format/static-calls.ts";
import { hex } from "../hex.ts";
import { place } from "../sites/place.ts";
import { addressOf, type Input } from "./inputs.ts";
import { type Globals, isDefined } from "./resolve.ts";

/** A section of the image while it is made: passes fill it one after the other. */
export interface Output {
	readonly name: string;
	/** Merged from the parts. */
	type: number;
	flags: number;
	align: number;
	entsize: number;
	readonly parts: Part[];
	/** From `--section-start`. */
	readonly start: number | undefined;
	/** Place in the fixed order, see `order`. */
	rank: number;
	/** 0 for what is not loaded. */
	address: number;
	size: number;
	/** Index in the image, 0 when it is empty and left out. Filled by emit-symbols. */
	index: number;
	/** Filled by memory and relocate. */
	data: Uint8Array;
	relocations: Relocations | undefined;
}

/** An input section, or a block of thunks, in an output section. */
export interface Part {
	/** Index of the input; -1 for a block of thunks. */
	readonly input: number;
	readonly section: number;
	readonly align: number;
	size: number;
	/** In the output section. */
	offset: number;
}

/** Sections of one group share pages. */
const order = [
	{ group: "text", is: (output: Output) => output.name === ".text" },
	{ group: "text", is: (output: Output) => isExecutable(output) && !isInit(output) },
	{ group: "init", is: isExecutable },
	{ group: "read-only", is: (output: Output) => output.name === ".rodata" && isReadOnly(output) },
	{ group: "read-only", is: isReadOnly },
	{ group: "data", is: (output: Output) => output.name === ".data" },
	{ group: "data", is: (output: Output) => isLoaded(output) && output.type !== SHT_NOBITS },
	{ group: "data", is: (output: Output) => output.name === ".bss" },
	{ group: "data", is: isLoaded },
	{ group: "not loaded", is: () => true },
];

/** Whether a section is in memory when the program runs. */
export function isLoaded({ flags }: Pick<Section, "flags">): boolean {
	return (flags & SHF_ALLOC) !== 0;
}

/** Whether a section is loaded and holds code. */
export function isExecutable({ flags }: Pick<Section, "flags">): boolean {
	return isLoaded({ flags }) && (flags & SHF_EXECINSTR) !== 0;
}

function isReadOnly({ flags }: Pick<Section, "flags">): boolean {
	return isLoaded({ flags }) && (flags & (SHF_EXECINSTR | SHF_WRITE)) === 0;
}

/** The group of output sections that share pages with this one: text, init, read-only, data. */
export function groupOf(output: Output): string {
	return order[output.rank]!.group;
}

/** Requires: all inputs are known. After: every section that has a place in an image is part of an output section. */
export function gather(inputs: readonly Input[], starts: ReadonlyMap<string, number>): Output[] {
	const byName = new Map<string, Output>();
	for (const [index, { object, foreign }] of inputs.entries()) {
		for (const [i, section] of foreign ? [] : object.sections.entries()) {
			if (unplaced.has(section.type)) continue;
			const output = byName.get(section.name) ?? newOutput(section, starts.get(section.name));
			byName.set(section.name, output);
			merge(output, section);
			output.parts.push({ input: index, section: i, align: section.align, size: section.size, offset: 0 });
		}
	}
	const outputs = [...byName.values()];
	for (const output of outputs) finishOutput(output, inputs);
	for (const name of starts.keys()) if (!byName.has(name)) refuseStart(name, byName.keys());
	outputs.sort((a, b) => a.rank - b.rank);
	for (const [index, { parts }] of outputs.entries())
		for (const part of parts) inputs[part.input]!.outputs[part.section] = index;
	return outputs;
}

const unplaced: ReadonlySet<number> = new Set([
	SHT_NULL,
	SHT_SYMTAB,
	SHT_STRTAB,
	SHT_RELA,
	SHT_REL,
	SHT_SYMTAB_SHNDX,
	SHT_GROUP,
]);

function newOutput({ name, type, entsize }: Section, start: number | undefined): Output {
	const empty = { flags: 0, align: 1, parts: [], rank: 0, address: 0, size: 0, index: 0 };
	return { ...empty, name, type, entsize, start, data: new Uint8Array(0), relocations: undefined };
}

/** Bytes among zeros make it all bytes. */
function merge(output: Output, section: Section): void {
	if (section.type !== SHT_NOBITS && output.type === SHT_NOBITS) output.type = section.type;
	output.flags |= section.flags & (SHF_ALLOC | SHF_WRITE | SHF_EXECINSTR);
	output.align = Math.max(output.align, section.align);
	if (section.entsize !== output.entsize) output.entsize = 0;
}

function finishOutput(output: Output, inputs: readonly Input[]): void {
	if (isExecutable(output) && (output.flags & SHF_WRITE) !== 0) {
		const { object } = inputs[output.parts[0]!.input]!;
		throw new LinkError(`${object.name}:(${output.name}): is both writable and executable`);
	}
	if (output.type === SHT_NOBITS && (output.flags & SHF_WRITE) === 0) output.type = SHT_PROGBITS;
	output.rank = order.findIndex(({ is }) => is(output));
	if (output.start !== undefined) checkStart(output, output.start);
}

function checkStart(output: Output, start: number): void {
	const place = `${output.name}: cannot start at ${hex(start)}`;
	if (!isLoaded(output)) throw new LinkError(`${place}: it is not loaded`);
	if (start % output.align !== 0) throw new LinkError(`${place}: it is aligned to ${output.align} bytes`);
}

function refuseStart(name: string, names: Iterable<string>): never {
	throw new LinkError(`${name}: has an address to start at, but no object has that section${suggestion(name, names)}`);
}

/** Requires: parts and their sizes. After: every output section has an address and size, every part an offset. May be
 * run again when parts have grown. */
export function assignAddresses(outputs: readonly Output[], textBase: number): void {
	let dot = textBase;
	let group = "";
	for (const output of outputs) {
		placeParts(output);
		if (!isLoaded(output)) continue;
		if (output.start === undefined && output.size > 0) {
			dot = alignUp(dot, groupOf(output) === group ? output.align : Math.max(output.align, PAGE_SIZE));
			group = groupOf(output);
		}
		output.address = output.start ?? dot;
		if (output.start === undefined) dot += output.size;
		if (output.address + output.size > 2 ** 32) {
			throw new LinkError(
				`${output.name}: ${output.size} bytes at ${hex(output.address)} do not fit in 32-bit addresses`,
			);
		}
	}
}

/** Gives the parts of an output section their offsets, one behind the other, and the section its size. */
export function placeParts(output: Output): void {
	output.size = 0;
	for (const part of output.parts) {
		part.offset = alignUp(output.size, part.align);
		output.size = part.offset + part.size;
	}
}

/** Requires: addresses of the output sections. After: so have the input sections and the global symbols. */
export function locate(inputs: readonly Input[], globals: Globals, outputs: readonly Output[]): void {
	for (const { address, parts } of outputs) {
		for (const { input, section, offset } of parts) if (input >= 0) inputs[input]!.bases[section] = address + offset;
	}
	if (globals.address.length === 0) globals.address = new Float64Array(globals.names.count);
	for (let id = 0; id < globals.names.count; id++) {
		if (isDefined(globals, id)) globals.address[id] = addressOf(inputs[globals.input[id]!]!, globals.symbol[id]!);
	}
}

/** Which input the byte at an offset of an output section came from, to start a message with. */
export function origin(inputs: readonly Input[], { name, parts }: Output, offset: number): string {
	const part = parts.find((each) => offset >= each.offset && offset < each.offset + each.size);
	const input = inputs[part?.input ?? -1];
	return part && input ? place(input.object, part.section, offset - part.offset) : `(${name}+${hex(offset)})`;
}
