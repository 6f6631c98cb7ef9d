// Bytes to an instruction. Strict: every encoding has one meaning and every instruction one encoding, so unused
// nibbles and pad bytes must be zero, conditions must exist, and CALL and JMP must carry `always`.

import { conditions } from "./conditions.ts";
import { type Format, formats, type Instruction, type Row } from "./instruction-set.ts";
import { rowOfOpcode, takesCondition } from "./lookup.ts";

type Take = (row: Row, bytes: Uint8Array, at: number, maxCondition: number) => Instruction | undefined;
interface Entry {
	readonly row: Row;
	readonly length: number;
	readonly maxCondition: number;
	readonly take: Take;
}

function word(bytes: Uint8Array, at: number): number {
	return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function instruction(row: Row, a: number, b: number, c: number, imm: number, length: number): Instruction {
	return { row, a, b, c, imm, length };
}

const takes: Record<Format, Take> = {
	none: (row) => instruction(row, 0, 0, 0, 0, 1),
	pad4: (row, bytes, at) => (word(bytes, at + 1) === 0 ? instruction(row, 0, 0, 0, 0, 5) : undefined),
	imm8: (row, bytes, at) => instruction(row, 0, 0, 0, bytes[at + 1]!, 2),
	reg: (row, bytes, at) => {
		const a = bytes[at + 1]!;
		return a > 15 ? undefined : instruction(row, a, 0, 0, 0, 2);
	},
	regCond: (row, bytes, at, maxCondition) => {
		const ac = bytes[at + 1]!;
		return ac >> 4 > maxCondition ? undefined : instruction(row, ac & 15, 0, ac >> 4, 0, 2);
	},
	reg2: (row, bytes, at) => {
		const ab = bytes[at + 1]!;
		return instruction(row, ab & 15, ab >> 4, 0, 0, 2);
	},
	reg3: (row, bytes, at) => {
		const ab = bytes[at + 1]!;
		const c = bytes[at + 2]!;
		return c > 15 ? undefined : instruction(row, ab & 15, ab >> 4, c, 0, 3);
	},
	regImm: (row, bytes, at) => {
		const a = bytes[at + 1]!;
		return a > 15 ? undefined : instruction(row, a, 0, 0, word(bytes, at + 2), 6);
	},
	reg2Imm: (row, bytes, at) => {
		const ab = bytes[at + 1]!;
		return instruction(row, ab & 15, ab >> 4, 0, word(bytes, at + 2), 6);
	},
	abs: (row, bytes, at) => instruction(row, 0, 0, 0, word(bytes, at + 1), 5),
	rel: (row, bytes, at, maxCondition) => {
		const field = word(bytes, at + 1);
		return (field & 15) > maxCondition ? undefined : instruction(row, 0, 0, field & 15, field >> 4, 5);
	},
};

const entries: readonly (Entry | undefined)[] = Array.from({ length: 256 }, (_, opcode) => {
	const row = rowOfOpcode(opcode);
	if (row === undefined) return undefined;
	const maxCondition = takesCondition(row) ? conditions.length - 1 : 0;
	return { row, length: formats[row.format].length, maxCondition, take: takes[row.format] };
});

/** The instruction at `offset`, or undefined when the bytes there are none or are cut off by the end. */
export function decode(bytes: Uint8Array, offset: number): Instruction | undefined {
	const entry = entries[bytes[offset]!];
	if (entry === undefined || offset + entry.length > bytes.length) return undefined;
	return entry.take(entry.row, bytes, offset, entry.maxCondition);
}
