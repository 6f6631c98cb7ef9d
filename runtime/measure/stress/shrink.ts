// Makes a case that fails as short as it can be: it is run again with calls left out until none can be.

import type { Methods } from "../../execmem/pieces.ts";
import type { StressCall, StressCase } from "./case.ts";
import { runStress } from "./run.ts";

/** The same case with as few calls as fail: halves, quarters and so on are left out as long as it still fails. Of what is
 * returned no single call can be left out. @param progress told how many calls are left */
export function minimise(
	one: StressCase,
	methods: Partial<Methods> = {},
	progress?: (left: number) => void,
): StressCase {
	let { calls } = one;
	for (let size = calls.length; size > 0; ) {
		const shorter = leaveOut(one, calls, size, methods);
		if (shorter === undefined) size = size === 1 ? 0 : Math.ceil(size / 2);
		else calls = shorter;
		progress?.(calls.length);
	}
	return { ...one, calls };
}

/** Without so many of the calls, and without those after the failure; undefined when it does not fail then. */
function leaveOut(
	one: StressCase,
	calls: readonly StressCall[],
	size: number,
	methods: Partial<Methods>,
): readonly StressCall[] | undefined {
	for (let end = calls.length; end > 0; end -= size) {
		const rest = calls.toSpliced(Math.max(0, end - size), Math.min(size, end));
		const { failure } = runStress({ ...one, calls: rest }, methods);
		if (failure !== undefined) return rest.slice(0, failure.at + 1);
	}
	return undefined;
}
