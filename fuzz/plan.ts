// Which batch is about what: a function of the seed and the batch's number alone, so that a campaign can be gone again.

import { randomFrom } from "../runtime/measure/index.ts";
import type { Target } from "./target.ts";

/** @param only names of targets; all, if undefined */
export function batchAt(
	targets: readonly Target[],
	seed: number,
	batch: number,
	only: readonly string[] | undefined,
): { readonly target: Target; readonly seed: number } {
	const random = randomFrom(Math.imul(seed, 0x01000193) ^ batch);
	for (let i = 0; i < 8; i++) random(2);
	const chosen = only === undefined ? targets : targets.filter(({ name }) => only.includes(name));
	let place = random(chosen.reduce((sum, { weight }) => sum + weight, 0));
	const target = chosen.find(({ weight }) => (place -= weight) < 0)!;
	return { target, seed: random(2 ** 31 - 1) };
}
