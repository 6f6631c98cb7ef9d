// A run on a model with a store buffer: stores wait there for as long as the seed says, and are all in memory in the end.

import { describe, expect, test } from "vitest";
import { waiting } from "../../runtime/machine/store-buffer.ts";
import { run, type System } from "../../runtime/patch/index.ts";
import { digestOf, imageOf, modelNamed, systemOf, wordAt } from "../machines.ts";

const ROUNDS = 200;

/** Two CPUs say in round after round that they came, and note whether they saw the other one. */
const rounds = imageOf(`
	.global main, right
	.type main, @function
main:	movi	r10, mine
	movi	r11, yours
	movi	r12, saw0
	jmp	round
	.type right, @function
right:	movi	r10, yours
	movi	r11, mine
	movi	r12, saw1
round:	movi	r1, 1
	movi	r8, 0
again:	st	[r10], r1
	ld	r2, [r11]
	st	[r12], r2
	addi	r10, r10, 4
	addi	r11, r11, 4
	addi	r12, r12, 4
	addi	r8, r8, 1
	cmpi	r8, ${ROUNDS}
	jne	again
	ret
	.data
	.balign 4
mine:	.space ${4 * ROUNDS}
yours:	.space ${4 * ROUNDS}
saw0:	.space ${4 * ROUNDS}
saw1:	.space ${4 * ROUNDS}
`);

function ranOn(model: string, seed: number): System {
	const system = systemOf(rounds, { entries: ["main", "right"], model: modelNamed(model), seed });
	expect(run(system)).toEqual({ kind: "halted" });
	return system;
}

/** Rounds in which neither saw the other. */
function missed(system: System): number {
	const sees = (who: string, round: number): boolean => wordAt(system, who, round) !== 0;
	return Array.from({ length: ROUNDS }, (_, i) => i).filter((i) => !sees("saw0", i) && !sees("saw1", i)).length;
}

const seeds = Array.from({ length: 20 }, (_, i) => i + 1);

describe.each(["x86-tso", "arm-tso"])("on %s", (model) => {
	test("two CPUs may miss each other", () => {
		expect(seeds.some((seed) => missed(ranOn(model, seed)) > 0)).toBe(true);
	});

	test("the same seed does the same", () => {
		for (const seed of seeds.slice(0, 3))
			expect(digestOf(ranOn(model, seed).machine)).toBe(digestOf(ranOn(model, seed).machine));
	});

	test("no store waits when all have halted", () => {
		const system = ranOn(model, 1);
		expect([0, 1].map((cpu) => waiting(system.machine, cpu))).toEqual([0, 0]);
		for (const who of ["mine", "yours"]) expect(wordAt(system, who, ROUNDS - 1)).toBe(1);
	});
});

test("without a buffer they never do", () => {
	for (const seed of seeds) expect(missed(ranOn("x86", seed))).toBe(0);
});
