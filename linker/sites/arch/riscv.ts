// RISC-V (RV64GC): `call` and `tail` are a pair of instructions that reaches everything, AUIPC and JALR, which linkers make one
// JAL, or a compressed jump, where that reaches. Branches have two and four bytes.

import { EM_RISCV } from "../../elf/object.ts";
import { viewOf } from "../../elf/words.ts";
import { type BranchForm, kernelRules, type RealArchitecture, type RelocatedBranch } from "./architecture.ts";

const R_RISCV_NONE = 0;
const R_RISCV_64 = 2;
const R_RISCV_BRANCH = 16;
const R_RISCV_JAL = 17;
const R_RISCV_CALL = 18;
const R_RISCV_CALL_PLT = 19;
const R_RISCV_ALIGN = 43;
const R_RISCV_RVC_BRANCH = 44;
const R_RISCV_RVC_JUMP = 45;
const R_RISCV_RELAX = 51;
const R_RISCV_32_PCREL = 57;

const NOP = [0x13, 0x00, 0x00, 0x00];
const RET = [0x67, 0x80, 0x00, 0x00];
const C_RET = [0x82, 0x80];

/** Where the bits of a displacement are in an instruction: `[its lowest bit, how many, where]`, the last of them the sign. */
type Fields = readonly (readonly [bit: number, count: number, at: number])[];

const jal: Fields = [
	[12, 8, 12],
	[11, 1, 20],
	[1, 10, 21],
	[20, 1, 31],
];
const branch: Fields = [
	[11, 1, 7],
	[1, 4, 8],
	[5, 6, 25],
	[12, 1, 31],
];
const compressedJump: Fields = [
	[5, 1, 2],
	[1, 3, 3],
	[7, 1, 6],
	[6, 1, 7],
	[10, 1, 8],
	[8, 2, 9],
	[4, 1, 11],
	[11, 1, 12],
];
const compressedBranch: Fields = [
	[5, 1, 2],
	[1, 2, 3],
	[6, 2, 5],
	[3, 2, 10],
	[8, 1, 12],
];

const maskOf = (fields: Fields): number => fields.reduce((mask, [, count, at]) => mask | ((2 ** count - 1) << at), 0);

/** A displacement scattered over an instruction of two or four bytes. */
function scattered(kind: BranchForm["kind"], length: 2 | 4, fields: Fields, nothing?: readonly number[]): BranchForm {
	const sign = fields.at(-1)![0];
	const mask = ~maskOf(fields);
	const word = (view: DataView, at: number) => (length === 2 ? view.getUint16(at, true) : view.getUint32(at, true));
	return {
		kind,
		length,
		base: 0,
		min: -(2 ** sign),
		max: 2 ** sign - 2,
		read(view, at) {
			const bits = fields.reduce(
				(sum, [bit, count, from]) => sum | (((word(view, at) >>> from) & (2 ** count - 1)) << bit),
				0,
			);
			return (bits << (31 - sign)) >> (31 - sign);
		},
		write(view, at, displacement) {
			const put = (bits: number, [bit, count, to]: Fields[number]) =>
				bits | (((displacement >> bit) & (2 ** count - 1)) << to);
			const value = fields.reduce(put, word(view, at) & mask);
			if (length === 2) view.setUint16(at, value, true);
			else view.setUint32(at, value >>> 0, true);
		},
		nothing,
	};
}

/** AUIPC adds the upper twenty bits, JALR the lower twelve, which are signed. */
function pair(kind: BranchForm["kind"], nothing: readonly number[]): BranchForm {
	return {
		kind,
		length: 8,
		base: 0,
		min: -(2 ** 31) - 2 ** 11,
		max: 2 ** 31 - 2 ** 11 - 2,
		read: (view, at) => (view.getInt32(at, true) & ~0xfff) + (view.getInt32(at + 4, true) >> 20),
		write(view, at, displacement) {
			const upper = (displacement + 0x800) & ~0xfff;
			view.setInt32(at, (view.getInt32(at, true) & 0xfff) | upper, true);
			view.setInt32(at + 4, (view.getInt32(at + 4, true) & 0xfffff) | ((displacement - upper) << 20), true);
		},
		nothing,
	};
}

const branches: readonly RelocatedBranch[] = [
	{ kind: 0, form: pair("call", [...NOP, ...NOP]), relocation: R_RISCV_CALL_PLT },
	{ kind: 1, form: pair("tail", [...RET, ...NOP]), relocation: R_RISCV_CALL_PLT },
	{ kind: 0, form: scattered("call", 4, jal, NOP), relocation: R_RISCV_JAL },
	{ kind: 1, form: scattered("tail", 4, jal, RET), relocation: R_RISCV_JAL },
	{ kind: 2, form: scattered("conditional", 4, branch), relocation: R_RISCV_BRANCH },
	{ kind: 1, form: scattered("tail", 2, compressedJump, C_RET), relocation: R_RISCV_RVC_JUMP },
	{ kind: 2, form: scattered("conditional", 2, compressedBranch), relocation: R_RISCV_RVC_BRANCH },
].map((each) => ({ ...each, fieldAt: 0, addend: 0, length: each.form.length }));
const [CALL_PAIR, TAIL_PAIR, CALL, TAIL, CONDITIONAL, COMPRESSED_TAIL, COMPRESSED_CONDITIONAL] = [0, 1, 2, 3, 4, 5, 6];

/** Linkers leave the type of a pair where they made it shorter, so what is there decides. */
const branchRelocations = new Set([
	R_RISCV_BRANCH,
	R_RISCV_JAL,
	R_RISCV_CALL,
	R_RISCV_CALL_PLT,
	R_RISCV_RVC_BRANCH,
	R_RISCV_RVC_JUMP,
]);

/** Which of `branches` the instruction at `at` is; -1 for another. */
function branchAt(view: DataView, at: number): number {
	if (at < 0 || at + 2 > view.byteLength) return -1;
	const half = view.getUint16(at, true);
	if ((half & 3) !== 3) {
		if ((half & 3) !== 1) return -1;
		const opcode = half >>> 13;
		return opcode === 5 ? COMPRESSED_TAIL : opcode >= 6 ? COMPRESSED_CONDITIONAL : -1;
	}
	if (at + 4 > view.byteLength) return -1;
	const [opcode, register] = [half & 0x7f, (half >>> 7) & 31];
	if (opcode === 0x6f) return register === 0 ? TAIL : CALL;
	if (opcode === 0x63) return CONDITIONAL;
	if (opcode !== 0x17 || at + 8 > view.byteLength) return -1;
	const second = view.getUint32(at + 4, true);
	if ((second & 0x707f) !== 0x67 || ((second >>> 15) & 31) !== register) return -1;
	return ((second >>> 7) & 31) === 0 ? TAIL_PAIR : CALL_PAIR;
}

/** RISC-V, RV64GC, as listings, the collector and retargeting know it. */
export const riscv: RealArchitecture = {
	name: "riscv64",
	machine: EM_RISCV,
	align: 2,
	isRelaxed: true,
	branches,
	sites: kernelRules,
	find: (type, bytes, at) => (branchRelocations.has(type) ? branchAt(viewOf(bytes), at) : -1),
	relocation: {
		none: R_RISCV_NONE,
		relative32: R_RISCV_32_PCREL,
		absolute64: R_RISCV_64,
		marks: [R_RISCV_RELAX, R_RISCV_ALIGN],
		names: {
			...{ R_RISCV_NONE, R_RISCV_BRANCH, R_RISCV_JAL, R_RISCV_CALL, R_RISCV_CALL_PLT },
			...{ R_RISCV_RVC_BRANCH, R_RISCV_RVC_JUMP },
		},
	},
	isBreakpoint(bytes, at) {
		const half = viewOf(bytes).getUint16(at, true);
		return half === 0x9002 || (half === 0x0073 && viewOf(bytes).getUint16(at + 2, true) === 0x0010);
	},
	/** Nothing says what a hart fetches while a store changes it. */
	fitsOneStore: () => false,
	callsLoaded: undefined,
	followVeneer: undefined,
	visitTargets(bytes, start, end, visit) {
		const view = viewOf(bytes);
		let at = start;
		while (at + 2 <= end) {
			const found = branchAt(view, at);
			const length = branches[found]?.length ?? ((bytes[at]! & 3) === 3 ? 4 : 2);
			if (at + length > end) break;
			if (found >= 0) visit(at, at + branches[found]!.form!.read(view, at), at);
			at += length;
		}
		return at;
	},
	/** JALR and its compressed forms, but not where the AUIPC before says where it goes. */
	visitIndirect(bytes, start, end, visit) {
		const view = viewOf(bytes);
		let at = start;
		while (at + 2 <= end) {
			const length = branches[branchAt(view, at)]?.length ?? ((bytes[at]! & 3) === 3 ? 4 : 2);
			if (at + length > end) break;
			const [link, register] = jumpThrough(view, at, length);
			if (link !== 0) visit(at, true, false);
			else if (register > 0 && register !== RA && register !== T0) visit(at, false, false);
			at += length;
		}
		return at;
	},
	lastExit: (_bytes, _start, end) => end,
};

/** Registers of return addresses. */
const RA = 1;
const T0 = 5;

/** Which register a jump through a register links, 0 for none, and which one it goes through, 0 where there is no such jump. */
function jumpThrough(view: DataView, at: number, length: number): readonly [link: number, register: number] {
	if (length === 2) {
		const half = view.getUint16(at, true);
		const register = (half >>> 7) & 31;
		return (half & 0xe07f) !== 0x8002 || register === 0 ? [0, 0] : [(half & 0x1000) !== 0 ? RA : 0, register];
	}
	if (length !== 4) return [0, 0];
	const word = view.getUint32(at, true);
	return (word & 0x707f) === 0x67 ? [(word >>> 7) & 31, (word >>> 15) & 31] : [0, 0];
}
