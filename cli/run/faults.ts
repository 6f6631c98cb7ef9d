// Faults of the simulated program, in words, at the line the user wrote.

import { SourceError } from "../../linker/errors.ts";
import { hex } from "../../linker/hex.ts";
import { decode, FIRST_EVENT, type Instruction, Stop } from "../../linker/isa/index.ts";
import { bytesAt, type Image } from "../../linker/link/index.ts";
import { PAGE } from "../../runtime/machine/index.ts";
import type { RunEnd, System } from "../../runtime/patch/index.ts";
import { sourceText } from "../shell/source-lines.ts";
import { backtrace } from "./backtrace.ts";

type Trap = Extract<RunEnd, { kind: "trapped" }>;

/** `fib.js:3:9: …` with the source line and a caret where they are known, else the address and its function; then the
 * calls that led there, a line each. */
export function describeTrap(system: System, trap: Trap): string {
	return [whatAndWhere(system, trap), ...backtrace(system, trap)].join("\n");
}

function whatAndWhere({ image, refusal }: System, trap: Trap): string {
	const what =
		refusal ??
		nullOperation(image, trap) ??
		(isStackFull(trap) ? "the stack is full: this recursion is too deep" : whatHappened(image, trap));
	const at = image.lines.at(trap.stop >= FIRST_EVENT ? trap.pc - 1 : trap.pc);
	if (at === undefined) return `${image.name}: ${hex(trap.pc)} <${image.symbolize(trap.pc) ?? "?"}>: ${what}`;
	const lineText = sourceText(at.file)?.split(/\r?\n/)[at.line - 1];
	if (lineText === undefined) return `${at.file}:${at.line}:${at.column}: ${what}`;
	return new SourceError(what, { ...at, lineText }).message;
}

/** Calls of operations without a function are breakpoints. */
function nullOperation({ operationCalls, operations }: Image, { stop, pc }: Trap): string | undefined {
	if (stop !== Stop.breakpoint) return undefined;
	const call = operationCalls.find(({ address, bytes }) => pc >= address && pc < address + bytes);
	return call && `BUG: operation '${operations[call.operation]!.name}' is null, and was called`;
}

/** Below each stack is a page that nobody may write. */
function isStackFull({ stop, value, sp }: Trap): boolean {
	return stop === Stop.storeFault && Math.abs((value >>> 0) - sp) < PAGE;
}

/** Says why the result is none of the type that the instruction computes in. */
function overflow(image: Image, pc: number): string {
	const { row, imm } = instructionAt(image, pc) ?? {};
	const isUnsigned = row !== undefined && ["addtu", "addtui", "subtu", "multu"].includes(row.mnemonic);
	if (isUnsigned && (row.mnemonic === "subtu" || (row.mnemonic === "addtui" && imm! < 0)))
		return "the result is negative, and the operands are unsigned: write x | 0 for them, or coerce the result (>>> 0) if it should wrap around";
	const type = isUnsigned ? "0 .. 4294967295 (uint)" : "-2147483648 .. 2147483647 (int)";
	return `the result does not fit in ${type}: coerce it (| 0, >>> 0) if it should wrap around`;
}

function instructionAt(image: Image, pc: number): Instruction | undefined {
	for (let length = 1; length <= LONGEST; length++) {
		const bytes = bytesAt(image, pc, length);
		const instruction = bytes && decode(bytes, 0);
		if (instruction !== undefined) return instruction;
	}
	return undefined;
}

/** No instruction has more bytes. */
const LONGEST = 16;

function whatHappened(image: Image, { stop, value, pc }: Trap): string {
	const address = hex(value >>> 0);
	switch (stop) {
		case Stop.illegal:
			return `the program met bytes that are no instruction, the first is ${address}`;
		case Stop.breakpoint:
			return "the program met a breakpoint that is nobody's";
		case Stop.fetchFault:
			return `the program jumped to ${address}, which is not executable`;
		case Stop.loadFault:
			return `load from ${address}, which is not readable`;
		case Stop.storeFault:
			return `store to ${address}, which is not writable`;
		case Stop.overflow:
			return overflow(image, pc);
		case Stop.bounds:
			return `index ${value} is out of range`;
		case Stop.divide:
			return "remainder of a division by zero";
		case Stop.ecall:
			return `there is no host call ${value}`;
		default:
			return `the program stopped for reason ${stop}`;
	}
}
