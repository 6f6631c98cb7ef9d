// Operands to bytes. The inverse of decode.ts; operands out of range are a bug of the caller (the assembler and the
// compiler check the user's first) and throw a RangeError.

import { ArgumentError } from "../errors.ts";
import { conditions } from "./conditions.ts";
import { type Format, formats, REL_MAX, REL_MIN, type Row } from "./instruction-set.ts";
import { rowOf, takesCondition } from "./lookup.ts";

/** What is left out is 0; fields that the row's format does not have are not encoded. */
export interface Operands {
	readonly a?: number;
	readonly b?: number;
	/** A register or, in `rel` and `regCond`, a condition. */
	readonly c?: number;
	readonly imm?: number;
}

type Field = "a" | "b" | "c" | "imm";
type Put = (bytes: Uint8Array, a: number, b: number, c: number, imm: number) => void;

function putWord(bytes: Uint8Array, offset: number, value: number): void {
	bytes[offset] = value;
	bytes[offset + 1] = value >> 8;
	bytes[offset + 2] = value >> 16;
	bytes[offset + 3] = value >> 24;
}

const puts: Record<Format, Put> = {
	none: () => {},
	pad4: () => {},
	imm8: (bytes, _a, _b, _c, imm) => {
		bytes[1] = imm;
	},
	reg: (bytes, a) => {
		bytes[1] = a;
	},
	regCond: (bytes, a, _b, c) => {
		bytes[1] = a | (c << 4);
	},
	reg2: (bytes, a, b) => {
		bytes[1] = a | (b << 4);
	},
	reg3: (bytes, a, b, c) => {
		bytes[1] = a | (b << 4);
		bytes[2] = c;
	},
	regImm: (bytes, a, _b, _c, imm) => {
		bytes[1] = a;
		putWord(bytes, 2, imm);
	},
	reg2Imm: (bytes, a, b, _c, imm) => {
		bytes[1] = a | (b << 4);
		putWord(bytes, 2, imm);
	},
	abs: (bytes, _a, _b, _c, imm) => putWord(bytes, 1, imm),
	rel: (bytes, _a, _b, c, imm) => putWord(bytes, 1, (imm << 4) | c),
};

/** The inclusive range of a row's field. An `imm32` may be written signed or unsigned. */
export function bounds(row: Row, field: Field): { readonly min: number; readonly max: number } {
	const { format } = row;
	if (field === "imm") {
		if (format === "imm8") return { min: 0, max: 255 };
		if (format === "rel") return { min: REL_MIN, max: REL_MAX };
		return { min: -(2 ** 31), max: 2 ** 32 - 1 };
	}
	if (field === "c" && takesCondition(row)) return { min: 0, max: conditions.length - 1 };
	if (field === "c" && format === "rel") return { min: 0, max: 0 };
	return { min: 0, max: 15 };
}

/** @param mnemonic the row's own: the condition of `j` and `set` is `operands.c` */
export function encode(mnemonic: string, operands: Operands = {}): Uint8Array {
	const row = rowOf(mnemonic);
	const field = (name: Field) => {
		const value = operands[name] ?? 0;
		const { min, max } = bounds(row, name);
		if (value >= min && value <= max && Number.isInteger(value)) return value;
		throw new ArgumentError(`${mnemonic}: ${name} = ${value} is not an integer in [${min}, ${max}]`);
	};
	const bytes = new Uint8Array(formats[row.format].length);
	bytes[0] = row.opcode;
	puts[row.format](bytes, field("a"), field("b"), field("c"), field("imm"));
	return bytes;
}
