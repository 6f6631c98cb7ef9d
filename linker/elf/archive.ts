// Static libraries: the members of an `ar` archive, as views of its bytes. Knows the long names of GNU and BSD and skips
// the archives' own symbol tables. What is wrong with an archive is a LinkError that names the offset.

import { LinkError } from "../errors.ts";
import { hex } from "../hex.ts";

/** A file in an archive; its bytes are a view of the archive's. */
export interface ArchiveMember {
	readonly name: string;
	readonly bytes: Uint8Array;
}

export const MAGIC = "!<arch>\n";
const THIN_MAGIC = "!<thin>\n";
export const HEADER_SIZE = 60;
/** Fields of a header: name 0..16, size 48..58, end mark 58..60. */
const END_MARK = "`\n";

/** Whether bytes begin as an `ar` archive does, a thin one too. */
export function isArchive(bytes: Uint8Array): boolean {
	const magic = ascii(bytes, 0, MAGIC.length);
	return magic === MAGIC || magic === THIN_MAGIC;
}

/** Whether an archive only names its members, which are files of their own. */
export function isThinArchive(bytes: Uint8Array): boolean {
	return ascii(bytes, 0, THIN_MAGIC.length) === THIN_MAGIC;
}

/** A header and what follows it. */
export interface ArchivePiece {
	/** Offset of the header in the archive. */
	readonly at: number;
	/** The name as the header has it. */
	readonly field: string;
	/** The member's name; undefined for symbol tables and long names. */
	readonly member: string | undefined;
	/** A name that BSD puts in front of the contents. */
	readonly prefix: Uint8Array;
	readonly body: Uint8Array;
}

/** All there is in an archive, in its order; members of a thin one have no bytes. @param name starts the messages */
export function archivePieces(bytes: Uint8Array, name: string): ArchivePiece[] {
	const isThin = isThinArchive(bytes);
	const pieces: ArchivePiece[] = [];
	let longNames: Uint8Array = new Uint8Array(0);
	for (let at = MAGIC.length; at < bytes.length; ) {
		const { field, body } = readHeader(bytes, name, at, isThin);
		if (field === "//") longNames = body;
		if (field === "//" || isSymbolTable(field)) pieces.push({ at, field, member: undefined, prefix: none, body });
		else {
			const member = readMember(name, at, field, body, longNames);
			const prefix = body.subarray(0, body.length - member.bytes.length);
			pieces.push({ at, field, member: member.name, prefix, body: member.bytes });
		}
		at += HEADER_SIZE + body.length + (body.length & 1);
	}
	return pieces;
}

const none = new Uint8Array(0);

/** The members in the archive's order, symbol tables left out; those of a thin archive have no bytes.
 * @param name starts the messages */
export function readArchive(bytes: Uint8Array, name: string): ArchiveMember[] {
	return archivePieces(bytes, name).flatMap(({ member, body }) =>
		member === undefined ? [] : [{ name: member, bytes: body }],
	);
}

function readHeader(bytes: Uint8Array, name: string, at: number, isThin: boolean): { field: string; body: Uint8Array } {
	if (at + HEADER_SIZE > bytes.length)
		throw new LinkError(`${name}+${hex(at)}: member header of ${HEADER_SIZE} bytes ends after the archive's`);
	if (ascii(bytes, at + 58, 2) !== END_MARK) throw new LinkError(`${name}+${hex(at)}: is no member header`);
	const digits = ascii(bytes, at + 48, 10).trimEnd();
	const size = /^\d+$/.test(digits) ? Number(digits) : -1;
	const field = ascii(bytes, at, 16).trimEnd();
	const start = at + HEADER_SIZE;
	if (size < 0) throw new LinkError(`${name}+${hex(at + 48)}: member size '${digits}' is not a number`);
	if (isThin && field !== "//" && !isSymbolTable(field)) return { field, body: bytes.subarray(start, start) };
	if (size > bytes.length - start)
		throw new LinkError(`${name}+${hex(at)}: member of ${size} bytes ends after the archive's ${hex(bytes.length)}`);
	return { field, body: bytes.subarray(start, start + size) };
}

function isSymbolTable(field: string): boolean {
	return field === "/" || field === "/SYM64/" || field === "__.SYMDEF" || field === "__.SYMDEF SORTED";
}

function readMember(
	archive: string,
	at: number,
	field: string,
	body: Uint8Array,
	longNames: Uint8Array,
): ArchiveMember {
	const long = /^\/(\d+)$/.exec(field);
	if (long !== null) return { name: longName(archive, at, Number(long[1]), longNames), bytes: body };
	const inline = /^#1\/(\d+)$/.exec(field);
	if (inline === null) return { name: field.replace(/\/$/, ""), bytes: body };
	const length = Number(inline[1]);
	if (length > body.length)
		throw new LinkError(`${archive}+${hex(at)}: a name of ${length} bytes in a member of ${body.length}`);
	return { name: ascii(body, 0, length).replace(/\0+$/, ""), bytes: body.subarray(length) };
}

function longName(archive: string, at: number, offset: number, names: Uint8Array): string {
	if (offset >= names.length)
		throw new LinkError(`${archive}+${hex(at)}: name at ${offset} is not below ${names.length}, where names end`);
	const end = names.indexOf(0x0a, offset);
	return ascii(names, offset, (end < 0 ? names.length : end) - offset).replace(/\/$/, "");
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

function ascii(bytes: Uint8Array, at: number, length: number): string {
	return decoder.decode(bytes.subarray(at, at + length));
}
