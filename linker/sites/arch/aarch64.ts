// AArch64: every instruction is an aligned word, so nothing can go into the middle of one.

import { viewOf } from "../../elf/words.ts";
import type { Architecture, BranchForm, RelocatedBranch } from "./architecture.ts";

const R_AARCH64_NONE = 0;
const R_AARCH64_ABS64 = 257;
const R_AARCH64_PREL64 = 260;
const R_AARCH64_PREL32 = 261;
const R_AARCH64_TSTBR14 = 279;
const R_AARCH64_CONDBR19 = 280;
const R_AARCH64_JUMP26 = 282;
const R_AARCH64_CALL26 = 283;

const NOP = [0x1f, 0x20, 0x03, 0xd5];
const RET = [0xc0, 0x03, 0x5f, 0xd6];

/** A displacement in words in `bits` bits of the instruction from bit `shift` on. */
function wordForm(
	kind: BranchForm["kind"],
	bits: number,
	shift: number,
	nothing: readonly number[] | undefined,
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
			const word = view.getUint32(at, true) & ~mask;
			view.setUint32(at, (word | (((displacement >> 2) << shift) & mask)) >>> 0, true);
		},
		nothing,
	};
}

const forms: readonly BranchForm[] = [
	wordForm("call", 26, 0, NOP),
	wordForm("tail", 26, 0, RET),
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

function isReplaceable(word: number): boolean {
	return (word & 0x7c000000) === 0x14000000 || word === viewOf(Uint8Array.from(NOP)).getUint32(0, true);
}

export const aarch64: Architecture = {
	name: "aarch64",
	machine: 183,
	align: 4,
	branches,
	find(type, bytes, at) {
		if (!branchRelocations.includes(type) || (at & 3) !== 0 || at + 4 > bytes.length) return -1;
		const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
		const row = words.find(({ mask, value }) => (word & mask) >>> 0 === value);
		return row === undefined ? -1 : row.form;
	},
	relocation: { none: R_AARCH64_NONE, relative32: R_AARCH64_PREL32, absolute64: R_AARCH64_ABS64 },
	isBreakpoint: (bytes, at) => (viewOf(bytes).getUint32(at, true) & 0xffe0001f) >>> 0 === 0xd4200000,
	/** The architecture lets B, BL and NOP be replaced by one another while they are executed. */
	fitsOneStore: (_, before, after) => [before, after].every((bytes) => isReplaceable(viewOf(bytes).getUint32(0, true))),
	relativeTypes: [R_AARCH64_PREL32, R_AARCH64_PREL64],
	callsLoaded: undefined,
	visitTargets(bytes, start, end, visit) {
		const view = viewOf(bytes);
		for (let at = start; at + 4 <= end; at += 4) {
			const word = view.getUint32(at, true);
			const row = words.find(({ mask, value }) => (word & mask) >>> 0 === value);
			if (row !== undefined) visit(at, at + forms[row.form]!.read(view, at), at);
		}
	},
};
