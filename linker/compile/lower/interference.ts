// Which registers may not be the same, because both hold a value that is still needed, and which would like to be,
// because one is moved to the other.

import { type Code, FIRST_VIRTUAL, type Op, type Register, roles } from "./code.ts";
import { eachLive, findLiveness, isDead, type Live, step } from "./liveness.ts";

export interface Move {
	readonly other: Register;
	readonly weight: number;
}

/** Rows are indexed by register; those of the machine's registers stay empty. */
export interface Interference {
	/** Virtual registers. */
	readonly neighbours: readonly Set<Register>[];
	/** Bits of the machine's registers. */
	readonly forbidden: Uint16Array;
	readonly moves: readonly Move[][];
	/** How often a register is read or written, with loops counted tenfold. */
	readonly weights: Float64Array;
	/** Over how many instructions its value is needed, counted likewise. */
	readonly areas: Float64Array;
}

/** Removes, on the way, instructions whose value nobody reads. */
export function findInterference(code: Code): Interference {
	const rows = <T>(make: () => T) => Array.from({ length: code.registers }, make);
	const graph: Interference = {
		neighbours: rows(() => new Set<Register>()),
		forbidden: new Uint16Array(code.registers),
		moves: rows((): Move[] => []),
		weights: new Float64Array(code.registers),
		areas: new Float64Array(code.registers),
	};
	const { out } = findLiveness(code);
	for (const block of code.blocks) {
		const live = out.get(block)!;
		const weight = 10 ** Math.min(block.depth, 6);
		const kept = block.ops.toReversed().filter((op) => {
			if (isDead(live, op)) return false;
			note(graph, op, live, weight);
			step(live, op);
			eachLive(live, (register) => {
				graph.areas[register]! += weight;
			});
			return true;
		});
		block.ops = kept.reverse();
	}
	return graph;
}

function note(graph: Interference, op: Op, live: Live, weight: number): void {
	const { defines, uses } = roles(op.mnemonic);
	const isMove = op.mnemonic === "mov";
	if (isMove) noteMove(graph, op.a, op.b, weight);
	if (defines) {
		graph.weights[op.a]! += weight;
		eachLive(live, (other) => {
			if (!isMove || other !== op.b) noteConflict(graph, op.a, other);
		});
	}
	for (const register of op.writes) eachLive(live, (other) => noteConflict(graph, register, other));
	for (const field of uses) graph.weights[op[field]]! += weight;
}

function noteMove({ moves }: Interference, a: Register, b: Register, weight: number): void {
	moves[a]!.push({ other: b, weight });
	moves[b]!.push({ other: a, weight });
}

const isVirtual = (register: Register) => register >= FIRST_VIRTUAL;

function noteConflict({ neighbours, forbidden }: Interference, a: Register, b: Register): void {
	if (a === b) return;
	if (isVirtual(a) && isVirtual(b)) {
		neighbours[a]!.add(b);
		neighbours[b]!.add(a);
	} else if (isVirtual(a)) forbidden[a]! |= 1 << b;
	else if (isVirtual(b)) forbidden[b]! |= 1 << a;
}
