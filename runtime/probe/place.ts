// Where a probe may go. Everything is asked before anything is changed: a refusal says why, and nothing happened.

import { STT_FUNC } from "../../linker/elf/object.ts";
import { hexBytes } from "../../linker/hex.ts";
import { decode } from "../../linker/isa/decode.ts";
import { SP } from "../../linker/isa/index.ts";
import type { Instruction } from "../../linker/isa/instruction-set.ts";
import { bytesAt, type Image, placeOf, sourcePlace } from "../../linker/link/image.ts";
import { readVirtual } from "../machine/memory.ts";
import { permits } from "../machine/page-table.ts";
import { PAGE } from "../machine/state.ts";
import { reservedBy } from "../patch/change/claims.ts";
import { same } from "../patch/plan/step.ts";
import type { System } from "../patch/system.ts";
import { isNobodys } from "./out-of-line.ts";
import type { ProbeRefusal } from "./probe.ts";

export const PROBES = "probes";

/** A place that can be probed. */
export interface ProbePlace {
	readonly place: string;
	readonly bytes: Uint8Array;
	readonly instruction: Instruction;
	/** Bytes by which the instructions around it move the stack pointer out of the way and back. */
	readonly clearance: number;
}

/** Looks at an instruction of a process: it must be the program's own, whole, and nobody else's to patch. */
export function placeFor(system: System, space: number, address: number): ProbePlace | ProbeRefusal {
	const { machine, image } = system;
	const place = placeOf(image, address);
	const refuse = (why: string): ProbeRefusal => ({ refused: `no probe at ${place}: ${why}` });
	if (!system.spaces.includes(space)) return refuse(`there is no process ${space}`);
	if (!permits(machine, space, address, "x")) return refuse("it is not in executable memory");
	const around = neighbours(system, address);
	if (typeof around === "string") return refuse(around);
	const { instruction, before, after } = around;
	const { length } = instruction;
	if (isNobodys(instruction.row)) return refuse("the program has a breakpoint of its own there");
	const owner = reservedBy(system, address, address + length, PROBES);
	if (owner !== undefined) return refuse(`the text belongs to ${owner}${nextPlace(system, address + length, after)}`);
	const bytes = bytesAt(image, address, length)!;
	const now = readVirtual(machine, space, address, length);
	if (now === undefined || !same(now, bytes))
		return refuse(settledAt(image, address) ?? `it holds ${hexBytes(now ?? [])}, and the file has ${hexBytes(bytes)}`);
	return { place, bytes, instruction, clearance: Math.min(movesDown(before), -movesDown(after)) };
}

/** What the bytes were that boot replaced, in words. */
function settledAt(image: Image, at: number): string | undefined {
	const holds = ({ address, bytes }: { address: number; bytes: number }): boolean =>
		at >= address && at < address + bytes;
	const alternative = image.alternatives.find(holds);
	const call = alternative === undefined ? image.operationCalls.find(holds) : undefined;
	const from = alternative ?? call;
	if (from === undefined) return undefined;
	const kind = call === undefined ? "the alternative" : "the call of an operation";
	return `it is in ${kind} at ${sourcePlace(image, from.address)}, which was settled before the start`;
}

/** Where else to probe: behind what is somebody's. */
function nextPlace(system: System, address: number, instruction: Instruction | undefined): string {
	const isFree = instruction && reservedBy(system, address, address + instruction.length, PROBES) === undefined;
	return isFree ? `; the next instruction is at ${placeOf(system.image, address)}` : "";
}

/** Goes through a function from its start: where an instruction begins cannot be told from the bytes alone.
 * @returns why not, if it cannot be told or none begins there */
function neighbours(
	{ image }: System,
	address: number,
): { instruction: Instruction; before: Instruction | undefined; after: Instruction | undefined } | string {
	const symbol = image.symbolAt(address);
	if (symbol?.type !== STT_FUNC) return "it is in no function, so nobody knows where its instructions begin";
	const code = bytesAt(image, symbol.address, endOf(symbol.address, symbol.size, address) - symbol.address);
	let before: Instruction | undefined;
	for (let offset = 0; code !== undefined; ) {
		const instruction = decode(code, offset);
		if (instruction === undefined) break;
		const next = offset + instruction.length;
		if (symbol.address + offset === address) return { instruction, before, after: decode(code, next) };
		if (symbol.address + next > address)
			return `it is in the middle of the instruction at ${image.symbolize(symbol.address + offset)}`;
		before = instruction;
		offset = next;
	}
	return `'${symbol.name}' is no code up to there`;
}

/** Where a function ends; one without a size is looked at as far as is needed. */
function endOf(start: number, size: number, address: number): number {
	return size === 0 ? address + 6 : start + size;
}

/** How far down an instruction moves the stack pointer. */
function movesDown(instruction: Instruction | undefined): number {
	const moves = instruction?.row.mnemonic === "addi" && instruction.a === SP && instruction.b === SP;
	return moves ? -instruction.imm : 0;
}

export function pageOf(address: number): number {
	return address - (address % PAGE);
}
