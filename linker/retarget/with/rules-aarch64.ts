// AArch64: an address is made of its page, a distance in pages, and its low twelve bits, in one instruction each.

import { putWord64 } from "../../elf/words.ts";
import { aarch64 } from "../../sites/arch/aarch64.ts";
import { bounded, type Field, type LinkRules, put16, put32, unbounded } from "./rules.ts";

/** Writes bits of an instruction. */
function putBits(view: DataView, at: number, value: number, shift: number, count: number): void {
	const mask = (2 ** count - 1) * 2 ** shift;
	view.setUint32(at, ((view.getUint32(at, true) & ~mask) | ((value << shift) & mask)) >>> 0, true);
}

/** ADR and ADRP: the two low bits are apart. */
function putAdr(view: DataView, at: number, value: number): void {
	putBits(view, at, value & 3, 29, 2);
	putBits(view, at, value >> 2, 5, 19);
}

const putPage = (view: DataView, at: number, value: number): void => putAdr(view, at, value / 4096);

/** The low twelve bits, in units of 2^scale bytes. */
function low(scale: number, slot?: true): Field {
	const write: Field["write"] = (view, at, value) => putBits(view, at, (value % 4096) >> scale, 10, 12);
	return unbounded("S + A", write, { anywhere: true, unit: 2 ** scale, ...(slot && { slot }) });
}

/** Sixteen bits of an address, from bit 16 * part on. */
function moved(part: number, isChecked: boolean): Field {
	const write: Field["write"] = (view, at, value) => putBits(view, at, Math.floor(value / 2 ** (16 * part)), 5, 16);
	return { value: "S + A", min: 0, max: isChecked ? 2 ** (16 * part + 16) - 1 : Number.MAX_SAFE_INTEGER, write };
}

const page = bounded("Page(S + A) - Page(P)", 33, putPage);

/** How objects become part of AArch64 programs. */
export const aarch64Rules: LinkRules = {
	architecture: aarch64,
	fields: new Map([
		[257, unbounded("S + A", putWord64, { word: true })], // R_AARCH64_ABS64
		[258, bounded("S + A", 32, put32, { max: 2 ** 32 - 1 })], // R_AARCH64_ABS32
		[259, bounded("S + A", 16, put16, { max: 2 ** 16 - 1 })], // R_AARCH64_ABS16
		[260, unbounded("S + A - P", putWord64)], // R_AARCH64_PREL64
		[261, bounded("S + A - P", 32, put32, { max: 2 ** 32 - 1 })], // R_AARCH64_PREL32
		[262, bounded("S + A - P", 16, put16, { max: 2 ** 16 - 1 })], // R_AARCH64_PREL16
		[263, moved(0, true)], // R_AARCH64_MOVW_UABS_G0
		[264, moved(0, false)], // R_AARCH64_MOVW_UABS_G0_NC
		[265, moved(1, true)], // R_AARCH64_MOVW_UABS_G1
		[266, moved(1, false)], // R_AARCH64_MOVW_UABS_G1_NC
		[267, moved(2, true)], // R_AARCH64_MOVW_UABS_G2
		[268, moved(2, false)], // R_AARCH64_MOVW_UABS_G2_NC
		[269, moved(3, false)], // R_AARCH64_MOVW_UABS_G3
		[273, bounded("S + A - P", 21, (view, at, value) => putBits(view, at, value >> 2, 5, 19), { unit: 4 })], // R_AARCH64_LD_PREL_LO19
		[274, bounded("S + A - P", 21, putAdr)], // R_AARCH64_ADR_PREL_LO21
		[275, page], // R_AARCH64_ADR_PREL_PG_HI21
		[276, { ...page, min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }], // R_AARCH64_ADR_PREL_PG_HI21_NC
		[277, low(0)], // R_AARCH64_ADD_ABS_LO12_NC
		[278, low(0)], // R_AARCH64_LDST8_ABS_LO12_NC
		[284, low(1)], // R_AARCH64_LDST16_ABS_LO12_NC
		[285, low(2)], // R_AARCH64_LDST32_ABS_LO12_NC
		[286, low(3)], // R_AARCH64_LDST64_ABS_LO12_NC
		[299, low(4)], // R_AARCH64_LDST128_ABS_LO12_NC
		[311, { ...page, slot: true }], // R_AARCH64_ADR_GOT_PAGE
		[312, low(3, true)], // R_AARCH64_LD64_GOT_LO12_NC
	]),
	ignored: [0, 256],
	dynamic: { relative: 1027, symbolic: 257, slot: 1025, jumpSlot: 1026, chosen: 1032 },
	stubSize: 12,
	/** `adrp x16; ldr x16, [x16]; br x16`. */
	writeStub(view, at, address, slot) {
		for (const [i, word] of [0x90000010, 0xf9400210, 0xd61f0200].entries()) view.setUint32(at + 4 * i, word, true);
		putPage(view, at, (Math.floor(slot / 4096) - Math.floor(address / 4096)) * 4096);
		low(3).write(view, at + 4, slot);
	},
	flags: 0,
};
