// x86-64: a call or jump is five bytes, a conditional jump six, the last four of them the displacement from the end.

import type { Architecture, BranchForm, FoundBranch } from "./architecture.ts";
import { mayTarget, visitTargets } from "./x86-decode.ts";

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

const forms: readonly BranchForm[] = [
	rel32("call", 1, NOP5),
	rel32("tail", 1, RET),
	rel32("conditional", 2, undefined),
];

const call: FoundBranch = { kind: 0, form: 0, fieldAt: 1, length: 5 };
const jump: FoundBranch = { kind: 1, form: 1, fieldAt: 1, length: 5 };
const conditional: FoundBranch = { kind: 2, form: 2, fieldAt: 2, length: 6 };
const indirectCall: FoundBranch = { kind: 3, form: -1, fieldAt: 2, length: 6 };
const indirectJump: FoundBranch = { kind: 4, form: -1, fieldAt: 2, length: 6 };

const branchRelocations: (string | undefined)[] = [];
branchRelocations[R_X86_64_PC32] = "R_X86_64_PC32";
branchRelocations[R_X86_64_PLT32] = "R_X86_64_PLT32";
branchRelocations[R_X86_64_GOTPCREL] = "R_X86_64_GOTPCREL";
branchRelocations[R_X86_64_GOTPCRELX] = "R_X86_64_GOTPCRELX";

export const x86: Architecture = {
	name: "x86-64",
	machine: 62,
	align: 1,
	forms,
	branchRelocations,
	/** The byte before a field of a memory operand says so (mod 0, r/m 5) and is none of these opcodes, so what comes
	 * before the field decides alone. */
	find(type, bytes, at) {
		if (at < 1 || at + 4 > bytes.length) return undefined;
		const before = bytes[at - 1]!;
		if (type === R_X86_64_PC32 || type === R_X86_64_PLT32) {
			if (before === 0xe8) return call;
			if (before === 0xe9) return jump;
			return (before & 0xf0) === 0x80 && at >= 2 && bytes[at - 2] === 0x0f ? conditional : undefined;
		}
		if (at < 2 || bytes[at - 2] !== 0xff) return undefined;
		return before === 0x15 ? indirectCall : before === 0x25 ? indirectJump : undefined;
	},
	relocation: { none: R_X86_64_NONE, relative32: R_X86_64_PC32, absolute64: R_X86_64_64 },
	relativeTypes: [R_X86_64_PC32, R_X86_64_PC64],
	visitTargets,
	mayTarget,
};
