// x86-64: relocations fill whole bytes, and displacements count from their own place.

import { putWord64 } from "../../elf/words.ts";
import { x86 } from "../../sites/arch/x86-64.ts";
import { bounded, type LinkRules, put8, put16, put32, unbounded } from "./rules.ts";

const toSlot = bounded("S + A - P", 32, put32, { slot: true });

/** How objects become part of x86-64 programs. */
export const x86Rules: LinkRules = {
	architecture: x86,
	fields: new Map([
		[1, unbounded("S + A", putWord64, { word: true })], // R_X86_64_64
		[2, bounded("S + A - P", 32, put32)], // R_X86_64_PC32
		[4, bounded("S + A - P", 32, put32)], // R_X86_64_PLT32
		[9, toSlot], // R_X86_64_GOTPCREL
		[10, bounded("S + A", 32, put32, { min: 0, max: 2 ** 32 - 1 })], // R_X86_64_32
		[11, bounded("S + A", 32, put32)], // R_X86_64_32S
		[12, bounded("S + A", 16, put16, { max: 2 ** 16 - 1 })], // R_X86_64_16
		[13, bounded("S + A - P", 16, put16)], // R_X86_64_PC16
		[14, bounded("S + A", 8, put8, { max: 255 })], // R_X86_64_8
		[15, bounded("S + A - P", 8, put8)], // R_X86_64_PC8
		[24, unbounded("S + A - P", putWord64)], // R_X86_64_PC64
		[41, toSlot], // R_X86_64_GOTPCRELX
		[42, toSlot], // R_X86_64_REX_GOTPCRELX
	]),
	ignored: [0],
	dynamic: { relative: 8, symbolic: 1, slot: 6, jumpSlot: 7, chosen: 37 },
	stubSize: 8,
	/** `jmp *slot(%rip)` and a NOP. */
	writeStub(view, at, address, slot) {
		view.setUint16(at, 0x25ff, true);
		view.setInt32(at + 2, slot - (address + 6), true);
		view.setUint16(at + 6, 0x9066, true);
	},
	flags: 0,
};
