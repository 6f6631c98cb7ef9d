// AArch64: every instruction is an aligned word, so nothing can go into the middle of one.

import { EM_AARCH64 } from "../../elf/object.ts";
import { exactWord64, viewOf } from "../../elf/words.ts";
import { type BranchForm, kernelRules, type RealArchitecture, type RelocatedBranch } from "./architecture.ts";

const R_AARCH64_NONE = 0;
const R_AARCH64_ABS64 = 257;
const R_AARCH64_PREL32 = 261;
const R_AARCH64_TSTBR14 = 279;
const R_AARCH64_CONDBR19 = 280;
const R_AARCH64_JUMP26 = 282;
const R_AARCH64_CALL26 = 283;

const NOP = [0x1f, 0x20, 0x03, 0xd5];
const NOP_WORD = 0xd503201f | 0;
const RET = [0xc0, 0x03, 0x5f, 0xd6];

/** A displacement in words is in `bits` bits of the instruction from bit `shift` on.
 * @param opcode all other bits, where there is one instruction of the kind: linkers leave a NOP where nothing is called */
function wordForm(
	kind: BranchForm["kind"],
	bits: number,
	shift: number,
	nothing: readonly number[] | undefined,
	opcode?: number,
): BranchForm {
	const reach = 2 ** (bits + 1);
	const mask = (2 ** bits - 1) * 2 ** shift;
	return {
		kind,
		length: 4,
		base: 0,
		min: -reach,
		max: reach - 4,
		read: (view, at) => ((view.getInt32(at, true) << (32 - bits - shift)) >> (32 - bits)) * 4,
		write: (view, at, displacement) => {
			const word = opcode ?? view.getUint32(at, true) & ~mask;
			view.setUint32(at, (word | (((displacement >> 2) << shift) & mask)) >>> 0, true);
		},
		nothing,
	};
}

const forms: readonly BranchForm[] = [
	wordForm("call", 26, 0, NOP, 0x94000000),
	wordForm("tail", 26, 0, RET, 0x14000000),
	wordForm("conditional", 19, 5, undefined),
	wordForm("conditional", 14, 5, undefined),
];

/** Bits that say which form a word has: BL; B; B.cond, CBZ and CBNZ; TBZ and TBNZ. */
const words: readonly { mask: number; value: number; form: number }[] = [
	{ mask: 0xfc000000, value: 0x94000000, form: 0 },
	{ mask: 0xfc000000, value: 0x14000000, form: 1 },
	{ mask: 0xff000010, value: 0x54000000, form: 2 },
	{ mask: 0x7e000000, value: 0x34000000, form: 2 },
	{ mask: 0x7e000000, value: 0x36000000, form: 3 },
];
/** By form; which of them fits which instruction is not asked: the linker would refuse the others. */
const branchRelocations = [R_AARCH64_CALL26, R_AARCH64_JUMP26, R_AARCH64_CONDBR19, R_AARCH64_TSTBR14];

const branches: readonly RelocatedBranch[] = [0, 1, 2, 2].map((kind, form) => ({
	kind,
	form: forms[form],
	fieldAt: 0,
	length: 4,
	addend: 0,
	relocation: branchRelocations[form]!,
}));

/** The veneers of bfd, gold, lld and mold, all of which leave through x16: its page and the rest, a word to be loaded, or a
 * distance to be loaded and added to the place. */
function followVeneer(bytes: Uint8Array, at: number, address: number): number | undefined {
	if ((at & 3) !== 0 || at + 12 > bytes.length) return undefined;
	const view = viewOf(bytes);
	const word = (i: number) => (at + 4 * i + 4 <= bytes.length ? view.getUint32(at + 4 * i, true) : 0);
	const [first, second, third] = [word(0), word(1), word(2)];
	if ((first & 0x9f00001f) >>> 0 === 0x90000010 && (second & 0xffc003ff) >>> 0 === 0x91000210 && third === BR_X16) {
		const high = ((((first >>> 5) & 0x7ffff) << 2) | ((first >>> 29) & 3)) << 11;
		return Math.floor(address / 4096) * 4096 + (high >> 11) * 4096 + ((second >>> 10) & 0xfff);
	}
	if (first === LDR_X16_8 && second === BR_X16 && at + 16 <= bytes.length) return exactWord64(view, at + 8);
	if (first !== LDR_X16_16 || second !== ADR_X17_0 || third !== ADD_X16_X17 || word(3) !== BR_X16) return undefined;
	const distance = at + 24 <= bytes.length ? exactWord64(view, at + 16) : undefined;
	return distance === undefined ? undefined : address + 4 + distance;
}
const BR_X16 = 0xd61f0200;
const LDR_X16_8 = 0x58000050;
const LDR_X16_16 = 0x58000090;
const ADR_X17_0 = 0x10000011;
const ADD_X16_X17 = 0x8b110210;

function isReplaceable(word: number): boolean {
	return (word & 0x7c000000) === 0x14000000 || word === viewOf(Uint8Array.from(NOP)).getUint32(0, true);
}

/** AArch64 as listings, the collector and retargeting know it. */
export const aarch64: RealArchitecture = {
	name: "aarch64",
	machine: EM_AARCH64,
	align: 4,
	isRelaxed: false,
	branches,
	sites: kernelRules,
	find(type, bytes, at) {
		if (!branchRelocations.includes(type) || (at & 3) !== 0 || at + 4 > bytes.length) return -1;
		const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
		const row = words.find(({ mask, value }) => (word & mask) >>> 0 === value);
		if (row !== undefined) return row.form;
		// A call of a weak function that nobody defines.
		return word === NOP_WORD && type === R_AARCH64_CALL26 ? 0 : word === NOP_WORD && type === R_AARCH64_JUMP26 ? 1 : -1;
	},
	relocation: {
		none: R_AARCH64_NONE,
		relative32: R_AARCH64_PREL32,
		absolute64: R_AARCH64_ABS64,
		marks: [],
		names: { R_AARCH64_NONE, R_AARCH64_TSTBR14, R_AARCH64_CONDBR19, R_AARCH64_JUMP26, R_AARCH64_CALL26 },
	},
	isBreakpoint: (bytes, at) => (viewOf(bytes).getUint32(at, true) & 0xffe0001f) >>> 0 === 0xd4200000,
	/** The architecture lets B, BL and NOP be replaced by one another while they are executed. */
	fitsOneStore: (_, before, after) => [before, after].every((bytes) => isReplaceable(viewOf(bytes).getUint32(0, true))),
	callsLoaded: undefined,
	lastExit: (_bytes, _start, end) => end,
	followVeneer,
	visitTargets(bytes, start, end, visit) {
		const view = viewOf(bytes);
		for (let at = start; at + 4 <= end; at += 4) {
			const word = view.getUint32(at, true);
			const row = words.find(({ mask, value }) => (word & mask) >>> 0 === value);
			if (row !== undefined) visit(at, at + forms[row.form]!.read(view, at), at);
		}
		return end;
	},
	/** BR and BLR, and those that authenticate the address. */
	visitIndirect(bytes, start, end, visit) {
		const view = viewOf(bytes);
		for (let at = start; at + 4 <= end; at += 4) {
			const kind = (view.getUint32(at, true) & 0xfefff000) >>> 0;
			if (kind === 0xd63f0000) visit(at, true, false);
			else if (kind === 0xd61f0000) visit(at, false, false);
		}
		return end;
	},
};
