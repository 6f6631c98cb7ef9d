import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { assemble } from "../../linker/compile/assemble.ts";
import { ArgumentError } from "../../linker/errors.ts";
import {
	bounds,
	compare,
	conditionCode,
	conditions,
	decode,
	disassemble,
	encode,
	formats,
	holds,
	inverse,
	REL_MAX,
	REL_MIN,
	type Row,
	relocationTypes,
	rows,
} from "../../linker/isa/index.ts";

/** Values of a row's fields, zero where the format has no such field. */
function operandsOf(row: Row): fc.Arbitrary<{ a: number; b: number; c: number; imm: number }> {
	const { bytes } = formats[row.format];
	const field = (name: "a" | "b" | "c", present: boolean) => {
		const { min, max } = bounds(row, name);
		return present ? fc.integer({ min, max }) : fc.constant(0);
	};
	const { min, max } =
		row.format === "rel" || row.format === "imm8" ? bounds(row, "imm") : { min: -(2 ** 31), max: 2 ** 31 - 1 };
	const edges = fc.constantFrom(min, max, 0, ...(min < 0 ? [-1] : []), 1);
	return fc.record({
		a: field("a", /\ba\b/.test(bytes)),
		b: field("b", /\bb\b/.test(bytes)),
		c: field("c", /\bc\b|cond/.test(bytes)),
		imm: /imm|disp/.test(bytes) ? fc.oneof(edges, fc.integer({ min, max })) : fc.constant(0),
	});
}

/** Assembles one line and, for a branch to a number, does the linker's arithmetic with the line at `address`. */
function assembleLine(line: string, address: number): Uint8Array {
	const object = assemble(line, { file: "line.s" });
	const { data, relocations } = object.sections[1]!;
	if (relocations === undefined) return data;
	const offset = relocations.offset[0]!;
	const type = relocationTypes[relocations.type[0]!]!;
	expect([relocations.count, relocations.symbol[0], type.formula]).toEqual([1, 0, "S + A - P"]);
	const bytes = data.slice();
	type.write(new DataView(bytes.buffer), offset, relocations.addend[0]! - (address + offset));
	return bytes;
}

describe.each(rows.map((row) => [row.mnemonic, row] as const))("%s", (_, row) => {
	test("encode, decode, disassemble, assemble", () => {
		const address = fc.integer({ min: 0x10000000, max: 0x70000000 });
		fc.assert(
			fc.property(operandsOf(row), address, (operands, at) => {
				const bytes = encode(row.mnemonic, operands);
				const decoded = decode(bytes, 0)!;
				expect(decoded).toEqual({ row, ...operands, length: formats[row.format].length });
				expect(assembleLine(disassemble(decoded, at), at)).toEqual(bytes);
			}),
			{ numRuns: 60 },
		);
	});

	test("is nothing when cut off", () => {
		const bytes = encode(row.mnemonic);
		for (let length = 0; length < bytes.length; length++) expect(decode(bytes.slice(0, length), 0)).toBeUndefined();
		expect(decode(Uint8Array.of(0x90, ...bytes), 1)?.row).toBe(row);
	});
});

test("bytes decode to one instruction that encodes to them, or to nothing", () => {
	const opcode = fc.oneof(fc.constantFrom(...rows.map((row) => row.opcode)), fc.nat(255));
	const small = fc.oneof(fc.constantFrom(0, 0, 1, 15, 16, 0xf0), fc.nat(255));
	const bytes = fc
		.tuple(opcode, fc.array(small, { maxLength: 8 }))
		.map(([first, rest]) => Uint8Array.of(first, ...rest));
	let decodedOnes = 0;
	fc.assert(
		fc.property(bytes, (input) => {
			const decoded = decode(input, 0);
			if (decoded === undefined) return;
			decodedOnes++;
			expect(encode(decoded.row.mnemonic, decoded)).toEqual(input.slice(0, decoded.length));
		}),
		{ numRuns: 5000 },
	);
	expect(decodedOnes).toBeGreaterThan(500);
});

test.each([
	["a pad byte that is not zero", "0f 00 00 01 00"],
	["a nibble without a meaning", "50 10"],
	["the same in a third byte", "01 00 10"],
	["the same before an immediate", "b8 80 00 00 00 00"],
	["a condition that does not exist, in a branch", "70 0b 00 00 00"],
	["a condition that does not exist, in set", "9e b0"],
	["a conditional call", "e8 01 00 00 00"],
	["a conditional jmp", "e9 02 00 00 00"],
	["an opcode without a row", "00"],
	["the empty string", ""],
])("%s is illegal", (_, hex) => {
	const bytes = Uint8Array.from(hex.split(" ").filter(Boolean), (byte) => Number.parseInt(byte, 16));
	expect(decode(bytes, 0)).toBeUndefined();
});

test.each([
	["addi", { a: 16 }],
	["addi", { b: -1 }],
	["addi", { a: 0.5 }],
	["movi", { imm: 2 ** 32 }],
	["movi", { imm: -(2 ** 31) - 1 }],
	["ecall", { imm: 256 }],
	["j", { c: 11 }],
	["call", { c: 1 }],
	["jmp", { imm: REL_MAX + 1 }],
	["jmp", { imm: REL_MIN - 1 }],
	["jeq", {}],
])("encode refuses %s %o", (mnemonic, operands) => {
	expect(() => encode(mnemonic, operands)).toThrow(ArgumentError);
});

test("text of instructions", () => {
	const text = (mnemonic: string, operands: object) =>
		disassemble(decode(encode(mnemonic, operands), 0)!, 0x400000, name);
	const name = (address: number) => (address === 0x400010 ? "fifo" : undefined);
	expect(text("call", { imm: 11 })).toBe("call 0x400010 <fifo>");
	expect(text("j", { c: 7, imm: -5 })).toBe("jult 0x400000");
	expect(text("j", { imm: 11 })).toBe("jalways 0x400010 <fifo>");
	expect(text("callm", { imm: 0x400010 })).toBe("callm [0x400010] <fifo>");
	expect(text("set", { a: 3, c: 1 })).toBe("seteq r3");
	expect(text("ld", { a: 15, b: 2, imm: -8 })).toBe("ld sp, [r2-8]");
	expect(text("st", { a: 1, b: 15 })).toBe("st [sp], r1");
	expect(text("ldx", { a: 1, b: 2, imm: 0x400010 })).toBe("ldx r1, [0x400010+r2*4]");
	expect(text("movi", { a: 1, imm: -1 })).toBe("movi r1, -1");
	expect(text("movi", { a: 1, imm: 0xdeadbeef })).toBe("movi r1, 0xdeadbeef");
	expect(text("nop5", {})).toBe("nop5");
});

describe("conditions", () => {
	const meaning: Record<string, (a: number, b: number) => boolean> = {
		always: () => true,
		eq: (a, b) => a === b,
		ne: (a, b) => a !== b,
		lt: (a, b) => a < b,
		ge: (a, b) => a >= b,
		le: (a, b) => a <= b,
		gt: (a, b) => a > b,
		ult: (a, b) => a >>> 0 < b >>> 0,
		uge: (a, b) => a >>> 0 >= b >>> 0,
		ule: (a, b) => a >>> 0 <= b >>> 0,
		ugt: (a, b) => a >>> 0 > b >>> 0,
	};
	const edges = [0, 1, 2, -1, -2, 2 ** 31 - 1, -(2 ** 31)];

	test.each(conditions)("%s holds as JavaScript compares", (name) => {
		for (const a of edges)
			for (const b of edges) expect(holds(conditionCode(name), compare(a, b)), `${a} ${b}`).toBe(meaning[name]!(a, b));
	});

	test.each(conditions.slice(1))("%s and its inverse", (name) => {
		expect(inverse(inverse(name))).toBe(name);
		for (const flags of [1, 2, 4, 6, 0]) {
			expect(holds(conditionCode(inverse(name)), flags)).toBe(!holds(conditionCode(name), flags));
		}
	});
});

test.each(relocationTypes.filter(({ size }) => size > 0))("$name keeps its range and the condition bits", (row) => {
	for (const value of [row.min, row.min + 1, -1, 0, 1, 2 ** 31 - 1, row.max].filter((v) => v <= row.max)) {
		const view = new DataView(new ArrayBuffer(12));
		view.setUint32(4, 0x5a5a5a5a);
		row.write(view, 4, value);
		expect(row.read(view, 4) | 0).toBe(value | 0);
		expect([view.getUint32(0), view.getUint32(8)]).toEqual([0, 0]);
		if (row.max === REL_MAX) expect(view.getUint8(4) & 15).toBe(0xa);
	}
});
