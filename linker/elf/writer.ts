// An object as the bytes of an ELF64 little-endian file, relocatable or executable. Sections keep their indices; the
// contents of symbol, string and relocation sections are made from the columns. An executable keeps its relocations,
// as `ld --emit-relocs` does, and no byte of it is ever writable and executable.

import { LinkError } from "../errors.ts";
import { type ElfObject, ET_EXEC, ET_REL, SHF_ALLOC } from "./object.ts";
import { hasFileBytes, type PlannedSection, planSections, type SectionPlan } from "./sections.ts";
import { PAGE_SIZE, type PlannedSegment, planSegments } from "./segments.ts";
import { addString } from "./strings.ts";
import { FILE_HEADER_SIZE, FILE_LORESERVE, FILE_XINDEX, PROGRAM_HEADER_SIZE, SECTION_HEADER_SIZE } from "./tables.ts";
import { alignUp, congruentUp, hex, putWord64, viewOf } from "./words.ts";

interface Layout {
	readonly segments: readonly PlannedSegment[];
	readonly segmentOffsets: readonly number[];
	readonly sectionOffsets: readonly number[];
	/** Where the section headers are. */
	readonly headersAt: number;
}

/** Takes ET_REL, without segments, and ET_EXEC, whose only program headers are PT_LOAD. LinkError where the object's
 * own parts contradict each other. */
export function writeElf(object: ElfObject): Uint8Array {
	if (object.type !== ET_REL && object.type !== ET_EXEC)
		throw new LinkError(`${object.name}: only relocatable and executable files are written, not type ${object.type}`);
	const plan = planSections(object);
	const layout = place(object, plan.sections, object.type === ET_EXEC ? planSegments(object) : []);
	const bytes = new Uint8Array(layout.headersAt + plan.sections.length * SECTION_HEADER_SIZE);
	putFileHeader(object, plan, layout, viewOf(bytes));
	putSegments(layout, bytes);
	putSections(plan, layout, bytes);
	return bytes;
}

/** Requires: checked segments. After: everything has its offset, loaded bytes congruent to their address modulo the
 * segment's alignment, in the order program headers, segments, other sections, section headers. */
function place(object: ElfObject, sections: readonly PlannedSection[], segments: readonly PlannedSegment[]): Layout {
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

function putFileHeader(object: ElfObject, plan: SectionPlan, layout: Layout, view: DataView): void {
	const { segments, headersAt } = layout;
	if (segments.length >= 0xffff) throw new LinkError(`${object.name}: ${segments.length} segments, at most 65534 fit`);
	const count = plan.sections.length;
	for (const [i, byte] of [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, object.osAbi ?? 0].entries()) view.setUint8(i, byte);
	view.setUint16(16, object.type, true);
	view.setUint16(18, object.machine, true);
	view.setUint32(20, 1, true);
	putWord64(view, 24, object.entry);
	putWord64(view, 32, segments.length > 0 ? FILE_HEADER_SIZE : 0);
	putWord64(view, 40, headersAt);
	view.setUint32(48, object.flags, true);
	view.setUint16(52, FILE_HEADER_SIZE, true);
	view.setUint16(54, segments.length > 0 ? PROGRAM_HEADER_SIZE : 0, true);
	view.setUint16(56, segments.length, true);
	view.setUint16(58, SECTION_HEADER_SIZE, true);
	view.setUint16(60, count < FILE_LORESERVE ? count : 0, true);
	view.setUint16(62, plan.namesIndex < FILE_LORESERVE ? plan.namesIndex : FILE_XINDEX, true);
}

const PT_LOAD = 1;
const PF_X = 1;
const PF_W = 2;
const PF_R = 4;

function putSegments({ segments, segmentOffsets }: Layout, bytes: Uint8Array): void {
	const view = viewOf(bytes);
	for (const [i, segment] of segments.entries()) {
		const at = FILE_HEADER_SIZE + i * PROGRAM_HEADER_SIZE;
		const { readable, writable, executable } = segment;
		view.setUint32(at, PT_LOAD, true);
		view.setUint32(at + 4, (readable ? PF_R : 0) | (writable ? PF_W : 0) | (executable ? PF_X : 0), true);
		putWord64(view, at + 8, segmentOffsets[i]!);
		putWord64(view, at + 16, segment.address);
		putWord64(view, at + 24, segment.address);
		putWord64(view, at + 32, segment.fileSize);
		putWord64(view, at + 40, segment.memorySize);
		putWord64(view, at + 48, segment.align);
		if (segment.data !== undefined && segment.fileSize > 0) bytes.set(segment.data, segmentOffsets[i]!);
	}
}

function putSections({ sections, names, namesIndex }: SectionPlan, layout: Layout, bytes: Uint8Array): void {
	const view = viewOf(bytes);
	for (const [i, section] of sections.entries()) {
		const at = layout.headersAt + i * SECTION_HEADER_SIZE;
		const offset = layout.sectionOffsets[i]!;
		view.setUint32(at, addString(names, section.name), true);
		view.setUint32(at + 4, section.type, true);
		putWord64(view, at + 8, section.flags);
		putWord64(view, at + 16, section.address);
		putWord64(view, at + 24, offset);
		putWord64(view, at + 32, section.size);
		view.setUint32(at + 40, section.link, true);
		view.setUint32(at + 44, section.info, true);
		putWord64(view, at + 48, section.align);
		putWord64(view, at + 56, section.entsize);
		if (hasFileBytes(section)) section.fill(bytes.subarray(offset, offset + section.size));
	}
	if (sections.length >= FILE_LORESERVE) putWord64(view, layout.headersAt + 32, sections.length);
	if (namesIndex >= FILE_LORESERVE) view.setUint32(layout.headersAt + 40, namesIndex, true);
}
