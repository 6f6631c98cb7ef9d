// Puts objects into a linked program, which then has functions that it was linked without. Nothing of the program moves:
// what is added lies behind all that it loads, in segments and sections of its own. What relocations of the objects name is
// found in them, in the program, or in what the program takes from shared objects.
//
// The passes: read, choose the parts, bind their symbols, find out what else is needed, lay out, relocate, write.

import { type Addition, type AppendedSection, type AppendedSymbol, appendToFile } from "../../elf/append.ts";
import { inFile, PT_LOAD, putSegmentHeader, type SegmentHeader } from "../../elf/fields.ts";
import {
	type ElfObject,
	SHF_ALLOC,
	SHF_EXECINSTR,
	SHF_WRITE,
	SHT_NOBITS,
	SHT_PROGBITS,
	SHT_RELA,
	SHT_SYMTAB,
} from "../../elf/object.ts";
import { readElf } from "../../elf/reader.ts";
import { PROGRAM_HEADER_SIZE, putRela, RELA_SIZE } from "../../elf/tables.ts";
import { putWord64, viewOf } from "../../elf/words.ts";
import { LinkError } from "../../errors.ts";
import { requireArchitecture } from "../../sites/arch/index.ts";
import { recordSection, undoSection } from "../retarget-record.ts";
import { bindSymbols, programSymbols } from "./bind.ts";
import { dynamicEdits, oldDynamicRelocations } from "./dynamic.ts";
import { type Layout, layOut, type Placed } from "./layout.ts";
import { type Part, partsOf } from "./parts.ts";
import { type Program, PT_GNU_EH_FRAME, PT_PHDR, readProgram } from "./program.ts";
import { type Linking, relocateParts } from "./relocate.ts";
import type { LinkRules } from "./rules.ts";
import { aarch64Rules } from "./rules-aarch64.ts";
import { riscvRules } from "./rules-riscv.ts";
import { x86Rules } from "./rules-x86-64.ts";
import { newSymbols } from "./symbols.ts";
import { frameTable, frameTableSize, hasFrameTable } from "./unwind.ts";

/** The section of a program that remembers what it was before objects were added. */
const ADDED_SECTION = ".patchbay.with";
/** Begins the names of the sections that are added. */
export const ADDED_PREFIX = ".patchbay.";
/** The longest file that can be read again. */
const LONGEST = 2 ** 30;

/** An object that is put into a program. */
export interface ObjectFile {
	readonly name: string;
	readonly bytes: Uint8Array;
}

/** What a program gets. */
export interface Added {
	readonly objects: readonly string[];
	readonly sections: readonly {
		readonly name: string;
		readonly address: number;
		readonly size: number;
		/** `r-x` */
		readonly rights: string;
	}[];
	/** Relocations that the dynamic linker carries out besides those it had. */
	readonly dynamicRelocations: number;
	/** What of the objects was left out, in words. */
	readonly leftOut: readonly string[];
}

/** @param bytes of a linked program @param name of it, for messages
 * @throws LinkError for what cannot be added */
export function addObjects(
	bytes: Uint8Array,
	name: string,
	files: readonly ObjectFile[],
): { bytes: Uint8Array; added: Added } {
	const rules = rulesFor(readElf(bytes, name));
	const program = readProgram(bytes, name, rules);
	const objects = files.map((file) => readElf(file.bytes, file.name));
	const { linking, withFrames, leftOut } = linkingOf(program, rules, objects);
	const old = oldDynamicRelocations(linking);
	const layout = layOut(program, linking.parts, {
		stubs: linking.stubs.size * rules.stubSize,
		slots: linking.slots.size * 8,
		headers: (program.headers.length + NEW_SEGMENTS) * PROGRAM_HEADER_SIZE,
		frames: withFrames ? frameTableSize(linking) : 0,
		dynamic: old === undefined ? 0 : old.size + linking.dynamic.length * RELA_SIZE,
	});
	if (layout.fileEnd > LONGEST)
		throw new LinkError(
			`${name}: would become ${layout.fileEnd} bytes long, for the file has to reach behind the memory of the program (.bss); more than ${LONGEST} cannot be read`,
		);
	linking.place = { slots: layout.slots.address, stubs: layout.stubs.address };
	const file = new Uint8Array(layout.fileEnd);
	file.set(bytes);
	putContents(file, linking, layout);
	if (withFrames) file.set(frameTable(linking, layout.frames.address), layout.frames.offset);
	if (old !== undefined) putDynamic(file, layout.dynamic.offset, old, linking);
	const edits = old === undefined ? [] : dynamicEdits(linking, layout.dynamic.address, layout.dynamic.size);
	for (const { offset, after } of edits) file.set(after, offset);
	putProgramHeaders(file, program, layout);

	const sections = newSections(layout);
	const names = files.map((each) => each.name);
	const addition: Addition = {
		sections: [...sections, recordSection(bytes, ADDED_SECTION, { edits, symbols: names })],
		symbols: symbolsIn(linking, sections),
		moved: movedSections(program, layout, old?.address),
	};
	const added: Added = {
		objects: names,
		sections: sections.map(describe),
		dynamicRelocations: linking.dynamic.length,
		leftOut,
	};
	return { bytes: appendToFile(file, name, addition), added };
}
/** For code, variables, and what is only read. */
const NEW_SEGMENTS = 3;

/** What is linked, bound and looked through once, so that it is known what else is needed. */
function linkingOf(
	program: Program,
	rules: LinkRules,
	objects: readonly ElfObject[],
): { linking: Linking; withFrames: boolean; leftOut: readonly string[] } {
	const known = programSymbols(program);
	const all = partsOf(program, rules, objects, new Set([...known.global.keys(), ...known.local.keys()]));
	const bound = bindSymbols(program, known, objects, all);
	const hasFrames = all.all.some(({ room }) => room === "eh_frame");
	const withFrames = hasFrames && hasFrameTable(program);
	if (!withFrames) refuseHandlers(program, all.all);
	const parts = withFrames ? all.all : all.all.filter(({ room }) => room !== "eh_frame");
	const linking: Linking = {
		...{ program, rules, parts, bound },
		...{ slots: new Map(), stubs: new Map(), place: undefined, dynamic: [] },
	};
	relocateParts(linking);
	const leftOut =
		hasFrames && !withFrames
			? ["unwind information (.eh_frame), for the program has no sorted table of it (.eh_frame_hdr)"]
			: [];
	return { linking, withFrames, leftOut };
}

function putContents(file: Uint8Array, linking: Linking, layout: Layout): void {
	const contents = relocateParts(linking);
	for (const part of linking.parts)
		if (part.room !== "bss") file.set(contents.parts.get(part)!, fileOffset(layout, part.address));
	file.set(contents.stubs, layout.stubs.offset);
	file.set(contents.slots, layout.slots.offset);
}

function describe({ name, flags, data }: AppendedSection): Added["sections"][number] {
	const { address, size } = data as Placed;
	const rights = `r${flags & SHF_WRITE ? "w" : "-"}${flags & SHF_EXECINSTR ? "x" : "-"}`;
	return { name, address, size, rights };
}

/** The program as it was before objects were added the last time, and their names; undefined if none were.
 * @throws LinkError when something else changed the file since */
export function undoObjects(
	bytes: Uint8Array,
	name: string,
): { original: Uint8Array; objects: readonly string[] } | undefined {
	const undone = undoSection(bytes, name, ADDED_SECTION);
	return undone && { original: undone.original, objects: undone.record.symbols };
}

function rulesFor(object: ElfObject): LinkRules {
	const { machine } = requireArchitecture(object);
	const rules = [x86Rules, aarch64Rules, riscvRules].find(({ architecture }) => architecture.machine === machine);
	if (rules === undefined) throw new Error(`nothing says how objects become part of programs of machine ${machine}`);
	if (!object.sections.some(({ type }) => type === SHT_SYMTAB))
		throw new LinkError(
			`${object.name}: has no symbols, so what is added cannot name its functions: they were stripped`,
		);
	return rules;
}

/** Code that catches exceptions, or cleans up behind them, is nothing without unwinding. */
function refuseHandlers({ object: { name } }: Program, parts: readonly Part[]): void {
	const part = parts.find((each) => each.name.startsWith(".gcc_except_table"));
	if (part !== undefined)
		throw new LinkError(
			`${part.object.name}:(${part.name}): catches exceptions or cleans up behind them, and ${name} has no sorted table of unwind information that can be extended; link it with -Wl,--eh-frame-hdr`,
		);
}

/** Where in the file an address of the new segments is. */
function fileOffset({ segments }: Layout, address: number): number {
	const segment = segments.find((each) => address >= each.address && address < each.address + each.fileSize)!;
	return segment.offset + address - segment.address;
}

function putDynamic(file: Uint8Array, at: number, { bytes }: { bytes: Uint8Array }, { dynamic, rules }: Linking): void {
	const isRelative = ({ type }: { type: number }) => type === rules.dynamic.relative;
	const first = dynamic.filter(isRelative);
	const last = dynamic.filter((each) => !isRelative(each));
	file.set(bytes, at + first.length * RELA_SIZE);
	const put = ({ offset, type, symbol, addend }: Linking["dynamic"][number], place: number): void =>
		putRela(viewOf(file), place, offset, type, symbol, addend);
	for (const [i, each] of first.entries()) put(each, at + i * RELA_SIZE);
	for (const [i, each] of last.entries()) put(each, at + bytes.length + (first.length + i) * RELA_SIZE);
}

/** The table as it was, with the new segments behind the last that is loaded. What describes the table itself, and the table
 * of frames where there is a new one, says where they are now. */
function putProgramHeaders(file: Uint8Array, { headers, pageSize }: Program, layout: Layout): void {
	const view = viewOf(file);
	const lastLoaded = headers.findLastIndex(({ type }) => type === PT_LOAD);
	const count = headers.length + layout.segments.length;
	let at = layout.headers.offset;
	const put = (header: SegmentHeader): void => {
		putSegmentHeader(view, at, header);
		at += PROGRAM_HEADER_SIZE;
	};
	for (const [i, header] of headers.entries()) {
		const now =
			header.type === PT_PHDR
				? { ...layout.headers, size: count * PROGRAM_HEADER_SIZE }
				: header.type === PT_GNU_EH_FRAME && layout.frames.size > 0
					? layout.frames
					: undefined;
		if (now !== undefined) {
			const { address, offset, size } = now;
			put({ ...header, address, offset, fileSize: size, memorySize: size });
		} else {
			file.copyWithin(at, header.at, header.at + PROGRAM_HEADER_SIZE);
			at += PROGRAM_HEADER_SIZE;
		}
		if (i === lastLoaded) for (const segment of layout.segments) put({ ...segment, type: PT_LOAD, align: pageSize });
	}
	putWord64(view, inFile.segmentsAt, layout.headers.offset);
	view.setUint16(inFile.segmentCount, count, true);
}

function newSections({ text, stubs, data, slots, bss, rodata, ehFrame }: Layout): AppendedSection[] {
	const all: readonly [string, number, Placed, number?][] = [
		["text", SHF_EXECINSTR, text],
		["stubs", SHF_EXECINSTR, stubs],
		["data", SHF_WRITE, data],
		["got", SHF_WRITE, slots],
		["bss", SHF_WRITE, bss, SHT_NOBITS],
		["rodata", 0, rodata],
		["eh_frame", 0, ehFrame],
	];
	return all
		.filter(([, , { size }]) => size > 0)
		.map(([name, flags, place, type = SHT_PROGBITS]) => ({
			name: `${ADDED_PREFIX}${name}`,
			type,
			flags: SHF_ALLOC | flags,
			align: place.align,
			data: place,
		}));
}

function symbolsIn({ program, parts }: Linking, sections: readonly AppendedSection[]): AppendedSymbol[] {
	const first = program.object.sections.length;
	const sectionAt = (address: number): number =>
		first +
		sections.findIndex(({ data }) => {
			const { address: start, size } = data as Placed;
			return address >= start && address < start + size;
		});
	return newSymbols(program, parts, sectionAt);
}

/** Tables that are written anew are where their sections say. */
function movedSections({ object }: Program, { frames, dynamic }: Layout, oldDynamic: number | undefined) {
	const moved = new Map<number, Placed>();
	for (const [index, { name, address, type }] of object.sections.entries()) {
		if (frames.size > 0 && name === ".eh_frame_hdr") moved.set(index, frames);
		if (dynamic.size > 0 && type === SHT_RELA && address === oldDynamic) moved.set(index, dynamic);
	}
	return moved;
}
