// x86-64: a call or jump is five bytes, a conditional jump six, the last four of them the displacement from the end. A call
// through the global offset table that the linker made a direct one keeps its six bytes.

import { EM_X86_64 } from "../../elf/object.ts";
import { type BranchForm, kernelRules, type RealArchitecture, type RelocatedBranch } from "./architecture.ts";
import { instructionLength, lastExit, visitIndirect, visitTargets } from "./x86-decode.ts";

const R_X86_64_NONE = 0;
const R_X86_64_64 = 1;
const R_X86_64_PC32 = 2;
const R_X86_64_PLT32 = 4;
const R_X86_64_GOTPCREL = 9;
const R_X86_64_PLTOFF64 = 31;
const R_X86_64_GOTPCRELX = 41;

const NOP6 = [0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00];
const NOP5 = [0x0f, 0x1f, 0x44, 0x00, 0x00];
/** RET, and breakpoints behind it so that nothing runs on. */
const RET = [0xc3, 0xcc, 0xcc, 0xcc, 0xcc];

/** XOR of EAX with itself, behind prefixes that do nothing. */
const ZERO = [0x2e, 0x2e, 0x2e, 0x31, 0xc0];

/** @param fieldAt where the displacement is, from the first byte */
function rel32(kind: BranchForm["kind"], fieldAt: number, nothing: readonly number[] | undefined): BranchForm {
	return {
		kind,
		length: fieldAt + 4,
		base: fieldAt + 4,
		min: -(2 ** 31),
		max: 2 ** 31 - 1,
		read: (view, at) => view.getInt32(at + fieldAt, true),
		write: (view, at, displacement) => view.setInt32(at + fieldAt, displacement, true),
		nothing,
	};
}

function direct(kind: number, form: BranchForm, relocation: number, fieldAt = form.length - 4): RelocatedBranch {
	return { kind, form, fieldAt, length: form.length, addend: -4, relocation };
}

function indirect(kind: number, relocation: number): RelocatedBranch {
	return { kind, form: undefined, fieldAt: 2, length: 6, addend: -4, relocation };
}

const CALL = 0;
const JUMP = 1;
const CONDITIONAL = 2;
const INDIRECT_CALL = 3;
const INDIRECT_JUMP = 4;
const RELAXED_CALL = 5;
const RELAXED_JUMP = 6;
const branches: readonly RelocatedBranch[] = [
	direct(0, { ...rel32("call", 1, NOP5), zero: ZERO }, R_X86_64_PLT32),
	direct(1, rel32("tail", 1, RET), R_X86_64_PLT32),
	direct(2, rel32("conditional", 2, undefined), R_X86_64_PLT32),
	indirect(3, R_X86_64_GOTPCREL),
	indirect(4, R_X86_64_GOTPCREL),
	// `call *f@GOTPCREL(%rip)` made `addr32 call f`, and `jmp *f@GOTPCREL(%rip)` made `jmp f; nop`, whose displacement lies
	// a byte before the place that the relocation still names. Where linkers put the NOP first, nothing is special.
	direct(0, rel32("call", 2, NOP6), R_X86_64_GOTPCRELX),
	direct(1, rel32("tail", 1, RET), R_X86_64_GOTPCRELX, 2),
];

/** `movabs $f, %reg`, and soon behind it `call *%reg` or `jmp *%reg`. */
function callsLoaded(type: number, bytes: Uint8Array, at: number): boolean {
	if ((type !== R_X86_64_64 && type !== R_X86_64_PLTOFF64) || at < 2) return false;
	const [rex, opcode] = [bytes[at - 2]!, bytes[at - 1]!];
	if ((rex & 0xfe) !== 0x48 || (opcode & 0xf8) !== 0xb8) return false;
	const end = Math.min(bytes.length, at + 8 + SOON);
	for (let i = at + 8; i < end; ) {
		const isHigh = bytes[i] === 0x41;
		const [first, second] = isHigh ? [bytes[i + 1], bytes[i + 2]!] : [bytes[i], bytes[i + 1]!];
		const isIndirect = first === 0xff && ((second & 0xf8) === 0xd0 || (second & 0xf8) === 0xe0);
		if (isIndirect) return (second & 7) === (opcode & 7) && isHigh === ((rex & 1) === 1);
		const length = instructionLength(bytes, i, bytes.length);
		if (length === 0) return false;
		i += length;
	}
	return false;
}
/** Bytes in which the arguments of a call are put where they belong. */
const SOON = 96;

/** x86-64 as listings, the collector and retargeting know it. */
export const x86: RealArchitecture = {
	name: "x86-64",
	machine: EM_X86_64,
	align: 1,
	isRelaxed: false,
	branches,
	sites: kernelRules,
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
		if (at < 2) return -1;
		const first = bytes[at - 2];
		if (first === 0xff) return before === 0x15 ? INDIRECT_CALL : before === 0x25 ? INDIRECT_JUMP : -1;
		if (type !== R_X86_64_GOTPCRELX) return -1;
		if (first === 0x67) return before === 0xe8 ? RELAXED_CALL : -1;
		if (first === 0x90) return before === 0xe8 ? CALL : before === 0xe9 ? JUMP : -1;
		return first === 0xe9 && bytes[at + 3] === 0x90 ? RELAXED_JUMP : -1;
	},
	relocation: {
		none: R_X86_64_NONE,
		relative32: R_X86_64_PC32,
		absolute64: R_X86_64_64,
		marks: [],
		names: { R_X86_64_NONE, R_X86_64_PC32, R_X86_64_PLT32, R_X86_64_GOTPCREL, R_X86_64_GOTPCRELX },
	},
	isBreakpoint: (bytes, at) => bytes[at] === 0xcc,
	/** The displacement alone, inside an aligned 16 bytes, which no processor that was measured fetches in parts. */
	fitsOneStore(address, before, after) {
		const field = before.length - 4;
		const isOpcodeKept =
			before.length === after.length && before.subarray(0, field).every((byte, i) => byte === after[i]);
		return isOpcodeKept && ((address + field) & 15) <= 12;
	},
	callsLoaded,
	followVeneer: undefined,
	visitTargets,
	visitIndirect,
	lastExit,
};
