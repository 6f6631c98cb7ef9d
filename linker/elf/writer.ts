// An object as the bytes of an ELF64 little-endian file, relocatable or executable. Sections keep their indices; the
// contents of symbol, string and relocation sections are made from the columns. An executable keeps its relocations,
// as `ld --emit-relocs` does, and no byte of it is ever writable and executable.

import { LinkError } from "../errors.ts";
import { hex } from "../hex.ts";
import { inFile, inSection, PT_LOAD, putFileStart, putSegmentHeader, rightsOf } from "./fields.ts";
import { type ElfObject, ET_EXEC, ET_REL, hasFileBytes, SHF_ALLOC } from "./object.ts";
import type { PutEntries } from "./relocation-entries.ts";
import { type PlannedSection, planSections, type SectionPlan } from "./sections.ts";
import { PAGE_SIZE, type PlannedSegment, planSegments } from "./segments.ts";
import { addString } from "./strings.ts";
import { FILE_HEADER_SIZE, FILE_LORESERVE, FILE_XINDEX, PROGRAM_HEADER_SIZE, SECTION_HEADER_SIZE } from "./tables.ts";
import { alignUp, congruentUp, putWord64, viewOf } from "./words.ts";

interface FileLayout {
	readonly segments: readonly PlannedSegment[];
	readonly segmentOffsets: readonly number[];
	readonly sectionOffsets: readonly number[];
	/** Where the section headers are. */
	readonly headersAt: number;
}

/** Takes ET_REL, without segments, and ET_EXEC, whose only program headers are PT_LOAD. LinkError where the object's
 * own parts contradict each other. */
export function writeElf(object: ElfObject): Uint8Array {
	const plan = planSections(object);
	const layout = layOutFile(object, plan);
	const bytes = new Uint8Array(layout.headersAt + plan.sections.length * SECTION_HEADER_SIZE);
	let at = 0;
	for (const piece of pieces(object, plan, layout)) {
		bytes.set(piece, at);
		at += piece.length;
	}
	return bytes;
}

/** The same file from its start to its end, in pieces: its tables are never in memory as a whole. A piece is good until
 * the next one is asked for. */
export function elfPieces(object: ElfObject): Generator<Uint8Array> {
	const plan = planSections(object);
	return pieces(object, plan, layOutFile(object, plan));
}

function layOutFile(object: ElfObject, plan: SectionPlan): FileLayout {
	if (object.type !== ET_REL && object.type !== ET_EXEC)
		throw new LinkError(`${object.name}: only relocatable and executable files are written, not type ${object.type}`);
	return assignOffsets(object, plan.sections, object.type === ET_EXEC ? planSegments(object) : []);
}

/** What lies at an offset of the file. */
interface Extent {
	readonly offset: number;
	readonly size: number;
	readonly contents: Uint8Array | PutEntries;
	readonly entsize: number;
}

/** Entries of a table that are put together at once: they stay in the cache until they are written. */
const BATCH = 1 << 13;

function* pieces(object: ElfObject, plan: SectionPlan, layout: FileLayout): Generator<Uint8Array> {
	let at = 0;
	for (const extent of extents(object, plan, layout)) {
		const { offset, size, contents, entsize } = extent;
		if (offset < at) throw new LinkError(`${object.name}: sections overlap at ${hex(offset)} of the file`);
		yield* between(layout, at, offset);
		at = offset + size;
		if (typeof contents !== "function") {
			yield contents;
			continue;
		}
		const batch = new Uint8Array(Math.min(size, BATCH * entsize));
		for (let done = 0; done < size; done += batch.length) {
			const piece = batch.subarray(0, size - done);
			contents(viewOf(piece), done / entsize);
			yield piece;
		}
	}
}

/** Ascending. Bytes of segments that no section has are not among them. */
function extents(object: ElfObject, plan: SectionPlan, layout: FileLayout): Extent[] {
	const { sections } = plan;
	const found = sections.flatMap((section, i) =>
		hasFileBytes(section) && section.size > 0 ? [{ ...section, offset: layout.sectionOffsets[i]! }] : [],
	);
	const start = fileStart(object, plan, layout);
	const headers = sectionHeaders(plan, layout);
	return [
		{ offset: 0, size: start.length, contents: start, entsize: 1 },
		...found.sort((a, b) => a.offset - b.offset),
		{ offset: layout.headersAt, size: headers.length, contents: headers, entsize: 1 },
	];
}

/** What lies between extents: the rest of segments, and zeros. */
function* between({ segments, segmentOffsets }: FileLayout, start: number, end: number): Generator<Uint8Array> {
	let at = start;
	while (at < end) {
		const within = segments.findIndex(
			({ fileSize }, i) => at >= segmentOffsets[i]! && at < segmentOffsets[i]! + fileSize,
		);
		const next = segmentOffsets.find((offset) => offset > at) ?? end;
		const offset = segmentOffsets[within] ?? 0;
		const to = Math.min(end, within < 0 ? next : offset + segments[within]!.fileSize, at + zeros.length);
		yield segments[within]?.data?.subarray(at - offset, to - offset) ?? zeros.subarray(0, to - at);
		at = to;
	}
}

const zeros = new Uint8Array(1 << 16);

/** Requires: checked segments. After: everything has its offset, loaded bytes congruent to their address modulo the
 * segment's alignment, in the order program headers, segments, other sections, section headers. */
function assignOffsets(
	object: ElfObject,
	sections: readonly PlannedSection[],
	segments: readonly PlannedSegment[],
): FileLayout {
	let end = FILE_HEADER_SIZE + segments.length * PROGRAM_HEADER_SIZE;
	const segmentOffsets = segments.map((segment) => {
		const offset = congruentUp(end, segment.address, segment.align);
		end = segment.fileSize > 0 ? offset + segment.fileSize : end;
		return offset;
	});
	const sectionOffsets = sections.map((section, i) => {
		if (i === 0) return 0;
		const loaded = object.type === ET_EXEC && (section.flags & SHF_ALLOC) !== 0;
		const holder = loaded ? segmentOf(object, section, segments) : -1;
		if (holder >= 0) return segmentOffsets[holder]! + section.address - segments[holder]!.address;
		const offset = alignUp(end, Math.min(section.align, PAGE_SIZE));
		end = hasFileBytes(section) ? offset + section.size : end;
		return offset;
	});
	return { segments, segmentOffsets, sectionOffsets, headersAt: alignUp(end, 8) };
}

/** The segment that loads all of a section; -1 only for one that has no bytes. */
function segmentOf(object: ElfObject, section: PlannedSection, segments: readonly PlannedSegment[]): number {
	const size = hasFileBytes(section) ? section.size : 0;
	const found = segments.findIndex(
		({ address, fileSize, memorySize }) =>
			section.address >= address && section.address + size <= address + (size > 0 ? fileSize : memorySize),
	);
	if (found < 0 && size > 0)
		throw new LinkError(`${object.name}:(${section.name}): no segment loads it at ${hex(section.address)}`);
	return found;
}

/** The ELF header and the program headers. */
function fileStart(object: ElfObject, plan: SectionPlan, layout: FileLayout): Uint8Array {
	const bytes = new Uint8Array(FILE_HEADER_SIZE + layout.segments.length * PROGRAM_HEADER_SIZE);
	putFileHeader(object, plan, layout, viewOf(bytes));
	putSegments(layout, viewOf(bytes));
	return bytes;
}

function putFileHeader(object: ElfObject, plan: SectionPlan, layout: FileLayout, view: DataView): void {
	const { segments, headersAt } = layout;
	if (segments.length >= 0xffff) throw new LinkError(`${object.name}: ${segments.length} segments, at most 65534 fit`);
	const count = plan.sections.length;
	putFileStart(view, { type: object.type, machine: object.machine, headerSize: FILE_HEADER_SIZE });
	view.setUint8(inFile.osAbi, object.osAbi ?? 0);
	putWord64(view, inFile.entry, object.entry);
	putWord64(view, inFile.segmentsAt, segments.length > 0 ? FILE_HEADER_SIZE : 0);
	putWord64(view, inFile.sectionsAt, headersAt);
	view.setUint32(inFile.flags, object.flags, true);
	view.setUint16(inFile.segmentEntry, segments.length > 0 ? PROGRAM_HEADER_SIZE : 0, true);
	view.setUint16(inFile.segmentCount, segments.length, true);
	view.setUint16(inFile.sectionEntry, SECTION_HEADER_SIZE, true);
	view.setUint16(inFile.sectionCount, count < FILE_LORESERVE ? count : 0, true);
	view.setUint16(inFile.namesIndex, plan.namesIndex < FILE_LORESERVE ? plan.namesIndex : FILE_XINDEX, true);
}

function putSegments({ segments, segmentOffsets }: FileLayout, view: DataView): void {
	for (const [i, segment] of segments.entries()) {
		const offset = segmentOffsets[i]!;
		const header = { ...segment, type: PT_LOAD, flags: rightsOf(segment), offset };
		putSegmentHeader(view, FILE_HEADER_SIZE + i * PROGRAM_HEADER_SIZE, header);
	}
}

function sectionHeaders({ sections, names, namesIndex }: SectionPlan, { sectionOffsets }: FileLayout): Uint8Array {
	const bytes = new Uint8Array(sections.length * SECTION_HEADER_SIZE);
	const view = viewOf(bytes);
	for (const [i, section] of sections.entries()) {
		const at = i * SECTION_HEADER_SIZE;
		view.setUint32(at + inSection.name, addString(names, section.name), true);
		view.setUint32(at + inSection.type, section.type, true);
		putWord64(view, at + inSection.flags, section.flags);
		putWord64(view, at + inSection.address, section.address);
		putWord64(view, at + inSection.offset, sectionOffsets[i]!);
		putWord64(view, at + inSection.size, section.size);
		view.setUint32(at + inSection.link, section.link, true);
		view.setUint32(at + inSection.info, section.info, true);
		putWord64(view, at + inSection.align, section.align);
		putWord64(view, at + inSection.entsize, section.entsize);
	}
	if (sections.length >= FILE_LORESERVE) putWord64(view, inSection.size, sections.length);
	if (namesIndex >= FILE_LORESERVE) view.setUint32(inSection.link, namesIndex, true);
	return bytes;
}
