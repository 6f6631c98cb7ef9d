// Unwinding: C++ exceptions and backtraces find a function's frame in the program's sorted table (.eh_frame_hdr). It is
// written anew, with the functions that were there and those that are added.

import type { ElfObject } from "../../elf/object.ts";
import { viewOf } from "../../elf/words.ts";
import type { Bound } from "./bind.ts";
import { type Part, relocationsAt } from "./parts.ts";
import { type Program, PT_GNU_EH_FRAME } from "./program.ts";

/** Version 1; a distance to .eh_frame, a count, and a table of distances from the header, all of four bytes. */
const FORM = 0x3b031b01;
const FIXED_SIZE = 12;
const ROW = 8;

/** A record about one function: where it is in its part, and what it is about. */
interface FrameRecord {
	readonly start: number;
	readonly end: number;
	readonly about: Bound | undefined;
	/** Behind the function's start. */
	readonly addend: number;
}

/** What the table is made of. */
interface Framed {
	readonly program: Program;
	readonly parts: readonly Part[];
	readonly bound: ReadonlyMap<ElfObject, readonly Bound[]>;
}

/** The records about functions; those they refer to are left out. */
function functionFrames(part: Part, bound: readonly Bound[]): FrameRecord[] {
	const { data } = part.object.sections[part.section]!;
	const view = viewOf(data);
	const found: FrameRecord[] = [];
	for (let start = 0; start + 8 <= data.length; ) {
		const length = view.getUint32(start, true);
		if (length === 0 || length >= 0xfffffff0) break;
		const end = Math.min(data.length, start + 4 + length);
		if (view.getUint32(start + 4, true) !== 0) {
			const i = relocationsAt(part, start + 8)[0] ?? -1;
			const about = bound[part.relocations?.symbol[i] ?? -1];
			found.push({ start, end, about, addend: part.relocations?.addend[i] ?? 0 });
		}
		start = end;
	}
	return found;
}

/** The records that are about what was left out: nothing looks for them. */
export function tombstones(part: Part, bound: readonly Bound[]): readonly FrameRecord[] {
	return functionFrames(part, bound).filter(({ about }) => about?.kind === "nothing");
}

/** Whether the program has a table that functions can be added to. */
export function hasFrameTable(program: Program): boolean {
	return oldTable(program) !== undefined;
}

function oldTable({ headers, bytes }: Program): { address: number; view: DataView; rows: number } | undefined {
	const header = headers.find(({ type }) => type === PT_GNU_EH_FRAME);
	if (header === undefined || header.fileSize < FIXED_SIZE || header.offset + header.fileSize > bytes.length)
		return undefined;
	const view = viewOf(bytes.subarray(header.offset, header.offset + header.fileSize));
	const rows = view.getUint32(8, true);
	if (view.getUint32(0, true) !== FORM || FIXED_SIZE + rows * ROW > header.fileSize) return undefined;
	return { address: header.address, view, rows };
}

/** Bytes that the new table takes. */
export function frameTableSize(linking: Framed): number {
	return FIXED_SIZE + ROW * ((oldTable(linking.program)?.rows ?? 0) + newRows(linking).length);
}

/** The table at its new address. Requires: `hasFrameTable`, and parts that have addresses. */
export function frameTable(linking: Framed, address: number): Uint8Array {
	const { view: old, address: oldAddress, rows } = oldTable(linking.program)!;
	const all = newRows(linking);
	for (let i = 0; i < rows; i++) {
		const at = FIXED_SIZE + i * ROW;
		all.push({ code: oldAddress + old.getInt32(at, true), record: oldAddress + old.getInt32(at + 4, true) });
	}
	all.sort((a, b) => a.code - b.code);
	const bytes = new Uint8Array(FIXED_SIZE + all.length * ROW);
	const view = viewOf(bytes);
	view.setUint32(0, FORM, true);
	view.setInt32(4, oldAddress + 4 + old.getInt32(4, true) - (address + 4), true);
	view.setUint32(8, all.length, true);
	for (const [i, { code, record }] of all.entries()) {
		view.setInt32(FIXED_SIZE + i * ROW, code - address, true);
		view.setInt32(FIXED_SIZE + i * ROW + 4, record - address, true);
	}
	return bytes;
}

function newRows({ parts, bound }: Framed): { code: number; record: number }[] {
	return parts
		.filter(({ room }) => room === "eh_frame")
		.flatMap((part) =>
			functionFrames(part, bound.get(part.object)!).flatMap(({ start, about, addend }) =>
				about?.kind === "part"
					? [{ code: about.part.address + about.value + addend, record: part.address + start }]
					: [],
			),
		);
}
