// Where what is added goes: three segments behind all that the program loads, for code, for variables, and for what is only
// read. The table of program headers, which gets longer, begins the last of them.

import { PF_R, PF_W, PF_X } from "../../elf/fields.ts";
import { RELA_SIZE } from "../../elf/tables.ts";
import { alignUp, congruentUp } from "../../elf/words.ts";
import { LinkError } from "../../errors.ts";
import { hex } from "../../hex.ts";
import type { Part } from "./parts.ts";
import type { Program } from "./program.ts";

/** A range of the new segments. */
export interface Placed {
	readonly address: number;
	/** In the file; of zeros where the bytes would be. */
	readonly offset: number;
	readonly size: number;
	readonly align: number;
}

/** A segment that is added. */
export interface NewSegment {
	/** PF_* bits */
	readonly flags: number;
	readonly address: number;
	readonly offset: number;
	readonly fileSize: number;
	readonly memorySize: number;
}

/** What the segments hold besides parts, in bytes. */
export interface Extras {
	readonly stubs: number;
	readonly slots: number;
	readonly headers: number;
	readonly frames: number;
	readonly dynamic: number;
}

/** Where everything is. */
export interface Layout {
	readonly segments: readonly NewSegment[];
	/** Sections by the last part of their names. */
	readonly text: Placed;
	readonly data: Placed;
	readonly bss: Placed;
	readonly rodata: Placed;
	readonly ehFrame: Placed;
	readonly stubs: Placed;
	readonly slots: Placed;
	readonly headers: Placed;
	readonly frames: Placed;
	readonly dynamic: Placed;
	/** Bytes of the file up to here. */
	readonly fileEnd: number;
}

/** Where the next thing goes. */
interface Cursor {
	address: number;
	offset: number;
}

/** Zeros in the file, at most, that bring the table of program headers as far from its start as it is in memory. */
const MOST_ZEROS = 2 ** 26;

/** Places everything, and gives all parts addresses. @throws LinkError for a program whose memory is too much larger than its file */
export function layOut(program: Program, parts: readonly Part[], extras: Extras): Layout {
	const { bytes, memoryEnd, pageSize, bias } = program;
	const segments: NewSegment[] = [];
	/** Where a segment may begin: in a page of memory of its own, and where its offset in the file allows. */
	const begin = ({ address, offset }: Cursor): Cursor => {
		const at = alignUp(offset, 16);
		return { address: congruentUp(alignUp(address, pageSize), at, pageSize), offset: at };
	};
	const end = (flags: number, start: Cursor, cursor: Cursor, inMemory: number): void => {
		if (cursor.address + inMemory === start.address) return;
		const fileSize = cursor.offset - start.offset;
		segments.push({ ...start, flags, fileSize, memorySize: fileSize + inMemory });
	};
	const inRoom = (room: Part["room"]): Part[] => parts.filter((part) => part.room === room);

	const code = begin({ address: memoryEnd, offset: bytes.length });
	const cursor = { ...code };
	const text = placeParts(cursor, inRoom("text"));
	const stubs = place(cursor, extras.stubs, 16);
	end(PF_R | PF_X, code, cursor, 0);

	const variables = begin(cursor);
	Object.assign(cursor, variables);
	const data = placeParts(cursor, inRoom("data"));
	const slots = place(cursor, extras.slots, 8);
	const zeros = { ...cursor };
	const bss = placeParts(zeros, inRoom("bss"));
	end(PF_R | PF_W, variables, cursor, bss.size === 0 ? 0 : bss.address + bss.size - cursor.address);

	// What finds the table of program headers adds its offset in the file to where the file's first byte is loaded.
	const offset = Math.max(alignUp(cursor.offset, 16), alignUp(zeros.address, pageSize) - bias);
	if (offset - cursor.offset > MOST_ZEROS)
		throw new LinkError(
			`${program.object.name}: its memory ends at ${hex(memoryEnd)}, and what is added there would lie behind ${offset - cursor.offset} bytes of zeros in the file, more than ${MOST_ZEROS} (64 MiB)`,
		);
	const constants = { address: offset + bias, offset };
	Object.assign(cursor, constants);
	const headers = place(cursor, extras.headers, 8);
	const rodata = placeParts(cursor, inRoom("rodata"));
	const ehFrame = placeParts(cursor, inRoom("eh_frame"));
	const frames = place(cursor, extras.frames, 4);
	const dynamic = place(cursor, extras.dynamic, RELA_SIZE / 3);
	end(PF_R, constants, cursor, 0);
	return { segments, text, stubs, data, slots, bss, headers, rodata, ehFrame, frames, dynamic, fileEnd: cursor.offset };
}

function place(cursor: Cursor, size: number, align: number): Placed {
	const pad = size === 0 ? 0 : alignUp(cursor.address, align) - cursor.address;
	const placed = { address: cursor.address + pad, offset: cursor.offset + pad, size, align };
	cursor.address += pad + size;
	cursor.offset += pad + size;
	return placed;
}

function placeParts(cursor: Cursor, parts: readonly Part[]): Placed {
	const align = Math.max(1, ...parts.map((part) => part.align));
	const first = place(cursor, 0, 1);
	let start: Cursor = first;
	for (const [i, part] of parts.entries()) {
		const placed = place(cursor, part.size, i === 0 ? align : part.align);
		if (i === 0) start = placed;
		part.address = placed.address;
	}
	return { ...start, size: cursor.address - start.address, align };
}
