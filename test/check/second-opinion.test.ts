// The checker agrees with a second opinion on random small scenarios (compare.ts). `npm run opinion` asks about 100,000; OPINIONS
// says how many, OPINION_SEED which.

import { afterAll, describe, expect, test } from "vitest";
import { howMany } from "../extent.ts";
import { BOUND, compareEnds, compareLitmus, compareVerdicts, newCounts } from "./compare.ts";

const COUNT = Number(process.env.OPINIONS ?? howMany(100, 2000));
const seed = Number(process.env.OPINION_SEED ?? 1);
/** How many of a thousand scenarios may be too large for the second opinion. */
const BOUNDED = 80;

describe(`${COUNT} scenarios of seed ${seed}`, () => {
	const counts = newCounts();
	const began = performance.now();

	test("the same is broken", () => compareVerdicts({ numRuns: COUNT - COUNT / 10, seed }, counts));
	test("the same ends are possible", () => compareEnds({ numRuns: COUNT / 10, seed }, counts));

	test("few were too large", () => {
		expect(counts.scenarios).toBe(COUNT);
		expect(counts.bounded).toBeLessThanOrEqual((BOUNDED * COUNT) / 1000);
	});

	afterAll(() => {
		const { scenarios, refused, bounded, states, ends, broken } = counts;
		const seconds = ((performance.now() - began) / 1000).toFixed(0);
		const properties = [...broken].map(([property, count]) => `${property} ${count}`).join(", ");
		console.log(`${scenarios} scenarios of seed ${seed} in ${seconds} s: ${states} states, ${ends} ends asked for
broken: ${properties}; refused: ${refused}; more than ${BOUND} states, so not compared: ${bounded}`);
	});
});

test.each(["ideal", "x86", "x86-tso", "arm-tso", "riscv-tso"])(
	"memory shows all that it may, and nothing else: %s",
	(model) => compareLitmus(model, { numRuns: Math.max(20, COUNT / 20), seed }),
);
