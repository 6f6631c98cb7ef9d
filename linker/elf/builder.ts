// An object under construction: plain data that grows, and the functions that grow it. The assembler, the compiler
// and the linker, for what it supplies itself, build with it; `finish` gives the finished object, with local symbols first as ELF demands.

import { ArgumentError, requireCount } from "../errors.ts";
import {
	type ElfObject,
	ET_REL,
	nullSection,
	type Relocations,
	type Section,
	SHF_ALLOC,
	SHF_EXECINSTR,
	SHF_WRITE,
	SHN_ABS,
	SHN_UNDEF,
	SHT_NOBITS,
	SHT_PROGBITS,
	STB_GLOBAL,
	STB_LOCAL,
	STT_FILE,
	STT_NOTYPE,
	STT_SECTION,
	type Symbols,
} from "./object.ts";
import { addString, newStringTable, type StringTable, stringTableBytes } from "./strings.ts";
import { allocateRelocations, allocateSymbols } from "./tables.ts";
import { alignUp } from "./words.ts";

/** An object that grows: sections and symbols are added by the functions below, `finish` makes an `ElfObject` of it. */
export interface ObjectBuilder {
	readonly name: string;
	readonly machine: number;
	/** `sections[i].index` is `i + 1`. */
	readonly sections: SectionBuilder[];
	readonly sectionsByName: Map<string, SectionBuilder>;
	/** All symbols but the null symbol and those of sections and files, by name. */
	readonly symbolIds: Map<string, number>;
	readonly strings: StringTable;
	/** Columns by symbol id; entry 0 is the null symbol. They are longer than `symbolCount`. */
	columns: Symbols;
	symbolCount: number;
}

/** A section that grows. */
export interface SectionBuilder {
	readonly name: string;
	/** What symbols call it. */
	readonly index: number;
	readonly type: number;
	readonly flags: number;
	readonly entsize: number;
	/** Raised by `alignSection`. */
	align: number;
	size: number;
	/** The first `size` bytes count, the rest is room to grow; empty for SHT_NOBITS. */
	bytes: Uint8Array;
	/** Columns longer than `relocationCount`; symbols are ids. */
	relocations: Relocations;
	relocationCount: number;
	/** 0 until `sectionSymbol` makes it. */
	symbol: number;
}

/** Not yet said: local if defined, global if not. */
const UNSAID = 15;

/** An object without sections or symbols.
 * @param name for messages
 * @param machine e_machine */
export function newObject(name: string, machine: number): ObjectBuilder {
	return {
		name,
		machine,
		sections: [],
		sectionsByName: new Map(),
		symbolIds: new Map(),
		strings: newStringTable(),
		columns: allocateSymbols(32, new Uint8Array(0)),
		symbolCount: 1,
	};
}

/** What a section is, where its name does not say it. */
export interface SectionOptions {
	/** SHT_* */
	readonly type?: number;
	/** SHF_* bits */
	readonly flags?: number;
	readonly align?: number;
	readonly entsize?: number;
}

const usual: readonly { prefix: string; type: number; flags: number }[] = [
	{ prefix: ".text", type: SHT_PROGBITS, flags: SHF_ALLOC | SHF_EXECINSTR },
	{ prefix: ".init.text", type: SHT_PROGBITS, flags: SHF_ALLOC | SHF_EXECINSTR },
	{ prefix: ".rodata", type: SHT_PROGBITS, flags: SHF_ALLOC },
	{ prefix: ".data", type: SHT_PROGBITS, flags: SHF_ALLOC | SHF_WRITE },
	{ prefix: ".bss", type: SHT_NOBITS, flags: SHF_ALLOC | SHF_WRITE },
];

/** The section of that name, made on first use. What `options` leave open follows from the name: `.text`, `.text.hot`
 * and so on are executable, `.bss` has no bytes, an unknown name is not loaded. */
export function section(builder: ObjectBuilder, name: string, options: SectionOptions = {}): SectionBuilder {
	const known = builder.sectionsByName.get(name);
	if (known !== undefined) return known;
	const row = usual.find(({ prefix }) => name === prefix || name.startsWith(`${prefix}.`));
	const made: SectionBuilder = {
		name,
		index: builder.sections.length + 1,
		type: options.type ?? row?.type ?? SHT_PROGBITS,
		flags: options.flags ?? row?.flags ?? 0,
		entsize: options.entsize ?? 0,
		align: options.align ?? 1,
		size: 0,
		bytes: new Uint8Array(0),
		relocations: allocateRelocations(0),
		relocationCount: 0,
		symbol: 0,
	};
	builder.sections.push(made);
	builder.sectionsByName.set(name, made);
	return made;
}

/** Appends `size` zero bytes and returns their offset. All that a SHT_NOBITS section can take. */
export function reserve(section: SectionBuilder, size: number): number {
	const offset = section.size;
	const isFile = section.type !== SHT_NOBITS;
	requireCount(`bytes of ${section.name}`, size, 0, isFile ? undefined : Number.MAX_SAFE_INTEGER - offset);
	section.size += size;
	if (section.type === SHT_NOBITS || section.size <= section.bytes.length) return offset;
	section.bytes = grown(section.bytes, section.size);
	return offset;
}

/** Appends bytes and returns their offset. */
export function append(section: SectionBuilder, bytes: ArrayLike<number>): number {
	if (section.type === SHT_NOBITS) throw new ArgumentError(`${section.name} cannot hold bytes`);
	const offset = reserve(section, bytes.length);
	section.bytes.set(bytes, offset);
	return offset;
}

/** Appends a 32-bit word, signed or unsigned, and returns its offset. */
export function appendWord(section: SectionBuilder, word: number): number {
	return append(section, [word & 255, (word >>> 8) & 255, (word >>> 16) & 255, word >>> 24]);
}

/** Fills up to a multiple of `align` (a power of two), which becomes the section's if it is more. Returns the offset. */
export function alignSection(section: SectionBuilder, align: number, fill = 0): number {
	section.align = Math.max(section.align, align);
	const start = reserve(section, alignUp(section.size, align) - section.size);
	if (fill !== 0 && section.type !== SHT_NOBITS) section.bytes.fill(fill, start, section.size);
	return section.size;
}

/** Where a symbol is and what it is. */
export interface SymbolDefinition {
	/** SHN_ABS and SHN_COMMON are the numbers it can be. */
	readonly section: SectionBuilder | number;
	/** Offset in the section; for SHN_COMMON the alignment. */
	readonly value: number;
	readonly size?: number;
	/** STB_*; local unless `amendSymbol` said otherwise. */
	readonly binding?: number;
	/** STT_* */
	readonly type?: number;
}

/** Defines a name, referenced before or not, and returns its symbol id. Defining it twice is an error of the caller,
 * who can ask `isDefined`. */
export function defineSymbol(builder: ObjectBuilder, name: string, definition: SymbolDefinition): number {
	const id = reference(builder, name);
	if (isDefined(builder, id)) throw new ArgumentError(`${builder.name}: symbol '${name}' is already defined`);
	place(builder, id, definition);
	return id;
}

/** The id of the symbol of that name, which need not be defined yet; if it never is, it is another object's. */
export function reference(builder: ObjectBuilder, name: string): number {
	const known = builder.symbolIds.get(name);
	if (known !== undefined) return known;
	const id = addSymbol(builder, name);
	builder.symbolIds.set(name, id);
	return id;
}

/** Whether the symbol with this id is defined in the object so far. */
export function isDefined(builder: ObjectBuilder, id: number): boolean {
	return builder.columns.section[id] !== SHN_UNDEF;
}

/** Changes what is given, before or after the definition. */
export function amendSymbol(
	builder: ObjectBuilder,
	id: number,
	{ binding, type, size, visibility }: { binding?: number; type?: number; size?: number; visibility?: number },
): void {
	const { columns } = builder;
	const info = columns.info[id]!;
	columns.info[id] = ((binding ?? info >> 4) << 4) | (type ?? info & 15);
	if (size !== undefined) columns.size[id] = size;
	if (visibility !== undefined) columns.other[id] = visibility;
}

/** The nameless symbol that stands for the start of a section. */
export function sectionSymbol(builder: ObjectBuilder, section: SectionBuilder): number {
	if (section.symbol === 0) {
		section.symbol = addSymbol(builder, "");
		place(builder, section.symbol, { section, value: 0, binding: STB_LOCAL, type: STT_SECTION });
	}
	return section.symbol;
}

/** Names the source file that the local symbols come from. Call it first: they follow it. */
export function fileSymbol(builder: ObjectBuilder, path: string): number {
	const id = addSymbol(builder, path);
	place(builder, id, { section: SHN_ABS, value: 0, binding: STB_LOCAL, type: STT_FILE });
	return id;
}

/** Notes a relocation of the field at `offset`; `symbol` is an id. */
export function relocate(section: SectionBuilder, offset: number, type: number, symbol: number, addend: number): void {
	const i = section.relocationCount++;
	if (i === section.relocations.offset.length) section.relocations = grownRelocations(section.relocations);
	const { relocations } = section;
	relocations.offset[i] = offset;
	relocations.type[i] = type;
	relocations.symbol[i] = symbol;
	relocations.addend[i] = addend;
}

/** The finished object, with columns of its own. Sections keep their index; `symbolOrder` says what symbols became. */
export function finish(builder: ObjectBuilder): ElfObject {
	const newIndex = symbolOrder(builder);
	return {
		name: builder.name,
		type: ET_REL,
		machine: builder.machine,
		flags: 0,
		entry: 0,
		sections: [nullSection(), ...builder.sections.map((section) => finishSection(section, newIndex))],
		symbols: finishSymbols(builder, newIndex),
		segments: [],
	};
}

/** The index that each symbol id gets in the finished object: locals first, else in order of first mention. */
export function symbolOrder(builder: ObjectBuilder): Uint32Array {
	const newIndex = new Uint32Array(builder.symbolCount);
	let next = 1;
	for (const local of [true, false])
		for (let id = 1; id < builder.symbolCount; id++)
			if ((finalBinding(builder, id) === STB_LOCAL) === local) newIndex[id] = next++;
	return newIndex;
}

function addSymbol(builder: ObjectBuilder, name: string): number {
	const id = builder.symbolCount++;
	if (id === builder.columns.count) builder.columns = grownSymbols(builder.columns);
	builder.columns.name[id] = addString(builder.strings, name);
	builder.columns.info[id] = (UNSAID << 4) | STT_NOTYPE;
	return id;
}

function place(builder: ObjectBuilder, id: number, { section, value, size, binding, type }: SymbolDefinition): void {
	builder.columns.section[id] = typeof section === "number" ? section : section.index;
	builder.columns.value[id] = value;
	amendSymbol(builder, id, {
		...(size !== undefined && { size }),
		...(binding !== undefined && { binding }),
		...(type !== undefined && { type }),
	});
}

function finalBinding(builder: ObjectBuilder, id: number): number {
	const said = builder.columns.info[id]! >> 4;
	if (said !== UNSAID) return said;
	return isDefined(builder, id) ? STB_LOCAL : STB_GLOBAL;
}

function finishSection(section: SectionBuilder, newIndex: Uint32Array): Section {
	const { name, type, flags, align, entsize, size } = section;
	const data = section.bytes.slice(0, type === SHT_NOBITS ? 0 : size);
	return {
		...nullSection(),
		name,
		type,
		flags,
		align,
		entsize,
		size,
		data,
		relocations: finishRelocations(section, newIndex),
	};
}

function finishRelocations(section: SectionBuilder, newIndex: Uint32Array): Relocations | undefined {
	const count = section.relocationCount;
	if (count === 0) return undefined;
	const { offset, type, symbol, addend } = section.relocations;
	return {
		count,
		offset: offset.slice(0, count),
		type: type.slice(0, count),
		symbol: symbol.slice(0, count).map((id) => newIndex[id]!),
		addend: addend.slice(0, count),
	};
}

function finishSymbols(builder: ObjectBuilder, newIndex: Uint32Array): Symbols {
	const from = builder.columns;
	const to = allocateSymbols(builder.symbolCount, stringTableBytes(builder.strings));
	for (let id = 1; id < builder.symbolCount; id++) {
		const i = newIndex[id]!;
		if (finalBinding(builder, id) === STB_LOCAL && !isDefined(builder, id))
			throw new ArgumentError(`${builder.name}: local symbol ${id} is never defined`);
		to.name[i] = from.name[id]!;
		to.value[i] = from.value[id]!;
		to.size[i] = from.size[id]!;
		to.info[i] = (finalBinding(builder, id) << 4) | (from.info[id]! & 15);
		to.other[i] = from.other[id]!;
		to.section[i] = from.section[id]!;
	}
	return to;
}

function grown(bytes: Uint8Array, size: number): Uint8Array {
	const larger = new Uint8Array(Math.max(64, bytes.length * 2, size));
	larger.set(bytes);
	return larger;
}

function grownSymbols(columns: Symbols): Symbols {
	const larger = allocateSymbols(columns.count * 2, columns.strings);
	for (const key of ["name", "value", "size", "info", "other", "section"] as const) larger[key].set(columns[key]);
	return larger;
}

function grownRelocations(columns: Relocations): Relocations {
	const larger = allocateRelocations(Math.max(16, columns.count * 2));
	for (const key of ["offset", "type", "symbol", "addend"] as const) larger[key].set(columns[key]);
	return larger;
}
