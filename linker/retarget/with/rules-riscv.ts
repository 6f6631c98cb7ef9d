// RISC-V: an address is made of an upper part of twenty bits, to which a signed lower part of twelve is added. What a linker
// could make shorter stays as long as it is, so differences of places in code are sums of what relocations add and subtract.

import { putWord64 } from "../../elf/words.ts";
import { riscv } from "../../sites/arch/riscv.ts";
import { bounded, type Field, type LinkRules, put32, unbounded } from "./rules.ts";

const upper = (value: number): number => Math.floor((value + 0x800) / 4096);

function putUpper(view: DataView, at: number, value: number): void {
	view.setInt32(at, (view.getInt32(at, true) & 0xfff) | (upper(value) << 12), true);
}
/** The lower part of a load and the like. */
function putLowerI(view: DataView, at: number, value: number): void {
	view.setInt32(at, (view.getInt32(at, true) & 0xfffff) | ((value - upper(value) * 4096) << 20), true);
}
/** The lower part of a store. */
function putLowerS(view: DataView, at: number, value: number): void {
	const low = value - upper(value) * 4096;
	const rest = view.getInt32(at, true) & ~0xfe000f80;
	view.setInt32(at, rest | ((low & 31) << 7) | ((low >> 5) << 25), true);
}

/** Changes a number of so many bits by what `combine` says of the old one and the value. */
function changed(bits: number, combine: (old: number, value: number) => number): Field {
	const write: Field["write"] = (view, at, value) => {
		if (bits === 64) {
			const old = view.getInt32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
			putWord64(view, at, combine(old, value));
		} else if (bits === 32) view.setUint32(at, combine(view.getUint32(at, true), value), true);
		else if (bits === 16) view.setUint16(at, combine(view.getUint16(at, true), value), true);
		else if (bits === 8) view.setUint8(at, combine(view.getUint8(at), value));
		else view.setUint8(at, (view.getUint8(at) & 0xc0) | (combine(view.getUint8(at) & 0x3f, value) & 0x3f));
	};
	return unbounded("S + A", write, { anywhere: true });
}
const add = (old: number, value: number): number => old + value;
const subtract = (old: number, value: number): number => old - value;
const set = (_: number, value: number): number => value;

/** A number in groups of seven bits, of which all but the last have the eighth bit. It keeps its length. */
function changedUleb(combine: (old: number, value: number) => number): Field {
	const write: Field["write"] = (view, at, value) => {
		let length = 1;
		while ((view.getUint8(at + length - 1) & 0x80) !== 0) length++;
		let old = 0;
		for (let i = length - 1; i >= 0; i--) old = old * 128 + (view.getUint8(at + i) & 0x7f);
		const range = 128 ** length;
		let left = ((combine(old, value) % range) + range) % range;
		for (let i = 0; i < length; i++, left = Math.floor(left / 128))
			view.setUint8(at + i, (left % 128) | (i < length - 1 ? 0x80 : 0));
	};
	return unbounded("S + A", write, { anywhere: true });
}

const reach = { min: -(2 ** 31) - 0x800, max: 2 ** 31 - 0x801 };

/** How objects become part of RISC-V programs. */
export const riscvRules: LinkRules = {
	architecture: riscv,
	fields: new Map([
		[1, bounded("S + A", 32, put32, { max: 2 ** 32 - 1 })], // R_RISCV_32
		[2, unbounded("S + A", putWord64, { word: true })], // R_RISCV_64
		[20, { value: "S + A - P", ...reach, write: putUpper, slot: true }], // R_RISCV_GOT_HI20
		[23, { value: "S + A - P", ...reach, write: putUpper }], // R_RISCV_PCREL_HI20
		[24, unbounded("low", putLowerI)], // R_RISCV_PCREL_LO12_I
		[25, unbounded("low", putLowerS)], // R_RISCV_PCREL_LO12_S
		[26, { value: "S + A", ...reach, write: putUpper }], // R_RISCV_HI20
		[27, unbounded("S + A", putLowerI)], // R_RISCV_LO12_I
		[28, unbounded("S + A", putLowerS)], // R_RISCV_LO12_S
		...[8, 16, 32, 64].map((bits, i) => [33 + i, changed(bits, add)] as const), // R_RISCV_ADD8 to ADD64
		...[8, 16, 32, 64].map((bits, i) => [37 + i, changed(bits, subtract)] as const), // R_RISCV_SUB8 to SUB64
		[52, changed(6, subtract)], // R_RISCV_SUB6
		...[6, 8, 16, 32].map((bits, i) => [53 + i, changed(bits, set)] as const), // R_RISCV_SET6 to SET32
		[57, bounded("S + A - P", 32, put32)], // R_RISCV_32_PCREL
		[60, changedUleb(set)], // R_RISCV_SET_ULEB128
		[61, changedUleb(subtract)], // R_RISCV_SUB_ULEB128
	]),
	// Room that a linker would cut to align what follows, and the mark of what it could make shorter.
	ignored: [0, 43, 51],
	dynamic: { relative: 3, symbolic: 2, slot: 2, jumpSlot: 5, chosen: 58 },
	stubSize: 16,
	/** `auipc t3; ld t3, (t3); jr t3` and a NOP. */
	writeStub(view, at, address, slot) {
		for (const [i, word] of [0x00000e17, 0x000e3e03, 0x000e0067, 0x00000013].entries())
			view.setUint32(at + 4 * i, word, true);
		putUpper(view, at, slot - address);
		putLowerI(view, at + 4, slot - address);
	},
	// The ABI's floating-point registers, and RV32E.
	flags: 0xe,
};
