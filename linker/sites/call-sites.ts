// Finds the call sites of an object: the relocations of CALL, JMP and Jcc whose symbol is a trampoline, by its name. The
// section of a symbol says nothing, for the trampolines of other modules have none. Decides once per symbol, then makes
// one pass over the relocations.

import { type ElfObject, type Section, SHF_EXECINSTR, SHN_UNDEF, type Symbols } from "../elf/object.ts";
import { hasPrefix, symbolName } from "../elf/symbols.ts";
import { LinkError } from "../errors.ts";
import { SITE_BYTES, TRAMPOLINE_PREFIX } from "../format/static-calls.ts";
import {
	decode,
	disassemble,
	type Instruction,
	R_TOY_CALL28,
	R_TOY_JUMP28,
	R_TOY_NONE,
	relocationTypes,
} from "../isa/index.ts";
import { place } from "./place.ts";

/** One row per site, by columns, in the order of sections and of their relocations. */
export interface SiteTable {
	readonly count: number;
	/** Index of the section that holds the instruction. */
	readonly section: Uint32Array;
	/** Offset of the instruction in it. */
	readonly offset: Float64Array;
	/** The symbol called: a trampoline. */
	readonly symbol: Uint32Array;
	/** Code of the kind: index in `siteKinds`. */
	readonly kind: Uint8Array;
	/** 1 where the section is freed after the start. */
	readonly init: Uint8Array;
}

/** LinkError where a relocation names a trampoline but cannot be retargeted. */
export function callSites(object: ElfObject): SiteTable {
	const flags = trampolineFlags(object.symbols);
	if (!flags.includes(1)) return allocate(0);
	const table = allocate(object.sections.reduce((sum, { relocations }) => sum + (relocations?.count ?? 0), 0));
	const own = ownTrampolines(object.symbols, flags);
	let count = 0;
	for (const [index, section] of object.sections.entries()) {
		if (section.relocations === undefined) continue;
		const first = count;
		count = scan(object, index, flags, own.get(index), table, count);
		checkDistinct(object, index, table.offset.subarray(first, count));
	}
	return shortened(table, count);
}

function scan(
	object: ElfObject,
	index: number,
	flags: Uint8Array,
	own: ReadonlySet<number> | undefined,
	table: SiteTable,
	first: number,
): number {
	const section = object.sections[index]!;
	const { offset, symbol, type, count } = section.relocations!;
	const init = isInit(section) ? 1 : 0;
	let next = first;
	for (let i = 0; i < count; i++) {
		if (flags[symbol[i]!] !== 1 || type[i] === R_TOY_NONE) continue;
		const start = offset[i]! - 1;
		if (own?.has(start) || !isCandidate(object, index, i)) continue;
		table.section[next] = index;
		table.offset[next] = start;
		table.symbol[next] = symbol[i]!;
		table.kind[next] = kindAt(object, index, i);
		table.init[next] = init;
		next++;
	}
	return next;
}

/** Whether the text is freed after the start. */
export function isInit({ name }: Pick<Section, "name">): boolean {
	return name.startsWith(".init.");
}

/** 1 for each symbol that is a trampoline. */
function trampolineFlags(symbols: Symbols): Uint8Array {
	const flags = new Uint8Array(symbols.count);
	for (let i = 1; i < symbols.count; i++) if (hasPrefix(symbols, i, prefixBytes)) flags[i] = 1;
	return flags;
}

const prefixBytes = new TextEncoder().encode(TRAMPOLINE_PREFIX);

/** Where an object's own trampolines start, per section. */
export type Trampolines = ReadonlyMap<number, ReadonlySet<number>>;

/** The jump in a trampoline is no call site, even to another. */
export function ownTrampolines(symbols: Symbols, flags = trampolineFlags(symbols)): Trampolines {
	const own = new Map<number, Set<number>>();
	for (let i = 1; i < symbols.count; i++) {
		const section = symbols.section[i]!;
		if (flags[i] !== 1 || section === SHN_UNDEF) continue;
		own.set(section, (own.get(section) ?? new Set()).add(symbols.value[i]!));
	}
	return own;
}

/** Whether relocation `i` is of a call or jump. Code may not do anything else with a trampoline; data may point to it. */
function isCandidate(object: ElfObject, index: number, i: number): boolean {
	const section = object.sections[index]!;
	const type = section.relocations!.type[i]!;
	const executable = (section.flags & SHF_EXECINSTR) !== 0;
	if (type === R_TOY_CALL28 || type === R_TOY_JUMP28) {
		if (executable) return true;
		throw new LinkError(`${describe(object, index, i)} is not in an executable section`);
	}
	if (!executable) return false;
	throw new LinkError(`${describe(object, index, i)} cannot be a call site: only CALL, JMP and Jcc can be retargeted`);
}

function kindAt(object: ElfObject, index: number, i: number): number {
	const section = object.sections[index]!;
	const start = section.relocations!.offset[i]! - 1;
	const instruction = decode(section.data, start);
	const kind = instruction === undefined ? -1 : flows.indexOf(instruction.row.flow);
	if (kind < 0)
		throw new LinkError(`${describe(object, index, i)} is ${found(section, start, instruction)}, no CALL, JMP or Jcc`);
	if (section.relocations!.addend[i] !== 1 - SITE_BYTES) {
		const skipped = section.relocations!.addend[i]! - 1 + SITE_BYTES;
		throw new LinkError(`${describe(object, index, i)} goes ${skipped} bytes beside the trampoline's start`);
	}
	return kind;
}

/** Index = code of the kind. */
const flows: readonly string[] = ["call", "jump", "branch"];

function describe(object: ElfObject, index: number, i: number): string {
	const { offset, type, symbol } = object.sections[index]!.relocations!;
	const typeName = relocationTypes[type[i]!]?.name ?? `of type ${type[i]}`;
	return `${place(object, index, offset[i]!)}: relocation ${typeName} against '${symbolName(object.symbols, symbol[i]!)}'`;
}

function found(section: Section, start: number, instruction: Instruction | undefined): string {
	if (instruction !== undefined) return `in '${disassemble(instruction, start)}'`;
	const bytes = [...section.data.subarray(Math.max(0, start), start + SITE_BYTES)];
	return `in the bytes ${bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(" ")}`;
}

function checkDistinct(object: ElfObject, index: number, offsets: Float64Array): void {
	const sorted = offsets.slice().sort();
	for (let i = 1; i < sorted.length; i++) {
		if (sorted[i] !== sorted[i - 1]) continue;
		throw new LinkError(
			`${place(object, index, sorted[i]!)}: two relocations make a call site of the same instruction`,
		);
	}
}

function allocate(count: number): SiteTable {
	return {
		count,
		section: new Uint32Array(count),
		offset: new Float64Array(count),
		symbol: new Uint32Array(count),
		kind: new Uint8Array(count),
		init: new Uint8Array(count),
	};
}

function shortened(table: SiteTable, count: number): SiteTable {
	return {
		count,
		section: table.section.subarray(0, count),
		offset: table.offset.subarray(0, count),
		symbol: table.symbol.subarray(0, count),
		kind: table.kind.subarray(0, count),
		init: table.init.subarray(0, count),
	};
}
