// What an executable loads: PT_LOAD segments as the object gives them, or gathered from its SHF_ALLOC sections.
// Promises: ascending, disjoint, never writable and executable, and no page shared by differing permissions.

import { LinkError } from "../errors.ts";
import { hex } from "../hex.ts";
import {
	type ElfObject,
	type Section,
	type Segment,
	SHF_ALLOC,
	SHF_EXECINSTR,
	SHF_TLS,
	SHF_WRITE,
	SHT_NOBITS,
} from "./object.ts";

/** Bytes of a page, which is what permissions are given to. */
export const PAGE_SIZE = 4096;

/** A program header; its bytes are `data`, where given, and those of the sections in it. */
export interface PlannedSegment extends Omit<Segment, "data" | "fileOffset"> {
	readonly data: Uint8Array | undefined;
	/** Bytes in the file, from the start of the segment. */
	readonly fileSize: number;
}

/** What an executable loads, ascending by address.
 * @throws LinkError for segments that overlap, are writable and executable, or share a page with other permissions */
export function planSegments(object: ElfObject): PlannedSegment[] {
	const segments =
		object.segments.length > 0
			? object.segments.map((segment) => ({ ...segment, fileSize: segment.data.length }))
			: gatherSections(object);
	segments.sort((a, b) => a.address - b.address);
	for (const [i, segment] of segments.entries()) checkSegment(object, segment, segments[i - 1]);
	return segments;
}

/** Neighbouring sections of equal permissions share a segment, unless whole pages lie between them or the first has no
 * bytes in the file. */
function gatherSections(object: ElfObject): PlannedSegment[] {
	const segments: PlannedSegment[] = [];
	const loaded = object.sections.filter(isLoaded).sort((a, b) => a.address - b.address);
	for (const [i, section] of loaded.entries()) {
		const previous = segments.at(-1);
		const before = loaded[i - 1];
		if (before !== undefined && section.address < before.address + before.size)
			throw new LinkError(`${object.name}:(${section.name}): overlaps ${before.name} at ${hex(section.address)}`);
		const joined = previous && join(previous, section);
		if (joined) segments[segments.length - 1] = joined;
		else segments.push(alone(section));
	}
	return segments;
}

function isLoaded({ flags, type, size }: Section): boolean {
	return (flags & SHF_ALLOC) !== 0 && size > 0 && !((flags & SHF_TLS) !== 0 && type === SHT_NOBITS);
}

function alone(section: Section): PlannedSegment {
	return {
		address: section.address,
		memorySize: section.size,
		fileSize: section.data.length,
		data: undefined,
		readable: true,
		writable: (section.flags & SHF_WRITE) !== 0,
		executable: (section.flags & SHF_EXECINSTR) !== 0,
		align: PAGE_SIZE,
	};
}

function join(segment: PlannedSegment, section: Section): PlannedSegment | undefined {
	const more = alone(section);
	const end = segment.address + segment.memorySize;
	const fits =
		segment.writable === more.writable &&
		segment.executable === more.executable &&
		section.address - end < PAGE_SIZE &&
		(segment.fileSize === segment.memorySize || more.fileSize === 0);
	if (!fits) return undefined;
	const memorySize = section.address + section.size - segment.address;
	const fileSize = more.fileSize === 0 ? segment.fileSize : memorySize;
	return { ...segment, memorySize, fileSize };
}

function checkSegment(object: ElfObject, segment: PlannedSegment, previous: PlannedSegment | undefined): void {
	const place = `${object.name}: segment at ${hex(segment.address)}`;
	if (segment.writable && segment.executable) throw new LinkError(`${place}: is both writable and executable`);
	if (segment.fileSize > segment.memorySize)
		throw new LinkError(`${place}: ${segment.fileSize} bytes do not fit in ${segment.memorySize} of memory`);
	if (previous === undefined) return;
	const end = previous.address + previous.memorySize;
	if (segment.address < end) throw new LinkError(`${place}: overlaps the one before, which ends at ${hex(end)}`);
	const samePage = Math.floor((end - 1) / PAGE_SIZE) === Math.floor(segment.address / PAGE_SIZE);
	const samePermissions = segment.writable === previous.writable && segment.executable === previous.executable;
	if (samePage && !samePermissions)
		throw new LinkError(`${place}: shares a page with the one before, whose permissions differ`);
}
