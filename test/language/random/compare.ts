// Random programs that must do under Node what they do on the machine.

import assert from "node:assert/strict";
import fc from "fast-check";
import { differenceOf } from "./difference.ts";
import { randomProgram } from "./program.ts";

/** @throws what fast-check says of the smallest program that differs */
export function comparePrograms(chance: { numRuns: number; seed?: number; endOnFailure?: boolean }): void {
	const arbitrary = fc.record({ seed: fc.integer(), size: fc.integer({ min: 1, max: 5 }) });
	fc.assert(
		fc.property(arbitrary, ({ seed, size }) => {
			assert.deepEqual(differenceOf(randomProgram(seed, size)), undefined);
		}),
		chance,
	);
}
