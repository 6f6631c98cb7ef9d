// How long x86-64 instructions are, and where direct branches go: as much decoding as it takes to know what lands inside
// a call site. One byte of flags per opcode; bytes that are no instruction end the decoding of a function.

import type { VisitIndirect, VisitTarget } from "./architecture.ts";

/** Flags of an opcode. */
const MODRM = 1;
const IMM8 = 2;
/** Four bytes, two with a 66 prefix. */
const IMMZ = 4;
const IMM16 = 8;
const REL8 = 16;
const REL32 = 32;
const INVALID = 128;

type Ranges = readonly (readonly [first: number, last: number, flags: number])[];

function opcodeMap(ranges: Ranges): Uint8Array {
	const map = new Uint8Array(256);
	for (const [first, last, flags] of ranges) map.fill(flags, first, last + 1);
	return map;
}

/** ADD, OR, ADC, SBB, AND, SUB, XOR, CMP: four forms with operands, two with the accumulator, two that are gone. */
const arithmetic: Ranges = [0, 8, 16, 24, 32, 40, 48, 56].flatMap((row) => [
	[row, row + 3, MODRM] as const,
	[row + 4, row + 4, IMM8] as const,
	[row + 5, row + 5, IMMZ] as const,
	[row + 6, row + 7, INVALID] as const,
]);

const oneByte = opcodeMap([
	...arithmetic,
	[0x60, 0x62, INVALID],
	[0x63, 0x63, MODRM],
	[0x68, 0x68, IMMZ],
	[0x69, 0x69, MODRM | IMMZ],
	[0x6a, 0x6a, IMM8],
	[0x6b, 0x6b, MODRM | IMM8],
	[0x70, 0x7f, REL8],
	[0x80, 0x80, MODRM | IMM8],
	[0x81, 0x81, MODRM | IMMZ],
	[0x82, 0x82, INVALID],
	[0x83, 0x83, MODRM | IMM8],
	[0x84, 0x8f, MODRM],
	[0x9a, 0x9a, INVALID],
	[0xa8, 0xa8, IMM8],
	[0xa9, 0xa9, IMMZ],
	[0xb0, 0xb7, IMM8],
	[0xb8, 0xbf, IMMZ],
	[0xc0, 0xc1, MODRM | IMM8],
	[0xc2, 0xc2, IMM16],
	[0xc4, 0xc5, INVALID],
	[0xc6, 0xc6, MODRM | IMM8],
	[0xc7, 0xc7, MODRM | IMMZ],
	[0xc8, 0xc8, IMM16 | IMM8],
	[0xca, 0xca, IMM16],
	[0xcd, 0xcd, IMM8],
	[0xce, 0xce, INVALID],
	[0xd0, 0xd3, MODRM],
	[0xd4, 0xd6, INVALID],
	[0xd8, 0xdf, MODRM],
	[0xe0, 0xe3, REL8],
	[0xe4, 0xe7, IMM8],
	[0xe8, 0xe9, REL32],
	[0xea, 0xea, INVALID],
	[0xeb, 0xeb, REL8],
	[0xf6, 0xf7, MODRM],
	[0xfe, 0xff, MODRM],
]);

/** After 0f. */
const twoByte = opcodeMap([
	[0x00, 0x03, MODRM],
	[0x04, 0x04, INVALID],
	[0x0a, 0x0a, INVALID],
	[0x0c, 0x0c, INVALID],
	[0x0d, 0x0d, MODRM],
	[0x0f, 0x0f, MODRM | IMM8],
	[0x10, 0x23, MODRM],
	[0x24, 0x27, INVALID],
	[0x28, 0x2f, MODRM],
	[0x36, 0x36, INVALID],
	[0x39, 0x39, INVALID],
	[0x3b, 0x3f, INVALID],
	[0x40, 0x6f, MODRM],
	[0x70, 0x73, MODRM | IMM8],
	[0x74, 0x76, MODRM],
	[0x78, 0x7f, MODRM],
	[0x80, 0x8f, REL32],
	[0x90, 0x9f, MODRM],
	[0xa3, 0xa3, MODRM],
	[0xa4, 0xa4, MODRM | IMM8],
	[0xa5, 0xa5, MODRM],
	[0xa6, 0xa7, INVALID],
	[0xab, 0xab, MODRM],
	[0xac, 0xac, MODRM | IMM8],
	[0xad, 0xb9, MODRM],
	[0xba, 0xba, MODRM | IMM8],
	[0xbb, 0xc1, MODRM],
	[0xc2, 0xc2, MODRM | IMM8],
	[0xc3, 0xc3, MODRM],
	[0xc4, 0xc6, MODRM | IMM8],
	[0xc7, 0xc7, MODRM],
	[0xd0, 0xff, MODRM],
]);

const isPrefix = new Uint8Array(256);
for (const byte of [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3]) isPrefix[byte] = 1;

/** The longest instruction there is. */
const MAX_LENGTH = 15;

/** What an opcode says of the most frequent instructions, 0 for all others: those with prefixes but REX, of more than one
 * opcode byte, and those whose form depends on more. The low four bits are the bytes from the opcode on, without those of
 * an operand in ModR/M, which `OPERAND` says is there; then comes the length of a branch's displacement. */
const OPERAND = 128;
const frequent = new Uint8Array(256);
for (const [opcode, flags] of oneByte.entries()) {
	const length = 1 + ((flags & IMM8) >> 1) + (flags & IMMZ);
	if ((flags & REL32) !== 0) frequent[opcode] = 5 | (4 << 4);
	else if ((flags & REL8) !== 0) frequent[opcode] = 2 | (1 << 4);
	else if ((flags & (INVALID | IMM16)) === 0) frequent[opcode] = length | ((flags & MODRM) !== 0 ? OPERAND : 0);
}
for (const opcode of [0x0f, 0x62, 0x8f, 0xa0, 0xa1, 0xa2, 0xa3, 0xc4, 0xc5, 0xc7, 0xf6, 0xf7]) frequent[opcode] = 0;
for (let byte = 0; byte < 256; byte++)
	if (isPrefix[byte] === 1 || (byte & 0xf0) === 0x40 || (byte & 0xf8) === 0xb8) frequent[byte] = 0;

/** By ModR/M: the bytes of it, SIB and displacement; 0 where that depends on SIB. */
const operandLength = Uint8Array.from({ length: 256 }, (_, byte) => {
	const hasSib = (byte & 7) === 4 && byte < 0xc0;
	if (byte < 0x40) return hasSib ? 0 : (byte & 7) === 5 ? 5 : 1;
	return [0, 2, 5, 1][byte >> 6]! + (hasSib ? 1 : 0);
});

/** By the opcode and the byte behind it what `measure` says of the most frequent instructions, 0 for all others: a row of 256
 * is the same for all opcodes of the same form. */
const measures = new Uint8Array(1 << 16);
const rows = new Map<number, Uint8Array>();
for (const [opcode, form] of frequent.entries()) {
	if (form === 0) continue;
	const row = rows.get(form) ?? (form < OPERAND ? new Uint8Array(256).fill(form) : withOperand(form - OPERAND));
	rows.set(form, row);
	measures.set(row, opcode << 8);
}

function withOperand(form: number): Uint8Array {
	return operandLength.map((length) => (length === 0 ? 0 : form + length));
}

/** The length of the instruction at `at`, in the low four bits; -1 for none. The rest is 16 times the length of the
 * displacement that it ends with, if it is a direct branch. */
function measure(bytes: Uint8Array, at: number, end: number): number {
	if (at + MAX_LENGTH > bytes.length) return measureAny(bytes, at, end);
	const rex = (bytes[at]! & 0xf0) === 0x40 ? 1 : 0;
	const known = measures[(bytes[at + rex]! << 8) | bytes[at + rex + 1]!]!;
	return known === 0 || at + (known & 15) + rex > end ? measureAny(bytes, at, end) : known + rex;
}

function measureAny(bytes: Uint8Array, at: number, end: number): number {
	let i = at;
	let narrow = false;
	let shortAddress = false;
	for (; i < end && isPrefix[bytes[i]!] === 1; i++) {
		if (bytes[i] === 0x66) narrow = true;
		else if (bytes[i] === 0x67) shortAddress = true;
	}
	const rex = i < end && (bytes[i]! & 0xf0) === 0x40 ? bytes[i++]! : 0;
	if (i >= end) return -1;
	let opcode = bytes[i++]!;
	let flags = oneByte[opcode]!;
	if (opcode === 0x0f) {
		if (i >= end) return -1;
		opcode = bytes[i++]!;
		flags = twoByte[opcode]!;
		if (opcode === 0x38 || opcode === 0x3a) {
			flags = opcode === 0x38 ? MODRM : MODRM | IMM8;
			i++;
		}
	} else if (opcode === 0xc5 || opcode === 0xc4 || opcode === 0x62) {
		return measureVector(bytes, at, i, end, opcode);
	} else if (opcode >= 0xa0 && opcode <= 0xa3) {
		i += shortAddress ? 4 : 8;
	} else if (opcode >= 0xb8 && opcode <= 0xbf && (rex & 8) !== 0) {
		i += 4;
	} else if ((opcode === 0xf6 || opcode === 0xf7) && i < end && (bytes[i]! & 0x30) === 0) {
		flags |= opcode === 0xf6 ? IMM8 : IMMZ;
	} else if (opcode === 0x8f && i < end && (bytes[i]! & 0x38) !== 0) {
		return -1;
	} else if (opcode === 0xc7 && bytes[i] === 0xf8) {
		flags = REL32;
		i++;
	}
	if ((flags & INVALID) !== 0) return -1;
	if ((flags & MODRM) !== 0) i = afterOperand(bytes, i, end);
	const wide = (rex & 8) !== 0 || !narrow ? 4 : 2;
	i += (flags & IMM8) >> 1;
	if ((flags & IMMZ) !== 0) i += wide;
	i += (flags & IMM16) >> 2;
	const displacement = (flags & REL8) !== 0 ? 1 : (flags & REL32) !== 0 ? 4 : 0;
	i += displacement;
	return i > end || i - at > MAX_LENGTH ? -1 : (i - at) | (displacement << 4);
}

/** VEX (c4, c5) and EVEX (62): which map they use is in the bytes of the prefix. */
function measureVector(bytes: Uint8Array, at: number, first: number, end: number, prefix: number): number {
	const map = prefix === 0xc5 ? 1 : bytes[first]! & (prefix === 0xc4 ? 31 : 7);
	let i = first + (prefix === 0xc5 ? 1 : prefix === 0xc4 ? 2 : 3);
	if (i >= end) return -1;
	const opcode = bytes[i++]!;
	if (map === 1 && opcode === 0x77 && prefix !== 0x62) return i - at;
	const immediate = map === 3 || (map === 1 && (twoByte[opcode]! & IMM8) !== 0);
	i = afterOperand(bytes, i, end) + (immediate ? 1 : 0);
	return i > end || i - at > MAX_LENGTH ? -1 : i - at;
}

/** Skips ModR/M, SIB and displacement. */
function afterOperand(bytes: Uint8Array, at: number, end: number): number {
	if (at >= end) return end + 1;
	const mode = bytes[at]! >> 6;
	const operand = bytes[at]! & 7;
	if (mode === 3) return at + 1;
	const hasSib = operand === 4;
	const i = at + (hasSib ? 2 : 1);
	if (mode === 1) return i + 1;
	if (mode === 2) return i + 4;
	const base = hasSib ? bytes[at + 1]! & 7 : operand;
	return base === 5 ? i + 4 : i;
}

/** The length of the instruction at `at`, or 0 where there is none: what others' disassemblers are asked in tests. */
export function instructionLength(bytes: Uint8Array, at: number, end: number): number {
	const measured = measure(bytes, at, end);
	return measured < 0 ? 0 : measured & 15;
}

/** Decodes from `start` on, up to `end` or the first bytes that are no instruction. Fields that a relocation will fill
 * give targets too, of which nothing can be said; callers know where those are. @returns where it ended */
export function visitTargets(bytes: Uint8Array, start: number, end: number, visit: VisitTarget): number {
	let at = start;
	while (at < end) {
		const measured = measure(bytes, at, end);
		if (measured < 0) return at;
		const next = at + (measured & 15);
		const displacement = measured >> 4;
		if (displacement === 1) visit(at, next + ((bytes[next - 1]! << 24) >> 24), next - 1);
		else if (displacement === 4) visit(at, next + word(bytes, next - 4), next - 4);
		at = next;
	}
	return at;
}

/** Decodes in the same way. The operand says which instruction of the opcode it is: 2 is CALL, 4 is JMP. @returns where it ended */
export function visitIndirect(bytes: Uint8Array, start: number, end: number, visit: VisitIndirect): number {
	let at = start;
	while (at < end) {
		const measured = measure(bytes, at, end);
		if (measured < 0) return at;
		let i = at;
		while (isPrefix[bytes[i]!] === 1) i++;
		if ((bytes[i]! & 0xf0) === 0x40) i++;
		const which = bytes[i] === 0xff ? (bytes[i + 1]! >> 3) & 7 : 0;
		if (which === 2 || which === 4) visit(i + 2, which === 2, bytes[i + 1]! < 0xc0);
		at += measured & 15;
	}
	return at;
}

/** RET in its forms, JMP, INT3, HLT, and UD2. */
const exits = new Set([0xc2, 0xc3, 0xca, 0xcb, 0xcf, 0xe9, 0xeb, 0xcc, 0xf4]);

/** Behind the last instruction before `end` that nothing runs past; `start` if there is none. */
export function lastExit(bytes: Uint8Array, start: number, end: number): number {
	let last = start;
	for (let at = start; at < end; ) {
		const length = instructionLength(bytes, at, end);
		if (length === 0) break;
		const isIndirectJump = bytes[at] === 0xff && ((bytes[at + 1]! >> 3) & 7) === 4;
		const isUndefined = bytes[at] === 0x0f && bytes[at + 1] === 0x0b;
		if (exits.has(bytes[at]!) || isIndirectJump || isUndefined) last = at + length;
		at += length;
	}
	return last;
}

function word(bytes: Uint8Array, at: number): number {
	return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}
