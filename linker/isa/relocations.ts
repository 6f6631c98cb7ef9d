// The toy relocation types, in the psABI's letters: S symbol, A addend, P place of the relocated field.

import { REL_MAX, REL_MIN } from "./instruction-set.ts";

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

export const R_TOY_NONE = 0;
export const R_TOY_ABS32 = 1;
export const R_TOY_REL32 = 2;
export const R_TOY_CALL28 = 3;
export const R_TOY_JUMP28 = 4;

export const relocationTypes: readonly RelocationType[] = [
	{ type: R_TOY_NONE, name: "R_TOY_NONE", formula: "none", size: 0, min: 0, max: 0, write: () => {}, read: () => 0 },
	{ type: R_TOY_ABS32, name: "R_TOY_ABS32", formula: "S + A", min: -(2 ** 31), max: 2 ** 32 - 1, ...word },
	{ type: R_TOY_REL32, name: "R_TOY_REL32", formula: "S + A - P", min: -(2 ** 31), max: 2 ** 31 - 1, ...word },
	{ type: R_TOY_CALL28, name: "R_TOY_CALL28", formula: "S + A - P", ...disp28 },
	/** JMP and Jcc. */
	{ type: R_TOY_JUMP28, name: "R_TOY_JUMP28", formula: "S + A - P", ...disp28 },
];
