// x86-64: a call or jump is five bytes, a conditional jump six, the last four of them the displacement from the end.

import type { Architecture, BranchForm, RelocatedBranch } from "./architecture.ts";
import { visitTargets } from "./x86-decode.ts";

const R_X86_64_NONE = 0;
const R_X86_64_64 = 1;
const R_X86_64_PC32 = 2;
const R_X86_64_PLT32 = 4;
const R_X86_64_GOTPCREL = 9;
const R_X86_64_PC64 = 24;
const R_X86_64_GOTPCRELX = 41;

const NOP5 = [0x0f, 0x1f, 0x44, 0x00, 0x00];
/** RET, and breakpoints behind it so that nothing runs on. */
const RET = [0xc3, 0xcc, 0xcc, 0xcc, 0xcc];

function rel32(kind: BranchForm["kind"], fieldAt: number, nothing: readonly number[] | undefined): BranchForm {
	return {
		kind,
		length: fieldAt + 4,
		fieldAt,
		base: fieldAt + 4,
		min: -(2 ** 31),
		max: 2 ** 31 - 1,
		read: (view, at) => view.getInt32(at + fieldAt, true),
		write: (view, at, displacement) => view.setInt32(at + fieldAt, displacement, true),
		relocation: R_X86_64_PLT32,
		addend: -4,
		nothing,
	};
}

function direct(kind: number, form: BranchForm): RelocatedBranch {
	return { kind, form, fieldAt: form.fieldAt, length: form.length, addend: form.addend };
}

const CALL = 0;
const JUMP = 1;
const CONDITIONAL = 2;
const INDIRECT_CALL = 3;
const INDIRECT_JUMP = 4;
const branches: readonly RelocatedBranch[] = [
	direct(0, rel32("call", 1, NOP5)),
	direct(1, rel32("tail", 1, RET)),
	direct(2, rel32("conditional", 2, undefined)),
	{ kind: 3, form: undefined, fieldAt: 2, length: 6, addend: -4 },
	{ kind: 4, form: undefined, fieldAt: 2, length: 6, addend: -4 },
];

export const x86: Architecture = {
	name: "x86-64",
	machine: 62,
	align: 1,
	branches,
	/** The byte before a field of a memory operand says so (mod 0, r/m 5) and is none of these opcodes, so for a type that
	 * branches have, what comes before the field decides alone. */
	find(type, bytes, at) {
		if (at < 1 || at + 4 > bytes.length) return -1;
		const before = bytes[at - 1]!;
		if (type === R_X86_64_PC32 || type === R_X86_64_PLT32) {
			if (before === 0xe8) return CALL;
			if (before === 0xe9) return JUMP;
			return (before & 0xf0) === 0x80 && at >= 2 && bytes[at - 2] === 0x0f ? CONDITIONAL : -1;
		}
		if (type !== R_X86_64_GOTPCREL && type !== R_X86_64_GOTPCRELX) return -1;
		if (at < 2 || bytes[at - 2] !== 0xff) return -1;
		return before === 0x15 ? INDIRECT_CALL : before === 0x25 ? INDIRECT_JUMP : -1;
	},
	relocation: { none: R_X86_64_NONE, relative32: R_X86_64_PC32, absolute64: R_X86_64_64 },
	isBreakpoint: (bytes, at) => bytes[at] === 0xcc,
	/** The displacement alone, inside an aligned 16 bytes, which no processor that was measured fetches in parts. */
	fitsOneStore(address, before, after) {
		const field = before.length - 4;
		const isOpcodeKept =
			before.length === after.length && before.subarray(0, field).every((byte, i) => byte === after[i]);
		return isOpcodeKept && ((address + field) & 15) <= 12;
	},
	relativeTypes: [R_X86_64_PC32, R_X86_64_PC64],
	visitTargets,
};
