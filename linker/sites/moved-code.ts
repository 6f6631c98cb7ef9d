// Code that is copied to another address and means the same there.

import { notIn } from "../errors.ts";
import { decode, encode, lengthOf, nops, REL_MAX, REL_MIN } from "../isa/index.ts";

/** Why code cannot be moved. */
export interface Immovable {
	readonly refused: string;
}

/** The bytes at `from` as they have to be at `to`: what goes out of them still goes there, what stays within them moves
 * along. `bytes` that are left over at the end, up to `room`, do nothing. */
export function movedCode(bytes: Uint8Array, from: number, to: number, room: number): Uint8Array | Immovable {
	const moved = new Uint8Array(room);
	const targets = new Set<number>();
	moved.set(bytes);
	for (let at = 0; at < bytes.length; ) {
		const instruction = decode(bytes, at);
		if (instruction === undefined) return { refused: `0x${(from + at).toString(16)} holds no instruction` };
		const { row, c, imm, length } = instruction;
		const target = at + length + imm;
		at += length;
		if (row.format !== "rel") continue;
		if (target >= 0 && target <= bytes.length) {
			targets.add(target);
			continue;
		}
		const displacement = imm + from - to;
		if (displacement < REL_MIN || displacement > REL_MAX)
			return {
				refused: `from 0x${to.toString(16)} 0x${(from + target).toString(16)} is out of reach: ${notIn(displacement, REL_MIN, REL_MAX)}`,
			};
		moved.set(encode(row.mnemonic, { c, imm: displacement }), at - length);
	}
	moved.set(nops(room - bytes.length), bytes.length);
	mergeNops(moved, targets);
	return moved;
}

/** NOPs that follow each other become the fewest that are as long; those at `targets` begin anew. */
function mergeNops(bytes: Uint8Array, targets: ReadonlySet<number>): void {
	const isNop = (at: number): boolean => decode(bytes, at)?.row.cost === "nop";
	for (let at = 0; at < bytes.length; ) {
		const start = at;
		while (at < bytes.length && isNop(at) && (at === start || !targets.has(at))) at += lengthOf(bytes[at]!);
		bytes.set(nops(at - start), start);
		if (at === start) at += lengthOf(bytes[at]!);
	}
}
