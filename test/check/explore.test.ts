// The explorer on graphs that are drawn by hand or by chance, against a search that is too simple to be wrong; and the rows
// that it keeps of a system: nothing that matters is outside of them.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Built, build } from "../../runtime/check/build.ts";
import { explore, type Space } from "../../runtime/check/explore.ts";
import { Grown, newFootprint, type Shape, shapeOf } from "../../runtime/check/footprint.ts";
import { readScenario } from "../../runtime/check/header.ts";
import { propertyNames } from "../../runtime/check/properties.ts";
import { pack, unpack } from "../../runtime/check/rows.ts";
import { type MachineSpace, machineSpace } from "../../runtime/check/space.ts";

const enough = { states: 1e6, memory: 2 ** 30 };

/** Node i has the steps `next[i]`; a step to `bad` breaks 7. */
interface Graph {
	readonly next: readonly (readonly number[])[];
	readonly bad?: number;
	readonly goal?: ReadonlySet<number>;
}

/** @param words of node i */
function spaceOf({ next, bad, goal }: Graph, words: (node: number) => readonly number[] = (node) => [node]): Space {
	const nodes = new Map(next.map((_, node) => [words(node).join(), node]));
	const nodeOf = (state: Int32Array): number => nodes.get([...state].join())!;
	return {
		width: words(0).length,
		initial(state) {
			state.set(words(0));
			return undefined;
		},
		expand(state, after, emit) {
			for (const to of next[nodeOf(state)]!) {
				after.set(words(to));
				emit(to === bad ? 7 : undefined);
			}
		},
		...(goal !== undefined && { goal: { fault: 9, reached: (state) => goal.has(nodeOf(state)) } }),
	};
}

/** Steps from node 0 to every node that can be reached. */
function distances(next: Graph["next"]): Map<number, number> {
	const found = new Map([[0, 0]]);
	for (const [node, distance] of found) for (const to of next[node]!) if (!found.has(to)) found.set(to, distance + 1);
	return found;
}

const graph = fc
	.integer({ min: 1, max: 30 })
	.chain((nodes) => fc.array(fc.array(fc.nat(nodes - 1), { maxLength: 3 }), { minLength: nodes, maxLength: nodes }));

describe("explore", () => {
	test("finds every state once, and how far away the last is", () => {
		fc.assert(
			fc.property(graph, (next) => {
				const { verdict, states, steps, depth } = explore(spaceOf({ next }), enough);
				const all = distances(next);
				const taken = [...all.keys()].reduce((sum, node) => sum + next[node]!.length, 0);
				expect({ verdict, states, steps, depth }).toEqual({
					verdict: "safe",
					states: all.size,
					steps: taken,
					depth: Math.max(...all.values()),
				});
			}),
		);
	});

	test("finds a shortest way to what is broken, and the way leads there", () => {
		fc.assert(
			fc.property(graph, fc.nat(29), (next, bad) => {
				fc.pre(bad > 0);
				const { verdict, fault, path } = explore(spaceOf({ next, bad }), enough);
				const distance = distances(next).get(bad);
				expect(verdict).toBe(distance === undefined ? "safe" : "unsafe");
				if (distance === undefined) return;
				expect(fault).toBe(7);
				expect(path.length).toBe(distance);
				expect(path.reduce((node, ordinal) => next[node]![ordinal]!, 0)).toBe(bad);
			}),
		);
	});

	test("finds a state from which no goal can be reached", () => {
		fc.assert(
			fc.property(graph, fc.nat(29), (next, target) => {
				const { verdict, fault, path } = explore(spaceOf({ next, goal: new Set([target]) }), enough);
				const reaches = (from: number): boolean => {
					const seen = new Set([from]);
					for (const node of seen) for (const to of next[node]!) seen.add(to);
					return seen.has(target);
				};
				const stuck = [...distances(next)].filter(([node]) => !reaches(node));
				expect(verdict).toBe(stuck.length === 0 ? "safe" : "unsafe");
				if (stuck.length === 0) return;
				expect(fault).toBe(9);
				expect(reaches(path.reduce((node, ordinal) => next[node]![ordinal]!, 0))).toBe(false);
				expect(path.length).toBe(Math.min(...stuck.map(([, distance]) => distance)));
			}),
		);
	});

	const chain = Array.from({ length: 20_000 }, (_, node) => (node < 19_999 ? [node + 1] : []));

	test("goes on through many blocks and a growing index", () => {
		expect(explore(spaceOf({ next: chain }), enough)).toMatchObject({ verdict: "safe", states: 20_000, depth: 19_999 });
	});

	test("keeps states apart whose hashes are the same", () => {
		// What the hash makes of a first word, so that the second can undo it.
		const mixed = (word: number): number => {
			const product = Math.imul((0x9e3779b9 | 0) ^ word, 0x85ebca6b);
			return product ^ (product >>> 15);
		};
		const words = (node: number): number[] => [node, mixed(node) ^ 0x1234];
		const next = chain.slice(0, 1000).map((to, node) => (node < 999 ? to : [0]));
		expect(explore(spaceOf({ next }, words), enough)).toMatchObject({ verdict: "safe", states: 1000, depth: 999 });
	});

	test("says which bound it hit", () => {
		const few = explore(spaceOf({ next: chain }), { ...enough, states: 100 });
		expect(few).toMatchObject({ verdict: "undecided", states: 101, bound: "100 states" });
		const small = explore(spaceOf({ next: chain }), { ...enough, memory: 1000 });
		expect(small).toMatchObject({ verdict: "undecided", bound: "1000 bytes of memory" });
	});
});

/** A scenario with everything that a row can hold of it, and its first states. */
function rowsOf(file: string, model: string): { shape: Shape; space: MachineSpace; rows: Int32Array[] } {
	const path = fileURLToPath(new URL(`../../fixtures/check/${file}`, import.meta.url));
	const built = build({ ...readScenario(readFileSync(path, "utf8"), file), model }) as Built;
	const footprint = newFootprint();
	for (;;) {
		try {
			const space = machineSpace(built, footprint, { symmetry: false, merge: false }, new Set(propertyNames));
			const rows = firstRows(space, 400);
			return { shape: shapeOf(built.system, footprint, built.stacks, built.start, built.redzone, false), space, rows };
		} catch (error) {
			if (!(error instanceof Grown)) throw error;
		}
	}
}

/** So many states, in the order in which they are found, whose successors have been looked at too. */
function firstRows(space: MachineSpace, most: number): Int32Array[] {
	const first = new Int32Array(space.width);
	space.initial(first);
	const found = new Set([first.join()]);
	const rows: Int32Array[] = [first];
	for (let i = 0; i < rows.length && i < most; i++) {
		for (const after of successors(space, rows[i]!)) {
			if (found.has(after.join())) continue;
			found.add(after.join());
			rows.push(after);
		}
	}
	return rows.slice(0, most);
}

function successors(space: MachineSpace, row: Int32Array): Int32Array[] {
	const next = new Int32Array(space.width);
	const all: Int32Array[] = [];
	space.expand(row, next, (fault) => {
		if (fault === undefined) all.push(next.slice());
	});
	return all;
}

describe.each([
	["text-poke.s", "x86"],
	["text-poke.s", "arm"],
	["text-poke.s", "x86-tso"],
	["claims/c-written-then-mapped.s", "arm"],
	["claims/e-imb-everywhere.s", "alpha"],
	["museum/red-zone-fixed.s", "riscv"],
	["museum/permissions-by-hand-fixed.s", "arm"],
	["litmus/fow.s", "arm-tso"],
])("rows of %s on %s", (file, model) => {
	const { shape, space, rows } = rowsOf(file, model);
	const some = fc.nat(rows.length - 1);

	test("come out as they went in, whatever was there before", () => {
		const row = new Int32Array(space.width);
		fc.assert(
			fc.property(some, some, (before, kept) => {
				unpack(shape, rows[before]!);
				unpack(shape, rows[kept]!);
				pack(shape, row);
				expect(row.join()).toBe(rows[kept]!.join());
			}),
		);
	});

	test("are all that decides what follows", () => {
		fc.assert(
			fc.property(some, some, (one, other) => {
				const expected = successors(space, rows[one]!).join("|");
				successors(space, rows[other]!);
				expect(successors(space, rows[one]!).join("|")).toBe(expected);
			}),
		);
	});
});
