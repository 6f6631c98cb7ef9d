// The decode cache: per physical frame, two words for each byte address, filled when an instruction is first fetched
// there. It is the modelled instruction cache of `run`: a store to code drops what it overlaps, so patches act at once.
//
//   word 0: row+1 | a<<8 | b<<12 | c<<16 | ticks<<20     word 1: imm      (word 0 = 0: nothing decoded here)

import { decode } from "../../linker/isa/decode.ts";
import { formats, type Instruction, type Row } from "../../linker/isa/instruction-set.ts";
import { rows } from "../../linker/isa/sets/toy.ts";
import { type CostProfile, ticksOf } from "./profile.ts";
import { type Machine, PAGE } from "./state.ts";

export const WORDS_PER_BYTE = 2;
/** No instruction is longer. */
export const MAX_LENGTH = 6;

const rowNumber = new Map<Row, number>(rows.map((row, i) => [row, i + 1]));

/** Nothing decoded, nor just behind it: who runs off the end of a frame finds that out there. */
export function emptyFrame(): Int32Array {
	return new Int32Array((PAGE + MAX_LENGTH) * WORDS_PER_BYTE);
}

/** The decoded form of a frame, made on first use. */
export function decodedFrame(machine: Machine, frame: number): Int32Array {
	let code = machine.decoded.get(frame);
	if (code === undefined) {
		code = emptyFrame();
		machine.decoded.set(frame, code);
	}
	return code;
}

/** Puts a decoded instruction where the dispatcher reads it. */
export function put(code: Int32Array, offset: number, instruction: Instruction, profile: CostProfile): void {
	const { row, a, b, c, imm } = instruction;
	code[offset * WORDS_PER_BYTE] =
		rowNumber.get(row)! | (a << 8) | (b << 12) | (c << 16) | (ticksOf(profile, row.cost) << 20);
	code[offset * WORDS_PER_BYTE + 1] = imm;
}

/** The instruction at an offset, if it lies in the frame and is decoded. */
export function decodedAt(code: Int32Array, offset: number): Instruction | undefined {
	const word = code[offset * WORDS_PER_BYTE] ?? 0;
	const row = rows[(word & 0xff) - 1];
	if (row === undefined) return undefined;
	const imm = code[offset * WORDS_PER_BYTE + 1]!;
	const { length } = formats[row.format];
	return { row, a: (word >> 8) & 15, b: (word >> 12) & 15, c: (word >> 16) & 15, imm, length };
}

/** Decodes at `offset` of a frame if the instruction lies in it whole. @returns whether the cache now holds it */
export function fill(machine: Machine, frame: number, code: Int32Array, offset: number): boolean {
	const bytes = machine.memory.subarray(frame * PAGE, (frame + 1) * PAGE);
	const instruction = decode(bytes, offset);
	if (instruction !== undefined) put(code, offset, instruction, machine.config.profile);
	return instruction !== undefined;
}

/** Forgets every instruction that overlaps the written bytes. */
export function dropDecoded(machine: Machine, physical: number, length: number): void {
	const code = machine.decoded.get(physical >>> 12);
	if (code === undefined) return;
	const offset = physical & (PAGE - 1);
	const from = Math.max(0, offset - (MAX_LENGTH - 1));
	code.fill(0, from * WORDS_PER_BYTE, (offset + length) * WORDS_PER_BYTE);
}
