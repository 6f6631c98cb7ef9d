// What can be said of a function by reading its code from its first byte to its last: which registers of its callers it
// changes, and whether it is short and plain enough to take the place of a call.

import { STT_FUNC } from "../../../linker/elf/object.ts";
import {
	calleeSaved,
	clobberedBy,
	decode,
	HostCall,
	type Instruction,
	RESULT,
	roles,
	SP,
} from "../../../linker/isa/index.ts";
import type { Image } from "../../../linker/link/image.ts";
import type { Overlay } from "./overlay.ts";
import { patchedText } from "./patched-text.ts";

/** An instruction, its address, and the one before it. */
interface Line {
	readonly at: number;
	readonly instruction: Instruction;
	readonly before: Instruction | undefined;
}

interface Body {
	readonly address: number;
	readonly end: number;
	readonly lines: readonly Line[];
}

/** Which of the registers that calls may change are not as before when the function returns; all where it cannot be told.
 * @param within functions that wait for this answer */
export function changedBy(
	image: Image,
	text: Overlay,
	address: number,
	within: readonly number[] = [],
): ReadonlySet<number> {
	const body = within.includes(address) ? undefined : bodyOf(image, text, address);
	if (body === undefined) return new Set(clobberedBy("all"));
	const saved = savedRegisters(body);
	const changed = new Set<number>();
	for (const line of body.lines) {
		const { row, imm, length } = line.instruction;
		const isCall = row.flow === "call";
		const registers = isCall
			? changedBy(image, text, line.at + length + imm, [...within, address])
			: changes(image, body, line);
		for (const register of registers) if (!calleeSaved.includes(register) && register !== SP) changed.add(register);
	}
	for (const register of saved) changed.delete(register);
	return changed;
}

/** The function's instructions without the return, if nothing is in between: no branches, no use of the stack but by
 * calls, nothing that somebody patches and nothing that has to say where it failed. */
export function straightCode(image: Image, text: Overlay, address: number): Uint8Array | undefined {
	const body = bodyOf(image, text, address);
	if (body === undefined || body.lines.at(-1)?.instruction.row.flow !== "return") return undefined;
	const plain = body.lines.slice(0, -1);
	if (!plain.every(({ instruction }) => isPlain(instruction)) || isPatched(image, body)) return undefined;
	return text.read(address, body.end - 1 - address);
}

/** Undefined for what is no function, or is not made of instructions. */
function bodyOf(image: Image, text: Overlay, address: number): Body | undefined {
	const symbol = image.symbolAt(address);
	if (symbol?.address !== address || symbol.type !== STT_FUNC || symbol.size === 0) return undefined;
	const bytes = text.read(address, symbol.size);
	const lines: Line[] = [];
	for (let at = 0; at < symbol.size; ) {
		const instruction = bytes && decode(bytes, at);
		if (instruction === undefined) return undefined;
		lines.push({ at: address + at, instruction, before: lines.at(-1)?.instruction });
		at += instruction.length;
	}
	return { address, end: address + symbol.size, lines };
}

/** The registers that are pushed first and popped before every return; none where the function is left otherwise. */
function savedRegisters(body: Body): number[] {
	const { lines } = body;
	if (lines.some((line) => leaves(body, line))) return [];
	const first = lines.findIndex(({ instruction }) => instruction.row.cost !== "nop");
	const pushed: number[] = [];
	for (let i = first; lines[i]?.instruction.row.mnemonic === "push"; i++) pushed.push(lines[i]!.instruction.a);
	const returns = [...lines.keys()].filter((i) => lines[i]!.instruction.row.flow === "return");
	const targets = new Set(lines.flatMap((line) => targetOf(line) ?? []));
	const restores = (i: number): boolean =>
		pushed.every((register, n) => {
			const { row, a } = lines[i - 1 - n]?.instruction ?? {};
			return row?.mnemonic === "pop" && a === register && !targets.has(lines[i - n]!.at);
		});
	return returns.every(restores) ? pushed : [];
}

function targetOf({ at, instruction: { row, imm, length } }: Line): number | undefined {
	if (row.flow !== "jump" && row.flow !== "branch") return undefined;
	return row.format === "rel" ? at + length + imm : at;
}

/** Whether a jump, if it is one, goes to other functions. One by a table is a `switch`, which stays. */
function leaves({ address, end }: Body, line: Line): boolean {
	const { row, a } = line.instruction;
	const { before } = line;
	if (row.flow === "indirect-jump") return before?.row.mnemonic !== "ldx" || before.a !== a;
	const target = targetOf(line);
	return target !== undefined && (target < address || target >= end);
}

/** What one instruction changes of the caller's registers. */
function changes(image: Image, body: Body, line: Line): readonly number[] {
	const { row, a, imm } = line.instruction;
	if (leaves(body, line)) return clobberedBy("all");
	switch (row.flow) {
		case "indirect-call": {
			const call = image.operationCalls.find((each) => each.address === line.at);
			return clobberedBy(call?.clobbers ?? "all");
		}
		default:
			if (row.mnemonic === "ret0" || (row.mnemonic === "ecall" && imm === HostCall.query)) return [RESULT];
			return roles(row.mnemonic).defines ? [a] : [];
	}
}

function isPlain(instruction: Instruction): boolean {
	const { row } = instruction;
	const { defines, uses, checks } = roles(row.mnemonic);
	if (checks || row.mnemonic === "push" || row.mnemonic === "pop") return false;
	if ((defines ? (["a", ...uses] as const) : uses).some((field) => instruction[field] === SP)) return false;
	return row.flow === "next" || row.flow === "call";
}

function isPatched(image: Image, { address, end }: Body): boolean {
	const overlaps = (start: number, bytes: number): boolean => start < end && start + bytes > address;
	return (
		patchedText(image).some((each) => overlaps(each.address, 5)) ||
		image.operationCalls.some((each) => overlaps(each.address, each.bytes))
	);
}
