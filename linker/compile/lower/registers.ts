// Register allocation by graph colouring: registers that are in use at the same time get different colours, those that
// are moved to each other the same one if possible. What does not fit lives on the stack. docs/algorithms.md has a picture.
//
// Requires: tidyFlow. After: only the machine's registers are left; `sp+0 .. sp+4*slots` is the function's to use, below all
// else the arguments of its calls.

import { SP } from "../../isa/index.ts";
import { type Code, calleeSaved, callerSaved, FIRST_VIRTUAL, newOp, type Op, type Register, roles } from "./code.ts";
import { findInterference, type Interference } from "./interference.ts";

export interface Saved {
	/** Registers that the caller wants back as they were. */
	readonly saved: readonly Register[];
	/** Words on the stack. */
	readonly slots: number;
}

const usable = [...callerSaved, ...calleeSaved];
const usableMask = usable.reduce((mask, register) => mask | (1 << register), 0);

export function allocateRegisters(code: Code): Saved {
	const onStack = new Map<Register, number>();
	const temporaries = new Set<Register>();
	for (;;) {
		const graph = findInterference(code);
		const { colours, spilled } = colour(graph, temporaries);
		if (spilled.length === 0) return settle(code, colours, code.outgoing + onStack.size);
		for (const register of spilled) {
			if (!recompute(code, register, temporaries)) {
				onStack.set(register, code.outgoing + onStack.size);
				spill(code, register, onStack.get(register)! * 4, temporaries);
			}
		}
	}
}

interface Colouring {
	readonly colours: Int8Array;
	readonly spilled: readonly Register[];
}

function colour(graph: Interference, temporaries: ReadonlySet<Register>): Colouring {
	const colours = new Int8Array(graph.weights.length).fill(-1);
	for (let register = 0; register < FIRST_VIRTUAL; register++) colours[register] = register;
	const spilled: Register[] = [];
	for (const register of removalOrder(graph, temporaries).reverse()) {
		const free = freeColours(graph, colours, register);
		if (free === 0) spilled.push(register);
		else colours[register] = choose(graph, colours, register, free);
	}
	return { colours, spilled };
}

const countBits = (mask: number): number => (mask === 0 ? 0 : 1 + countBits(mask & (mask - 1)));

/** Registers in an order such that each, when it was taken out of the graph, had a colour to spare for it (or was the
 * cheapest to do without). Colouring goes the other way. */
function removalOrder(graph: Interference, temporaries: ReadonlySet<Register>): Register[] {
	const { neighbours, forbidden, weights } = graph;
	const degrees = neighbours.map((row, register) => row.size + countBits(forbidden[register]! & usableMask));
	const left = new Set<Register>();
	for (let register = FIRST_VIRTUAL; register < weights.length; register++)
		if (weights[register]! > 0) left.add(register);
	const easy = [...left].filter((register) => degrees[register]! < usable.length);
	easy.sort((a, b) => weights[b]! - weights[a]!);
	const order: Register[] = [];
	while (left.size > 0) {
		const register = easy.pop() ?? cheapest(left, graph, temporaries);
		if (!left.delete(register)) continue;
		order.push(register);
		for (const other of neighbours[register]!)
			if (left.has(other) && --degrees[other]! === usable.length - 1) easy.push(other);
	}
	return order;
}

/** The register that is used least for how long it is needed: on the stack it frees most. */
function cheapest(left: ReadonlySet<Register>, graph: Interference, temporaries: ReadonlySet<Register>): Register {
	let best = -1;
	let bestCost = Number.POSITIVE_INFINITY;
	for (const register of left) {
		const cost = temporaries.has(register) ? Number.MAX_VALUE : graph.weights[register]! / graph.areas[register]!;
		if (cost < bestCost) [best, bestCost] = [register, cost];
	}
	return best;
}

function freeColours({ neighbours, forbidden }: Interference, colours: Int8Array, register: Register): number {
	let free = usableMask & ~forbidden[register]!;
	for (const other of neighbours[register]!) if (colours[other]! >= 0) free &= ~(1 << colours[other]!);
	return free;
}

/** The colour of what it is moved to or from most often; else one that no neighbour would like to have. */
function choose(graph: Interference, colours: Int8Array, register: Register, free: number): number {
	const liked = likedColour(graph, colours, register, free);
	if (liked !== undefined) return liked;
	let disputed = 0;
	for (const other of graph.neighbours[register]!)
		if (colours[other]! < 0) for (const move of graph.moves[other]!) disputed |= bitOf(colours[move.other]!);
	const calm = free & ~disputed;
	return 31 - Math.clz32(lowestBit(calm !== 0 && (calm & callerMask) !== 0 ? calm : free));
}

const callerMask = callerSaved.reduce((mask, register) => mask | (1 << register), 0);
const bitOf = (colour: number) => (colour < 0 ? 0 : 1 << colour);
const lowestBit = (mask: number) => mask & -mask;

/** @returns the colour with the most moves to gain, less those that a neighbour would lose by it */
function likedColour(graph: Interference, colours: Int8Array, register: Register, free: number): number | undefined {
	const { moves, neighbours, forbidden } = graph;
	const votes = new Map<number, number>();
	const vote = (colour: number, weight: number) => {
		if ((free & bitOf(colour)) !== 0) votes.set(colour, (votes.get(colour) ?? 0) + weight);
	};
	for (const { other, weight } of moves[register]!) {
		if (colours[other]! >= 0) vote(colours[other]!, weight);
		else for (const next of moves[other]!) vote(colours[next.other]!, Math.min(weight, next.weight) / 2);
	}
	if (votes.size === 0) return undefined;
	for (const other of neighbours[register]!)
		if (colours[other]! < 0)
			for (const move of moves[other]!)
				if ((bitOf(colours[move.other]!) & ~forbidden[other]!) !== 0) vote(colours[move.other]!, -move.weight);
	const [best] = [...votes].sort((a, b) => b[1] - a[1]);
	return best !== undefined && best[1] > 0 ? best[0] : undefined;
}

/** Puts colours in place of virtual registers, which leaves some moves without effect. */
function settle(code: Code, colours: Int8Array, slots: number): Saved {
	const used = new Set<Register>();
	for (const block of code.blocks) {
		for (const op of block.ops) {
			const { defines, uses } = roles(op.mnemonic);
			for (const field of defines ? (["a", ...uses] as const) : uses) {
				op[field] = colours[op[field]]!;
				used.add(op[field]);
			}
		}
		block.ops = block.ops.filter(({ mnemonic, a, b }) => mnemonic !== "mov" || a !== b);
	}
	return { saved: calleeSaved.filter((register) => used.has(register)), slots };
}

/** Replaces every read and write of the register by one of a slot on the stack. What an instruction has just read or
 * written is still at hand for the next one. */
function spill(code: Code, register: Register, imm: number, temporaries: Set<Register>): void {
	for (const block of code.blocks) {
		let atHand: Register | undefined;
		block.ops = block.ops.flatMap((op) => {
			const { defines, uses } = roles(op.mnemonic);
			const reads = uses.some((field) => op[field] === register);
			const writes = defines && op.a === register;
			const held = atHand;
			atHand = undefined;
			if (!reads && !writes) return [op];
			if (op.mnemonic === "mov" && !reads) return [newOp("st", { a: op.b, b: SP, imm }, op.at)];
			if (op.mnemonic === "mov" && !writes && held === undefined) return [newOp("ld", { a: op.a, b: SP, imm }, op.at)];
			atHand = held ?? newTemporary(code, temporaries);
			replace(op, register, atHand);
			const load = newOp("ld", { a: atHand, b: SP, imm }, op.at);
			const store = newOp("st", { a: atHand, b: SP, imm }, op.at);
			return [...(reads && held === undefined ? [load] : []), op, ...(writes ? [store] : [])];
		});
	}
}

/** A register that only ever holds one constant is not kept but loaded anew for each use.
 * @returns whether it is such a register */
function recompute(code: Code, register: Register, temporaries: Set<Register>): boolean {
	const writes = code.blocks.flatMap(({ ops }) => ops.filter((op) => roles(op.mnemonic).defines && op.a === register));
	const [only] = writes;
	if (only === undefined || writes.length > 1 || only.mnemonic !== "movi") return false;
	rewrite(code, (op) => {
		if (op === only) return [];
		if (!roles(op.mnemonic).uses.some((field) => op[field] === register)) return [op];
		const temporary = newTemporary(code, temporaries);
		replace(op, register, temporary);
		return [{ ...only, a: temporary, at: op.at }, op];
	});
	return true;
}

function newTemporary(code: Code, temporaries: Set<Register>): Register {
	temporaries.add(code.registers);
	return code.registers++;
}

function rewrite(code: Code, each: (op: Op) => readonly Op[]): void {
	for (const block of code.blocks) block.ops = block.ops.flatMap(each);
}

function replace(op: Op, register: Register, by: Register): void {
	const { defines, uses } = roles(op.mnemonic);
	for (const field of defines ? (["a", ...uses] as const) : uses) if (op[field] === register) op[field] = by;
}
