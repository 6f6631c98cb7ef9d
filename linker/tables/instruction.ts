// What lies at a place of a table, as far as the tables' readers care: the kind of the first instruction, its length, and
// where it goes. No disassembler: whatever no table is about is "an instruction".

import { type ElfObject, EM_AARCH64, EM_X86_64, ET_REL, originOf, R_NONE } from "../elf/object.ts";
import { viewOf } from "../elf/words.ts";
import { instructionLength } from "../sites/arch/x86-decode.ts";
import { coveredAt, type PointedAt, pointedAt } from "./read.ts";

export type InstructionKind =
	| "call"
	| "jump"
	| "conditional jump"
	| "indirect call"
	| "indirect jump"
	| "return"
	| "NOP"
	| "LOCK prefix"
	| "prefix without LOCK"
	| "landing pad"
	| "breakpoint"
	| "trap"
	| "zero"
	| "operand"
	| "instruction"
	| "nothing";

export interface InstructionAt {
	readonly kind: InstructionKind;
	/** Bytes; 0 for what is no instruction. */
	readonly length: number;
	/** Where a direct branch goes. */
	readonly target?: PointedAt;
}

/** The instruction at an offset of a section's bytes.
 * @param index the section's */
export function instructionAt(object: ElfObject, index: number, offset: number): InstructionAt {
	const { data } = object.sections[index]!;
	if (offset < 0 || offset >= data.length) return { kind: "nothing", length: 0 };
	if (object.machine === EM_X86_64) return x86At(object, index, offset);
	if (object.machine === EM_AARCH64) return aarch64At(object, index, offset);
	return { kind: "instruction", length: 0 };
}

function x86At(object: ElfObject, index: number, offset: number): InstructionAt {
	const { data } = object.sections[index]!;
	const length = instructionLength(data, offset, data.length);
	if (length === 0) return { kind: "nothing", length: 0 };
	const kind = x86Kind(data, offset);
	const field = fieldOfBranch(data, offset, length, kind);
	if (field === undefined) return { kind, length };
	const stored = field.size === 4 ? viewOf(data).getInt32(field.at, true) : viewOf(data).getInt8(field.at);
	return { kind, length, ...targetOf(object, index, field.at, offset + length, stored, 4) };
}

const hasBytes = (bytes: Uint8Array, at: number, wanted: readonly number[]): boolean =>
	wanted.every((byte, i) => bytes[at + i] === byte);

/** Kinds of instructions that begin with certain bytes. */
const x86Starts: readonly (readonly [kind: InstructionKind, bytes: readonly number[]])[] = [
	["landing pad", [0xf3, 0x0f, 0x1e, 0xfa]],
	["zero", [0x2e, 0x2e, 0x2e, 0x31, 0xc0]],
	["trap", [0x0f, 0x0b]],
	["trap", [0x0f, 0xb9]],
	["trap", [0x67, 0x48, 0x0f, 0xb9]],
	["breakpoint", [0xcc]],
	["return", [0xc3]],
	["LOCK prefix", [0xf0]],
];

/** Prefixes that name segments, and that change the sizes of operands and addresses. */
const x86Prefixes = [0x2e, 0x3e, 0x64, 0x65, 0x66, 0x67];

function x86Kind(bytes: Uint8Array, at: number): InstructionKind {
	const found = x86Starts.find(([, start]) => hasBytes(bytes, at, start));
	if (found !== undefined) return found[0];
	let i = at;
	while (x86Prefixes.includes(bytes[i]!)) i++;
	const opcode = bytes[i]!;
	if (opcode === 0xf0) return "LOCK prefix";
	if (opcode === 0x90 || (opcode === 0x0f && bytes[i + 1] === 0x1f)) return "NOP";
	if (opcode === 0xe8) return "call";
	if (opcode === 0xe9 || opcode === 0xeb) return "jump";
	if ((opcode & 0xf0) === 0x70 || (opcode === 0x0f && (bytes[i + 1]! & 0xf0) === 0x80)) return "conditional jump";
	const isHigh = (opcode & 0xf0) === 0x40 ? 1 : 0;
	if (bytes[i + isHigh] === 0xff) {
		const operation = (bytes[i + isHigh + 1]! >> 3) & 7;
		if (operation === 2) return "indirect call";
		if (operation === 4) return "indirect jump";
	}
	return bytes[at] === 0x3e ? "prefix without LOCK" : "instruction";
}

/** The displacement at the end of a direct branch. */
function fieldOfBranch(bytes: Uint8Array, at: number, length: number, kind: InstructionKind) {
	if (kind !== "call" && kind !== "jump" && kind !== "conditional jump") return undefined;
	const isShort = bytes[at] === 0xeb || (bytes[at]! & 0xf0) === 0x70;
	return isShort ? ({ at: at + length - 1, size: 1 } as const) : ({ at: at + length - 4, size: 4 } as const);
}

/** Words of AArch64 by kind: those whose bits under the mask are the value. */
const aarch64Words: readonly (readonly [kind: InstructionKind, mask: number, value: number])[] = [
	["NOP", 0xffffffff, 0xd503201f],
	["call", 0xfc000000, 0x94000000],
	["jump", 0xfc000000, 0x14000000],
	["conditional jump", 0xff000010, 0x54000000],
	["return", 0xfffffc1f, 0xd65f0000],
	["indirect call", 0xfffffc1f, 0xd63f0000],
	["indirect jump", 0xfffffc1f, 0xd61f0000],
	["breakpoint", 0xffe0001f, 0xd4200000],
	// PACIASP, PACIBSP, and BTI with its operands: where indirect branches may land.
	["landing pad", 0xffffffbf, 0xd503233f],
	["landing pad", 0xffffff3f, 0xd503241f],
];

function aarch64At(object: ElfObject, index: number, offset: number): InstructionAt {
	const { data } = object.sections[index]!;
	if (offset % 4 !== 0 || offset + 4 > data.length) return { kind: "nothing", length: 0 };
	const word = viewOf(data).getUint32(offset, true);
	const kind = aarch64Words.find(([, mask, value]) => (word & mask) >>> 0 === value)?.[0] ?? "instruction";
	if (kind !== "call" && kind !== "jump") return { kind, length: 4 };
	return { kind, length: 4, ...targetOf(object, index, offset, offset, (word << 6) >> 4, 0) };
}

/** Where a branch goes, by the relocation of its field or by what the field holds.
 * @param base what displacements count from @param behind how far behind the field's place its addend counts from */
function targetOf(
	object: ElfObject,
	index: number,
	field: number,
	base: number,
	stored: number,
	behind: number,
): { target?: PointedAt } {
	const { relocations } = object.sections[index]!;
	if (object.type !== ET_REL) {
		const value = base + stored + originOf(object, object.sections[index]!);
		return { target: pointedAt(object, { symbol: 0, value }) };
	}
	const relocation = relocationIndex(object, index).get(field);
	if (relocation === undefined) return { target: coveredAt(object, index, base + stored) };
	const symbol = relocations!.symbol[relocation]!;
	return { target: pointedAt(object, { symbol, value: relocations!.addend[relocation]! + behind }) };
}

const relocationIndexes = new WeakMap<object, Map<number, number>>();

/** By the offset of a field in the section: the index of its relocation. Made when a section is first asked about. */
function relocationIndex(object: ElfObject, index: number): ReadonlyMap<number, number> {
	const { relocations } = object.sections[index]!;
	if (relocations === undefined) return none;
	const known = relocationIndexes.get(relocations);
	if (known !== undefined) return known;
	const made = new Map<number, number>();
	const origin = originOf(object, object.sections[index]!);
	for (let i = 0; i < relocations.count; i++)
		if (relocations.type[i] !== R_NONE) made.set(relocations.offset[i]! - origin, i);
	relocationIndexes.set(relocations, made);
	return made;
}

const none: ReadonlyMap<number, number> = new Map();
