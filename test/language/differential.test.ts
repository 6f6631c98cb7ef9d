// Random programs print the same under Node and on the machine (random/difference.ts says how they are compared).

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { everything, howMany } from "../extent.ts";
import { differenceOf } from "./random/difference.ts";
import { randomProgram } from "./random/program.ts";

const RUNS = howMany(30, 2000);

test(`${RUNS} random programs`, () => {
	const arbitrary = fc.record({ seed: fc.integer(), size: fc.integer({ min: 1, max: 5 }) });
	fc.assert(
		fc.property(arbitrary, ({ seed, size }) => {
			expect(differenceOf(randomProgram(seed, size))).toBeUndefined();
		}),
		{ numRuns: RUNS, ...(everything ? {} : { seed: 1 }) },
	);
});
