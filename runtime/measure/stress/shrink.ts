// Shortens a case that fails: it is run again with calls left out until none can be.

import type { Methods } from "../../execmem/pieces.ts";
import type { StressCall, StressCase } from "./case.ts";
import { runStress } from "./run.ts";

/** Makes a case that fails as short as it can be: halves, quarters and so on are left out as long as it still fails. Of what is
 * returned no single call can be left out. */
export function minimise(one: StressCase, methods: Partial<Methods> = {}): StressCase {
	const going = minimising(one, methods);
	for (;;) {
		const { done, value } = going.next();
		if (done) return value;
	}
}

/** The same step by step: yields the shortest case so far after each that is tried, so that one can stop there. */
export function* minimising(one: StressCase, methods: Partial<Methods> = {}): Generator<StressCase, StressCase> {
	let { calls } = one;
	for (let size = calls.length; size > 0; ) {
		const shorter = yield* leaveOut({ ...one, calls }, size, methods);
		if (shorter === undefined) size = size === 1 ? 0 : Math.ceil(size / 2);
		else {
			calls = shorter;
			yield { ...one, calls };
		}
	}
	return { ...one, calls };
}

/** Without so many of the calls, and without those after the failure; undefined when it does not fail then. */
function* leaveOut(
	one: StressCase,
	size: number,
	methods: Partial<Methods>,
): Generator<StressCase, readonly StressCall[] | undefined> {
	const { calls } = one;
	for (let end = calls.length; end > 0; end -= size) {
		const rest = calls.toSpliced(Math.max(0, end - size), Math.min(size, end));
		const { failure } = runStress({ ...one, calls: rest }, methods);
		if (failure !== undefined) return rest.slice(0, failure.at + 1);
		yield one;
	}
	return undefined;
}
