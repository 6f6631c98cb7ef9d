// The toy instruction set: the one place with opcode numbers. Assembler, decoder, disassembler, interpreter and
// docs/isa.md are all made from these rows; an instruction is added by a row here, and `npm run generate` makes the
// interpreter's inner loop and the page anew.
//
// Opcodes borrow x86's values where there is a counterpart (e8 CALL, cc BRK, ...): its users read them at sight.

import { compare as compareWords, holds as conditionHolds } from "../conditions.ts";
import { type Core, type Execute, Stop } from "../core.ts";
import type { CostClass, Flow, Format, Group, Row } from "../instruction-set.ts";

/** The number of the stack pointer's register. */
export const SP = 15;
export { EM_TOY } from "../machine-number.ts";

// What the hot instructions use is local: V8 compiles a module's own constants in, and looks exports and imports up.
const STACK = SP;
const NONE = Stop.none;
const compare = compareWords;
const holds = conditionHolds;

const group = (title: string, rows: readonly Row[]): Group => ({ title, rows });

type Columns = [opcode: number, mnemonic: string, format: Format, syntax: string, cost: CostClass, flow: Flow, brief: string, execute: Execute];

function row(...[opcode, mnemonic, format, syntax, cost, flow, brief, execute]: Columns): Row {
	return { mnemonic, opcode, format, syntax, cost, flow, brief, execute, stops: true };
}

/** An instruction that never stops: no memory, no event, no trap. */
const quiet = (...columns: Columns): Row => ({ ...row(...columns), stops: false });

/** An instruction that reads memory and writes it, with nothing in between. */
const atomic = (...columns: Columns): Row => ({ ...row(...columns), atomic: true });

function push(x: Core, value: number): void {
	const sp = (x.r[STACK]! - 4) | 0;
	x.store32(sp, value);
	if (x.stop === NONE) x.r[STACK] = sp;
}

function pop(x: Core): number {
	const sp = x.r[STACK]!;
	const value = x.load32(sp);
	if (x.stop === NONE) x.r[STACK] = sp + 4;
	return value;
}

function call(x: Core, target: number, next: number): number {
	push(x, next);
	return target | 0;
}

/** Writes an exact result if it is a 32-bit signed (or unsigned) integer and traps otherwise. */
function signed(x: Core, rd: number, exact: number): void {
	if (exact === (exact | 0)) x.r[rd] = exact;
	else x.stop = Stop.overflow;
}
function unsigned(x: Core, rd: number, exact: number): void {
	if (exact === exact >>> 0) x.r[rd] = exact;
	else x.stop = Stop.overflow;
}

/** What rows mention: the interpreter's loop is written with the bodies of these in place of their calls. */
export const shared = { STACK, push, pop, call, signed, unsigned };

const event =
	(stop: Stop): Execute =>
	(x) => {
		x.stop = stop;
	};

const noOperation: Execute = () => {};

/** The instructions of the toy set, grouped as docs/isa.md shows them. */
export const groups: readonly Group[] = [
	group("One byte: what a patcher may put over the head of a longer instruction", [
		quiet(0x90, "nop", "none", "", "nop", "next", "nothing", noOperation),
		row(0xcc, "brk", "none", "", "system", "trap", "breakpoint trap", event(Stop.breakpoint)),
		quiet(0xeb, "spin", "none", "", "jump", "jump", "jump to itself: wait until somebody overwrites it", (_x, _a, _b, _c, _imm, next) => (next - 1) | 0),
		row(0xc3, "ret", "none", "", "return", "return", "pop the return address and go there", (x) => pop(x)),
	]),
	group("Five bytes: what a call site can hold", [
		row(0xe8, "call", "rel", "imm", "call", "call", "push the return address, jump by disp28", (x, _a, _b, _c, imm, next) => call(x, next + imm, next)),
		quiet(0xe9, "jmp", "rel", "imm", "jump", "jump", "jump by disp28", (_x, _a, _b, _c, imm, next) => (next + imm) | 0),
		quiet(0x70, "j", "rel", "imm", "branch", "branch", "jump by disp28 if the condition holds", (x, _a, _b, c, imm, next) =>
			holds(c, x.flags) ? (next + imm) | 0 : next,
		),
		quiet(0x0f, "nop5", "pad4", "", "nop", "next", "nothing, as long as a call", noOperation),
		quiet(0x2e, "ret0", "pad4", "", "alu", "next", "r0 = 0, as long as a call: a call of a function that returns 0", (x) => {
			x.r[0] = 0;
		}),
	]),
	group("Indirect calls and jumps", [
		row(0xd0, "callr", "reg", "a", "indirect", "indirect-call", "call the address in a register", (x, a, _b, _c, _imm, next) => call(x, x.r[a]!, next)),
		quiet(0xd1, "jmpr", "reg", "a", "indirect", "indirect-jump", "jump to the address in a register", (x, a) => x.r[a]!),
		row(0xd8, "callm", "abs", "[imm]", "indirect", "indirect-call", "call the address stored at imm", (x, _a, _b, _c, imm, next) => {
			const to = x.load32(imm);
			return x.stop === NONE ? call(x, to, next) : next;
		}),
		row(0xd9, "jmpm", "abs", "[imm]", "indirect", "indirect-jump", "jump to the address stored at imm", (x, _a, _b, _c, imm) => x.load32(imm)),
	]),
	group("Moves and memory", [
		quiet(0x89, "mov", "reg2", "a, b", "alu", "next", "a = b", (x, a, b) => {
			x.r[a] = x.r[b]!;
		}),
		quiet(0xb8, "movi", "regImm", "a, imm", "alu", "next", "a = imm", (x, a, _b, _c, imm) => {
			x.r[a] = imm;
		}),
		row(0x8b, "ld", "reg2Imm", "a, [b+imm]", "load", "next", "load 32 bits", (x, a, b, _c, imm) => {
			const value = x.load32((x.r[b]! + imm) | 0);
			if (x.stop === NONE) x.r[a] = value;
		}),
		row(0x8a, "ldb", "reg2Imm", "a, [b+imm]", "load", "next", "load a byte, zero-extended", (x, a, b, _c, imm) => {
			const value = x.load8((x.r[b]! + imm) | 0);
			if (x.stop === NONE) x.r[a] = value;
		}),
		row(0x8c, "ldx", "reg2Imm", "a, [imm+b*4]", "load", "next", "load element b of a table of words", (x, a, b, _c, imm) => {
			const value = x.load32((imm + (x.r[b]! << 2)) | 0);
			if (x.stop === NONE) x.r[a] = value;
		}),
		row(0x87, "st", "reg2Imm", "[b+imm], a", "store", "next", "store 32 bits", (x, a, b, _c, imm) => {
			x.store32((x.r[b]! + imm) | 0, x.r[a]!);
		}),
		row(0x88, "stb", "reg2Imm", "[b+imm], a", "store", "next", "store the low byte", (x, a, b, _c, imm) => {
			x.store8((x.r[b]! + imm) | 0, x.r[a]!);
		}),
		row(0x86, "stx", "reg2Imm", "[imm+b*4], a", "store", "next", "store element b of a table of words", (x, a, b, _c, imm) => {
			x.store32((imm + (x.r[b]! << 2)) | 0, x.r[a]!);
		}),
		row(0x50, "push", "reg", "a", "store", "next", "sp -= 4; store a at sp", (x, a) => {
			push(x, x.r[a]!);
		}),
		row(0x58, "pop", "reg", "a", "load", "next", "load a from sp; sp += 4", (x, a) => {
			const value = pop(x);
			if (x.stop === NONE) x.r[a] = value;
		}),
		atomic(0x82, "xchg", "reg2Imm", "a, [b+imm]", "atomic", "next", "swap a with memory, atomically", (x, a, b, _c, imm) => {
			const address = (x.r[b]! + imm) | 0;
			const old = x.load32(address);
			if (x.stop === NONE) x.store32(address, x.r[a]!);
			if (x.stop === NONE) x.r[a] = old;
		}),
		atomic(0x83, "xadd", "reg2Imm", "a, [b+imm]", "atomic", "next", "add a to memory, a = the old value, atomically", (x, a, b, _c, imm) => {
			const address = (x.r[b]! + imm) | 0;
			const old = x.load32(address);
			if (x.stop === NONE) x.store32(address, (old + x.r[a]!) | 0);
			if (x.stop === NONE) x.r[a] = old;
		}),
	]),
	group("Comparison", [
		quiet(0x39, "cmp", "reg2", "a, b", "alu", "next", "set the flags from a and b", (x, a, b) => {
			x.flags = compare(x.r[a]!, x.r[b]!);
		}),
		quiet(0x3d, "cmpi", "regImm", "a, imm", "alu", "next", "set the flags from a and imm", (x, a, _b, _c, imm) => {
			x.flags = compare(x.r[a]!, imm);
		}),
		quiet(0x9e, "set", "regCond", "a", "alu", "next", "a = 1 if the condition holds, else 0", (x, a, _b, c) => {
			x.r[a] = holds(c, x.flags) ? 1 : 0;
		}),
		row(0x62, "bound", "regImm", "a, imm", "alu", "next", "trap unless a (unsigned) is below imm", (x, a, _b, _c, imm) => {
			if (x.r[a]! >>> 0 >= imm >>> 0) {
				x.stop = Stop.bounds;
				x.stopValue = x.r[a]!;
			}
		}),
	]),
	group("Arithmetic that wraps", [
		quiet(0x01, "add", "reg3", "a, b, c", "alu", "next", "a = b + c", (x, a, b, c) => {
			x.r[a] = x.r[b]! + x.r[c]!;
		}),
		quiet(0x02, "addi", "reg2Imm", "a, b, imm", "alu", "next", "a = b + imm", (x, a, b, _c, imm) => {
			x.r[a] = x.r[b]! + imm;
		}),
		quiet(0x29, "sub", "reg3", "a, b, c", "alu", "next", "a = b - c", (x, a, b, c) => {
			x.r[a] = x.r[b]! - x.r[c]!;
		}),
		quiet(0xaf, "mul", "reg3", "a, b, c", "mul", "next", "a = b * c", (x, a, b, c) => {
			x.r[a] = Math.imul(x.r[b]!, x.r[c]!);
		}),
		quiet(0xab, "muli", "reg2Imm", "a, b, imm", "mul", "next", "a = b * imm", (x, a, b, _c, imm) => {
			x.r[a] = Math.imul(x.r[b]!, imm);
		}),
		quiet(0xf8, "div", "reg3", "a, b, c", "div", "next", "a = b / c signed, towards zero; 0 when c is 0", (x, a, b, c) => {
			x.r[a] = (x.r[b]! / x.r[c]!) | 0;
		}),
		quiet(0xf9, "divu", "reg3", "a, b, c", "div", "next", "a = b / c unsigned; 0 when c is 0", (x, a, b, c) => {
			x.r[a] = ((x.r[b]! >>> 0) / (x.r[c]! >>> 0)) >>> 0;
		}),
		quiet(0xfc, "rem", "reg3", "a, b, c", "div", "next", "a = b % c signed, sign of b; 0 when c is 0", (x, a, b, c) => {
			x.r[a] = (x.r[b]! % x.r[c]!) | 0;
		}),
		quiet(0xfd, "remu", "reg3", "a, b, c", "div", "next", "a = b % c unsigned; 0 when c is 0", (x, a, b, c) => {
			x.r[a] = ((x.r[b]! >>> 0) % (x.r[c]! >>> 0)) >>> 0;
		}),
		quiet(0x21, "and", "reg3", "a, b, c", "alu", "next", "a = b & c", (x, a, b, c) => {
			x.r[a] = x.r[b]! & x.r[c]!;
		}),
		quiet(0x22, "andi", "reg2Imm", "a, b, imm", "alu", "next", "a = b & imm", (x, a, b, _c, imm) => {
			x.r[a] = x.r[b]! & imm;
		}),
		quiet(0x09, "or", "reg3", "a, b, c", "alu", "next", "a = b | c", (x, a, b, c) => {
			x.r[a] = x.r[b]! | x.r[c]!;
		}),
		quiet(0x0a, "ori", "reg2Imm", "a, b, imm", "alu", "next", "a = b | imm", (x, a, b, _c, imm) => {
			x.r[a] = x.r[b]! | imm;
		}),
		quiet(0x31, "xor", "reg3", "a, b, c", "alu", "next", "a = b ^ c", (x, a, b, c) => {
			x.r[a] = x.r[b]! ^ x.r[c]!;
		}),
		quiet(0x32, "xori", "reg2Imm", "a, b, imm", "alu", "next", "a = b ^ imm", (x, a, b, _c, imm) => {
			x.r[a] = x.r[b]! ^ imm;
		}),
		quiet(0xd3, "shl", "reg3", "a, b, c", "alu", "next", "a = b << (c & 31)", (x, a, b, c) => {
			x.r[a] = x.r[b]! << x.r[c]!;
		}),
		quiet(0xc1, "shli", "reg2Imm", "a, b, imm", "alu", "next", "a = b << (imm & 31)", (x, a, b, _c, imm) => {
			x.r[a] = x.r[b]! << imm;
		}),
		quiet(0xd4, "shr", "reg3", "a, b, c", "alu", "next", "a = b >>> (c & 31)", (x, a, b, c) => {
			x.r[a] = x.r[b]! >>> x.r[c]!;
		}),
		quiet(0xc4, "shri", "reg2Imm", "a, b, imm", "alu", "next", "a = b >>> (imm & 31)", (x, a, b, _c, imm) => {
			x.r[a] = x.r[b]! >>> imm;
		}),
		quiet(0xd5, "sar", "reg3", "a, b, c", "alu", "next", "a = b >> (c & 31)", (x, a, b, c) => {
			x.r[a] = x.r[b]! >> x.r[c]!;
		}),
		quiet(0xc5, "sari", "reg2Imm", "a, b, imm", "alu", "next", "a = b >> (imm & 31)", (x, a, b, _c, imm) => {
			x.r[a] = x.r[b]! >> imm;
		}),
	]),
	group("Arithmetic that traps when the result leaves 32 bits", [
		row(0x11, "addt", "reg3", "a, b, c", "alu", "next", "a = b + c, signed, or trap", (x, a, b, c) => {
			signed(x, a, x.r[b]! + x.r[c]!);
		}),
		row(0x12, "addti", "reg2Imm", "a, b, imm", "alu", "next", "a = b + imm, signed, or trap", (x, a, b, _c, imm) => {
			signed(x, a, x.r[b]! + imm);
		}),
		row(0x13, "addtu", "reg3", "a, b, c", "alu", "next", "a = b + c, unsigned, or trap", (x, a, b, c) => {
			unsigned(x, a, (x.r[b]! >>> 0) + (x.r[c]! >>> 0));
		}),
		row(0x14, "addtui", "reg2Imm", "a, b, imm", "alu", "next", "a = b + imm (imm signed), unsigned, or trap", (x, a, b, _c, imm) => {
			unsigned(x, a, (x.r[b]! >>> 0) + imm);
		}),
		row(0x19, "subt", "reg3", "a, b, c", "alu", "next", "a = b - c, signed, or trap", (x, a, b, c) => {
			signed(x, a, x.r[b]! - x.r[c]!);
		}),
		row(0x1b, "subtu", "reg3", "a, b, c", "alu", "next", "a = b - c, unsigned, or trap", (x, a, b, c) => {
			unsigned(x, a, (x.r[b]! >>> 0) - (x.r[c]! >>> 0));
		}),
		row(0x69, "mult", "reg3", "a, b, c", "mul", "next", "a = b * c, signed, or trap", (x, a, b, c) => {
			signed(x, a, x.r[b]! * x.r[c]!);
		}),
		row(0x6b, "multu", "reg3", "a, b, c", "mul", "next", "a = b * c, unsigned, or trap", (x, a, b, c) => {
			unsigned(x, a, (x.r[b]! >>> 0) * (x.r[c]! >>> 0));
		}),
		row(0x6c, "remt", "reg3", "a, b, c", "div", "next", "a = b % c, signed; trap when c is 0", (x, a, b, c) => {
			if (x.r[c] === 0) x.stop = Stop.divide;
			else x.r[a] = x.r[b]! % x.r[c]!;
		}),
		row(0x6d, "remtu", "reg3", "a, b, c", "div", "next", "a = b % c, unsigned; trap when c is 0", (x, a, b, c) => {
			if (x.r[c] === 0) x.stop = Stop.divide;
			else x.r[a] = (x.r[b]! >>> 0) % (x.r[c]! >>> 0);
		}),
	]),
	group("System", [
		row(0xf5, "serialize", "none", "", "barrier", "next", "instruction barrier: forget what was fetched", event(Stop.serialize)),
		row(0xf6, "fence", "none", "", "barrier", "next", "data fence: earlier accesses and cache operations are done", event(Stop.fence)),
		row(0xf0, "clean", "reg", "a", "cache", "next", "clean the data line at a to where fetches look", (x, a) => {
			x.stop = Stop.clean;
			x.stopValue = x.r[a]!;
		}),
		row(0xf1, "inval", "reg", "a", "cache", "next", "invalidate the instruction line at a", (x, a) => {
			x.stop = Stop.invalidate;
			x.stopValue = x.r[a]!;
		}),
		row(0xcd, "ecall", "imm8", "imm", "host", "next", "call the host; the number says what for", (x, _a, _b, _c, imm) => {
			x.stop = Stop.ecall;
			x.stopValue = imm;
		}),
		quiet(0xa2, "cpuid", "reg", "a", "system", "next", "a = number of this CPU", (x, a) => {
			x.r[a] = x.id;
		}),
		quiet(0xfa, "cli", "none", "", "system", "next", "mask interrupts", (x) => {
			x.masked |= 1;
		}),
		row(0xfb, "sti", "none", "", "system", "next", "unmask interrupts", (x) => {
			x.masked &= ~1;
			x.stop = Stop.unmask;
		}),
		row(0xcf, "iret", "none", "", "system", "indirect-jump", "go back from a handler: pop the address, then the flags and what was masked", (x) => {
			const sp = x.r[STACK]!;
			const to = x.load32(sp);
			const state = x.stop === NONE ? x.load32((sp + 4) | 0) : 0;
			if (x.stop !== NONE) return to;
			x.r[STACK] = sp + 8;
			x.flags = state & 7;
			x.masked = (state >> 8) & 3;
			x.stop = Stop.unmask;
			return to;
		}),
		row(0xf2, "idle", "none", "", "system", "next", "wait for an interrupt", event(Stop.idle)),
		row(0xf4, "hlt", "none", "", "system", "halt", "stop this CPU", event(Stop.halt)),
	]),
];

/** The instructions of the toy set, one after the other. */
export const rows: readonly Row[] = groups.flatMap((g) => g.rows);
