// The shape of the control flow, tidied: jumps to jumps, jumps to returns, blocks that nothing reaches, and calls that
// are the last thing a function does.

import { asTail } from "./calls.ts";
import { type Block, type Code, type End, successors } from "./code.ts";

/** Requires: every reachable block has an end. After: no block is unreachable or only a jump; a call before a return
 * without a value is a tail call. */
export function tidyFlow(code: Code): void {
	for (const block of code.blocks) block.end = shortened(block.end);
	for (const block of code.blocks) makeTailCall(block);
	const reached = reachable(code.blocks[0]!);
	code.blocks = code.blocks.filter((block) => reached.has(block));
}

/** The end with every target that only jumps on replaced by where that leads. */
function shortened(end: End | undefined): End | undefined {
	switch (end?.kind) {
		case "jump": {
			const to = destination(end.to);
			return to.ops.length === 0 && to.end?.kind === "return" ? to.end : { ...end, to };
		}
		case "branch": {
			const [yes, no] = [destination(end.yes), destination(end.no)];
			return yes === no ? { kind: "jump", to: yes } : { ...end, yes, no };
		}
		case "patched": {
			const [next, target] = [destination(end.next), destination(end.target)];
			return next === target ? { kind: "jump", to: next } : { ...end, next, target };
		}
		case "table":
			return { ...end, targets: end.targets.map(destination) };
		default:
			return end;
	}
}

/** Where control is after the empty blocks that begin here. A loop of nothing stays one. */
function destination(block: Block): Block {
	const seen = new Set<Block>();
	let at = block;
	while (at.ops.length === 0 && at.end?.kind === "jump" && !seen.has(at)) {
		seen.add(at);
		at = at.end.to;
	}
	return at;
}

function makeTailCall(block: Block): void {
	const last = block.ops.at(-1);
	if (last === undefined || block.end?.kind !== "return" || block.end.reads.length > 0) return;
	if ((last.mnemonic !== "call" && last.mnemonic !== "callm") || last.paravirt !== undefined || last.passed > 0) return;
	block.ops.pop();
	block.end = { kind: "tail", op: asTail(last) };
}

function reachable(entry: Block, follow = successors): Set<Block> {
	const reached = new Set([entry]);
	for (const block of reached) for (const next of follow(block)) reached.add(next);
	return reached;
}

/** After: what only the unexpected ways of static keys lead to stands behind everything else. */
export function moveUnexpected(code: Code): void {
	const expected = reachable(code.blocks[0]!, (block) =>
		block.end?.kind === "patched" ? [block.end.next] : successors(block),
	);
	const aside = code.blocks.filter((block) => !expected.has(block));
	code.blocks = [...code.blocks.filter((block) => expected.has(block)), ...aside];
}
