// Writes an archive anew with other contents for some members: headers stay but for sizes, and the archive's own symbol table
// gets the places where members are now. A thin archive becomes one that holds its members.

import { LinkError } from "../errors.ts";
import { hex } from "../hex.ts";
import { type ArchivePiece, archivePieces, HEADER_SIZE, isThinArchive, MAGIC } from "./archive.ts";
import { joined, viewOf } from "./words.ts";

/** @param contents gives what a member is to hold @param name starts the messages
 * @throws LinkError for a symbol table of BSD's form, when members move */
export function rewriteArchive(
	bytes: Uint8Array,
	name: string,
	contents: (member: string, body: Uint8Array) => Uint8Array,
): Uint8Array {
	const pieces = archivePieces(bytes, name);
	const bodies = pieces.map((piece) =>
		piece.member === undefined ? piece.body : joined([piece.prefix, contents(piece.member, piece.body)]),
	);
	const starts = new Map<number, number>();
	let size = MAGIC.length;
	for (const [i, { at }] of pieces.entries()) {
		starts.set(at, size);
		size += HEADER_SIZE + bodies[i]!.length + (bodies[i]!.length & 1);
	}
	const result = new Uint8Array(size);
	result.set(encoder.encode(MAGIC));
	const isMoved = isThinArchive(bytes) || [...starts].some(([before, after]) => before !== after);
	for (const [i, piece] of pieces.entries()) {
		const at = starts.get(piece.at)!;
		const body = bodies[i]!;
		result.set(bytes.subarray(piece.at, piece.at + HEADER_SIZE), at);
		result.set(encoder.encode(String(body.length).padEnd(10)), at + 48);
		const isTable = isMoved && piece.member === undefined;
		result.set(isTable ? movedTable(piece, starts, name) : body, at + HEADER_SIZE);
		if ((body.length & 1) === 1) result[at + HEADER_SIZE + body.length] = 0x0a;
	}
	return result;
}

const encoder = new TextEncoder();

/** GNU's symbol table: how many symbols there are, then where the member of each is, in words of this size, big-endian. */
const wordOf: Readonly<Record<string, 4 | 8>> = { "/": 4, "/SYM64/": 8 };

/** A piece that is no member, with the places of members as they are now. */
function movedTable({ field, body, at }: ArchivePiece, starts: ReadonlyMap<number, number>, name: string): Uint8Array {
	if (field.startsWith("__.SYMDEF"))
		throw new LinkError(
			`${name}: has a symbol table of BSD's form, which is not rewritten; make it with GNU ar or llvm-ar`,
		);
	const word = wordOf[field];
	if (word === undefined) return body;
	const table = body.slice();
	const view = viewOf(table);
	const read = (i: number): number => (word === 4 ? view.getUint32(i * 4) : Number(view.getBigUint64(i * 8)));
	const count = table.length < word ? 0 : read(0);
	if ((count + 1) * word > table.length)
		throw new LinkError(`${name}+${hex(at)}: ${count} symbols are more than its ${table.length} bytes hold`);
	for (let i = 1; i <= count; i++) {
		const start = starts.get(read(i));
		if (start === undefined) throw new LinkError(`${name}+${hex(at)}: symbol ${i - 1} is in no member`);
		if (word === 8) view.setBigUint64(i * 8, BigInt(start));
		else if (start < 2 ** 32) view.setUint32(i * 4, start);
		else throw new LinkError(`${name}: is to have 4 GiB or more, which its symbol table cannot say`);
	}
	return table;
}
