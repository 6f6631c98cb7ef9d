// The three kinds of header of an ELF file, read and checked one by one. How they fit together is checks.ts's.

import { LinkError } from "../errors.ts";
import { hex } from "../hex.ts";
import { inFile, inSection, inSegment, PF_R, PF_W, PF_X, PT_LOAD } from "./fields.ts";
import { ET_DYN, ET_EXEC, ET_REL, hasFileBytes, type Segment, SHT_NULL } from "./object.ts";
import { nameOfKind } from "./other-files.ts";
import { FILE_HEADER_SIZE, FILE_XINDEX, PROGRAM_HEADER_SIZE, SECTION_HEADER_SIZE } from "./tables.ts";
import { exactWord64, viewOf } from "./words.ts";

/** What the ELF header says, with the counts that do not fit it already taken from section 0. */
export interface FileHeader {
	readonly type: number;
	readonly machine: number;
	readonly flags: number;
	readonly osAbi: number;
	readonly entry: number;
	readonly sectionsAt: number;
	readonly sectionCount: number;
	readonly segmentsAt: number;
	readonly segmentCount: number;
	/** The index of the section that holds the section names; 0 for none. */
	readonly namesIndex: number;
}

/** A section header as it is in the file. */
export interface RawSection {
	readonly nameOffset: number;
	readonly type: number;
	readonly flags: number;
	readonly address: number;
	readonly offset: number;
	readonly size: number;
	readonly link: number;
	readonly info: number;
	readonly align: number;
	readonly entsize: number;
}

/** More memory than any machine addresses; a section or segment of this size is a mistake. */
const MEMORY_LIMIT = 2 ** 47;
const PN_XNUM = 0xffff;

/** What is being read, for messages, and where it ends. */
interface Reading {
	readonly view: DataView;
	readonly place: string;
}

/** A 64-bit field that must be a number from `min` to `max`. */
function word64({ view, place }: Reading, at: number, field: string, min: number, max: number): number {
	const value = exactWord64(view, at);
	if (value !== undefined && value >= min && value <= max) return value;
	const found = `0x${view.getBigUint64(at, true).toString(16)}`;
	throw new LinkError(`${place}: ${field} ${found} at ${hex(at)} is not in [${hex(min)}, ${hex(max)}]`);
}

const anyAddress = [-(2 ** 53), 2 ** 53] as const;

/** Reads and checks the ELF header.
 * @param name starts the messages
 * @throws LinkError for what is no 64-bit little-endian ELF file of a known type, or whose tables do not fit */
export function readFileHeader(bytes: Uint8Array, name: string): FileHeader {
	checkIdentity(bytes, name);
	const view = viewOf(bytes);
	const reading = { view, place: `${name}: ELF header` };
	const type = view.getUint16(inFile.type, true);
	if (![ET_REL, ET_EXEC, ET_DYN].includes(type))
		throw new LinkError(`${reading.place}: type ${type} is not one of 1 (REL), 2 (EXEC), 3 (DYN)`);
	const sectionsAt = word64(reading, inFile.sectionsAt, "e_shoff", 0, bytes.length);
	const segmentsAt = word64(reading, inFile.segmentsAt, "e_phoff", 0, bytes.length);
	checkEntrySize(reading, inFile.sectionEntry, "e_shentsize", sectionsAt, SECTION_HEADER_SIZE);
	checkEntrySize(reading, inFile.segmentEntry, "e_phentsize", segmentsAt, PROGRAM_HEADER_SIZE);
	const first = firstSectionHeader(bytes, name, sectionsAt);
	const sectionCount = sectionsAt === 0 ? 0 : view.getUint16(inFile.sectionCount, true) || first.size;
	const namesIndex = view.getUint16(inFile.namesIndex, true);
	const segmentCount = view.getUint16(inFile.segmentCount, true);
	const header = {
		type,
		machine: view.getUint16(inFile.machine, true),
		flags: view.getUint32(inFile.flags, true),
		osAbi: view.getUint8(inFile.osAbi),
		entry: word64(reading, inFile.entry, "e_entry", ...anyAddress),
		sectionsAt,
		sectionCount,
		segmentsAt,
		segmentCount: segmentsAt === 0 ? 0 : segmentCount === PN_XNUM ? first.info : segmentCount,
		namesIndex: namesIndex === FILE_XINDEX ? first.link : namesIndex,
	};
	checkTables(header, bytes.length, name);
	return header;
}

/** Whether the bytes begin as an ELF file does. */
export function isElf(bytes: Uint8Array): boolean {
	return bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
}

function checkIdentity(bytes: Uint8Array, name: string): void {
	if (!isElf(bytes)) throw new LinkError(`${name}: ${nameOfKind(bytes)}`);
	if (bytes.length < FILE_HEADER_SIZE)
		throw new LinkError(`${name}: ELF header: truncated, ${bytes.length} bytes of ${FILE_HEADER_SIZE}`);
	if (bytes[inFile.class] !== 2)
		throw new LinkError(`${name}: ELF header: class ${bytes[inFile.class]} is not 2 (64-bit)`);
	if (bytes[inFile.encoding] !== 1)
		throw new LinkError(`${name}: ELF header: data encoding ${bytes[inFile.encoding]} is not 1 (little-endian)`);
	if (bytes[inFile.identVersion] !== 1)
		throw new LinkError(`${name}: ELF header: version ${bytes[inFile.identVersion]} is not 1`);
	const size = viewOf(bytes).getUint16(inFile.headerSize, true);
	if (size !== FILE_HEADER_SIZE)
		throw new LinkError(`${name}: ELF header: e_ehsize ${size} is not ${FILE_HEADER_SIZE}`);
}

function checkEntrySize({ view, place }: Reading, at: number, field: string, table: number, size: number): void {
	const found = view.getUint16(at, true);
	if (table !== 0 && found !== size) throw new LinkError(`${place}: ${field} ${found} is not ${size}`);
}

/** Holds the counts that do not fit the ELF header. */
function firstSectionHeader(bytes: Uint8Array, name: string, at: number): RawSection {
	if (at !== 0 && at + SECTION_HEADER_SIZE <= bytes.length) return readSectionHeader(bytes, name, at, 0);
	return { nameOffset: 0, type: 0, flags: 0, address: 0, offset: 0, size: 0, link: 0, info: 0, align: 0, entsize: 0 };
}

function checkTables(header: FileHeader, size: number, name: string): void {
	const { sectionsAt, sectionCount, segmentsAt, segmentCount, namesIndex } = header;
	const tables = [
		{ what: "section", at: sectionsAt, count: sectionCount, entry: SECTION_HEADER_SIZE },
		{ what: "program", at: segmentsAt, count: segmentCount, entry: PROGRAM_HEADER_SIZE },
	];
	for (const { what, at, count, entry } of tables)
		if (at + count * entry > size)
			throw new LinkError(
				`${name}: ${what} headers: ${count} of ${entry} bytes at ${hex(at)} end after the file's ${hex(size)} bytes`,
			);
	if (sectionsAt !== 0 && sectionCount === 0) throw new LinkError(`${name}: section headers: there are none`);
	if (namesIndex !== 0 && namesIndex >= sectionCount)
		throw new LinkError(`${name}: ELF header: e_shstrndx ${namesIndex} is not below ${sectionCount}`);
}

/** Reads and checks all section headers, in the order of their indices.
 * @throws LinkError that names section and field */
export function readSectionHeaders(bytes: Uint8Array, name: string, header: FileHeader): RawSection[] {
	const sections: RawSection[] = [];
	for (let i = 0; i < header.sectionCount; i++)
		sections.push(readSectionHeader(bytes, name, header.sectionsAt + i * SECTION_HEADER_SIZE, i));
	return sections;
}

function readSectionHeader(bytes: Uint8Array, name: string, at: number, index: number): RawSection {
	const view = viewOf(bytes);
	const reading = { view, place: `${name}: section ${index}` };
	const type = view.getUint32(at + inSection.type, true);
	const limit = hasFileBytes({ type }) ? bytes.length : MEMORY_LIMIT;
	const size = word64(reading, at + inSection.size, "sh_size", 0, limit);
	const align = word64(reading, at + inSection.align, "sh_addralign", 0, 2 ** 31);
	if (align > 0 && 2 ** Math.round(Math.log2(align)) !== align && type !== SHT_NULL)
		throw new LinkError(`${reading.place}: sh_addralign ${align} is not a power of two`);
	return {
		nameOffset: view.getUint32(at + inSection.name, true),
		type,
		flags: word64(reading, at + inSection.flags, "sh_flags", 0, 2 ** 32 - 1),
		address: word64(reading, at + inSection.address, "sh_addr", ...anyAddress),
		offset: word64(
			reading,
			at + inSection.offset,
			"sh_offset",
			0,
			hasFileBytes({ type }) ? bytes.length - size : 2 ** 53,
		),
		size,
		link: view.getUint32(at + inSection.link, true),
		info: view.getUint32(at + inSection.info, true),
		align,
		entsize: word64(reading, at + inSection.entsize, "sh_entsize", 0, bytes.length),
	};
}

/** The PT_LOAD headers, in the file's order. */
export function readSegments(bytes: Uint8Array, name: string, header: FileHeader): Segment[] {
	const view = viewOf(bytes);
	const segments: Segment[] = [];
	for (let i = 0; i < header.segmentCount; i++) {
		const at = header.segmentsAt + i * PROGRAM_HEADER_SIZE;
		if (view.getUint32(at + inSegment.type, true) === PT_LOAD)
			segments.push(readSegment(bytes, `${name}: segment ${i}`, at));
	}
	checkOverlap(segments, name);
	return segments;
}

function readSegment(bytes: Uint8Array, place: string, at: number): Segment {
	const view = viewOf(bytes);
	const reading = { view, place };
	const flags = view.getUint32(at + inSegment.flags, true);
	const fileSize = word64(reading, at + inSegment.fileSize, "p_filesz", 0, bytes.length);
	const fileOffset = word64(
		reading,
		at + inSegment.offset,
		"p_offset",
		0,
		fileSize > 0 ? bytes.length - fileSize : 2 ** 53,
	);
	const address = word64(reading, at + inSegment.address, "p_vaddr", ...anyAddress);
	const align = word64(reading, at + inSegment.align, "p_align", 0, 2 ** 40);
	if (align > 1 && 2 ** Math.round(Math.log2(align)) !== align)
		throw new LinkError(`${place}: p_align ${align} is not a power of two`);
	if (align > 1 && (address - fileOffset) % align !== 0)
		throw new LinkError(
			`${place}: p_offset ${hex(fileOffset)} and p_vaddr ${hex(address)} differ modulo ${hex(align)}`,
		);
	return {
		address,
		memorySize: word64(reading, at + inSegment.memorySize, "p_memsz", fileSize, MEMORY_LIMIT),
		data: bytes.subarray(fileSize > 0 ? fileOffset : 0, fileSize > 0 ? fileOffset + fileSize : 0),
		readable: (flags & PF_R) !== 0,
		writable: (flags & PF_W) !== 0,
		executable: (flags & PF_X) !== 0,
		align,
		fileOffset,
	};
}

function checkOverlap(segments: readonly Segment[], name: string): void {
	const sorted = segments.filter(({ memorySize }) => memorySize > 0).sort((a, b) => a.address - b.address);
	for (const [i, { address }] of sorted.entries()) {
		const end = i > 0 ? sorted[i - 1]!.address + sorted[i - 1]!.memorySize : address;
		if (address < end)
			throw new LinkError(`${name}: segment at ${hex(address)}: overlaps the one before, which ends at ${hex(end)}`);
	}
}
