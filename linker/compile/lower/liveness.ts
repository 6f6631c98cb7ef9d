// Which registers hold values that are still needed, and where.

import { type Block, type Code, endReads, type Op, type Register, roles, successors } from "./code.ts";

/** A set of registers as bits. */
export type Live = Uint32Array;

export const has = (live: Live, register: Register) => ((live[register >> 5]! >>> (register & 31)) & 1) !== 0;
const add = (live: Live, register: Register) => {
	live[register >> 5]! |= 1 << (register & 31);
};
const drop = (live: Live, register: Register) => {
	live[register >> 5]! &= ~(1 << (register & 31));
};

export interface Liveness {
	/** Live when a block's end is about to be carried out. */
	readonly out: ReadonlyMap<Block, Live>;
}

/** Backwards through the blocks until nothing changes. */
export function findLiveness(code: Code): Liveness {
	const words = (code.registers + 31) >> 5;
	const input = new Map<Block, Live>(code.blocks.map((block) => [block, new Uint32Array(words)]));
	const out = new Map<Block, Live>();
	for (let changed = true; changed; ) {
		changed = false;
		for (const block of code.blocks.toReversed()) {
			const live = new Uint32Array(words);
			for (const next of successors(block)) unite(live, input.get(next)!);
			for (const register of endReads(block)) add(live, register);
			out.set(block, live.slice());
			for (const op of block.ops.toReversed()) step(live, op);
			changed = unite(input.get(block)!, live) || changed;
		}
	}
	return { out };
}

function unite(into: Live, from: Live): boolean {
	let grew = false;
	for (let i = 0; i < into.length; i++) {
		const all = into[i]! | from[i]!;
		if (all >>> 0 !== into[i]) grew = true;
		into[i] = all;
	}
	return grew;
}

/** From what is live after an instruction to what is live before it. */
export function step(live: Live, op: Op): void {
	const { defines, uses } = roles(op.mnemonic);
	for (const register of op.writes) drop(live, register);
	if (defines) drop(live, op.a);
	for (const field of uses) add(live, op[field]);
	for (const register of op.reads) add(live, register);
}

/** An instruction whose only effect is a value that nobody reads. */
export function isDead(live: Live, op: Op): boolean {
	return roles(op.mnemonic).pure && !has(live, op.a);
}

export function eachLive(live: Live, visit: (register: Register) => void): void {
	for (let word = 0; word < live.length; word++) {
		for (let bits = live[word]!; bits !== 0; bits &= bits - 1) visit(word * 32 + 31 - Math.clz32(bits & -bits));
	}
}
