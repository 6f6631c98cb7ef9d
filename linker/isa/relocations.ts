// The toy relocation types, in the psABI's letters: S symbol, A addend, P place of the relocated field.

import { REL_MAX, REL_MIN } from "./instruction-set.ts";

/** One kind of relocation: what value it computes, which range the value must be in, and how the field holds it. */
export interface RelocationType {
	readonly type: number;
	readonly name: string;
	readonly formula: "none" | "S + A" | "S + A - P";
	/** Bytes of the field at P. */
	readonly size: number;
	/** Inclusive range of the value. */
	readonly min: number;
	readonly max: number;
	/** Puts a value in range into the field. */
	readonly write: (view: DataView, offset: number, value: number) => void;
	/** What the field holds now. */
	readonly read: (view: DataView, offset: number) => number;
}

const word = {
	size: 4,
	write: (view: DataView, offset: number, value: number) => view.setInt32(offset, value, true),
	read: (view: DataView, offset: number) => view.getInt32(offset, true),
};

/** The low four bits are the condition and stay. With P at the word after the opcode, the addend -4 makes S + A - P
 * the displacement from the end of the instruction. */
const disp28 = {
	size: 4,
	min: REL_MIN,
	max: REL_MAX,
	write: (view: DataView, offset: number, value: number) =>
		view.setInt32(offset, (value << 4) | (view.getUint8(offset) & 15), true),
	read: (view: DataView, offset: number) => view.getInt32(offset, true) >> 4,
};

/** This relocation changes nothing. */
export const R_TOY_NONE = 0;
/** This relocation puts an address, `S + A`, into a 32-bit word. */
export const R_TOY_ABS32 = 1;
/** This relocation puts a distance, `S + A - P`, into a 32-bit word. The rows of a site table use it. */
export const R_TOY_REL32 = 2;
/** This relocation puts a distance, `S + A - P`, into the displacement of a CALL. */
export const R_TOY_CALL28 = 3;
/** This relocation puts a distance, `S + A - P`, into the displacement of a JMP or Jcc. */
export const R_TOY_JUMP28 = 4;

/** Every relocation type of the toy instruction set; the index is the type's number. */
export const relocationTypes: readonly RelocationType[] = [
	{ type: R_TOY_NONE, name: "R_TOY_NONE", formula: "none", size: 0, min: 0, max: 0, write: () => {}, read: () => 0 },
	{ type: R_TOY_ABS32, name: "R_TOY_ABS32", formula: "S + A", min: -(2 ** 31), max: 2 ** 32 - 1, ...word },
	{ type: R_TOY_REL32, name: "R_TOY_REL32", formula: "S + A - P", min: -(2 ** 31), max: 2 ** 31 - 1, ...word },
	{ type: R_TOY_CALL28, name: "R_TOY_CALL28", formula: "S + A - P", ...disp28 },
	/** JMP and Jcc. */
	{ type: R_TOY_JUMP28, name: "R_TOY_JUMP28", formula: "S + A - P", ...disp28 },
];
