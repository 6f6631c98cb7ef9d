// Blocks to a line of instructions: the frame is set up and torn down, and what follows anyway is not jumped to.

import { argumentOffset, SP } from "../../isa/index.ts";
import { type Block, type Code, newOp, type Op, type PatchedLabel, SCRATCH } from "../lower/code.ts";
import { inverseCode } from "../lower/conditions.ts";
import type { Frame } from "../lower/shrink-wrap.ts";
import type { Position } from "../origin.ts";

/** An instruction, with the place in the same function that it jumps to, if it does. */
export interface Item {
	readonly op: Op;
	readonly target: Block | undefined;
	/** The branch is patched: it jumps there or does nothing. */
	readonly label?: PatchedLabel;
}

export interface Layout {
	readonly items: readonly Item[];
	/** Index of the first item of each block. */
	readonly starts: ReadonlyMap<Block, number>;
}

interface Line {
	readonly frame: Frame;
	/** Where the function is in its source. */
	readonly at: Position;
	readonly items: Item[];
	readonly starts: Map<Block, number>;
}

/** @param at of the function, where setting up the frame belongs */
export function layOut(code: Code, frame: Frame, at: Position): Layout {
	const line: Line = { frame, at, items: [], starts: new Map() };
	const blocks = code.blocks.filter((block, i) => i === 0 || !isBareTail(line, block) || isAddressed(code, block));
	for (const [i, block] of blocks.entries()) {
		line.starts.set(block, line.items.length);
		if (block === frame.begin) for (const op of prologue(frame, at)) put(line, op);
		for (const op of block.ops) put(line, op);
		putEnd(line, block, blocks[i + 1]);
	}
	return line;
}

function put(line: Line, op: Op, target?: Block): void {
	line.items.push({ op: op.argument === undefined ? op : inFrame(line, op, op.argument), target });
}

/** The load of a word of arguments, which are above the frame. */
function inFrame({ frame: { saved, slots } }: Line, op: Op, index: number): Op {
	return { ...op, imm: 4 * (saved.length + slots) + argumentOffset(index) };
}

function prologue({ saved, slots }: Frame, at: Position): Op[] {
	const pushes = saved.map((a) => newOp("push", { a }, at));
	return slots === 0 ? pushes : [...pushes, newOp("addi", { a: SP, b: SP, imm: -4 * slots }, at)];
}

function putEpilogue(line: Line, block: Block, at: Position): void {
	const { saved, slots, outside } = line.frame;
	if (outside.has(block)) return;
	if (slots > 0) put(line, newOp("addi", { a: SP, b: SP, imm: 4 * slots }, at));
	for (const a of saved.toReversed()) put(line, newOp("pop", { a }, at));
}

function putEnd(line: Line, block: Block, next: Block | undefined): void {
	const end = block.end!;
	switch (end.kind) {
		case "jump":
			putJump(line, end.to, next, block.ops.at(-1)?.at);
			break;
		case "branch":
			putBranch(line, end, next);
			break;
		case "patched":
			line.items.push({
				op: newOp(end.label.jumps ? "jmp" : "nop5", {}, end.at),
				target: end.target,
				label: end.label,
			});
			putJump(line, end.next, next, end.at);
			break;
		case "return":
			putEpilogue(line, block, end.at);
			put(line, newOp("ret", {}, end.at));
			break;
		case "tail":
			putEpilogue(line, block, end.op.at);
			put(line, end.op);
			break;
		case "table":
			put(line, newOp("jmpr", { a: SCRATCH }, end.at));
			break;
	}
}

function putJump(line: Line, to: Block, next: Block | undefined, at: Position | undefined): void {
	const bare = bareTail(line, to);
	if (bare !== undefined) put(line, bare);
	else if (to !== next) put(line, newOp("jmp", {}, at ?? line.items.at(-1)?.op.at ?? line.at), to);
}

/** Branches to whichever side does not follow. A branch to nothing but a jump to a function is a conditional jump to
 * that function. */
function putBranch(line: Line, end: Block["end"] & { kind: "branch" }, next: Block | undefined): void {
	const { condition, yes, no, at } = end;
	const negate = !isBareTail(line, yes) && (isBareTail(line, no) || yes === next);
	const code = negate ? inverseCode(condition) : condition;
	const [target, other] = negate ? [no, yes] : [yes, no];
	const bare = bareTail(line, target);
	if (bare !== undefined) put(line, { ...bare, mnemonic: "j", condition: code });
	else put(line, newOp("j", { condition: code }, at), target);
	putJump(line, other, next, at);
}

/** The jump that is all of a block, if it can stand for the block where there is no frame to tear down. */
function bareTail(line: Line, block: Block): Op | undefined {
	const { ops, end } = block;
	if (ops.length > 0 || end?.kind !== "tail" || end.op.mnemonic !== "jmp") return undefined;
	const { saved, slots, outside } = line.frame;
	return outside.has(block) || (saved.length === 0 && slots === 0) ? end.op : undefined;
}

function isBareTail(line: Line, block: Block): boolean {
	return bareTail(line, block) !== undefined;
}

/** Whether a table has the block's address, so that nothing else can stand for it. */
function isAddressed(code: Code, block: Block): boolean {
	return code.blocks.some(
		({ end }) =>
			(end?.kind === "table" && end.targets.includes(block)) || (end?.kind === "patched" && end.target === block),
	);
}
