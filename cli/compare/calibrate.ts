// From measured loops to a cost profile. The empty loop is taken for one cycle an iteration, as it is on all processors of
// the last decade; what a way to call takes more is what its instructions cost.

import { type CostProfile, TICKS_PER_CYCLE } from "../../runtime/machine/index.ts";
import type { Loop } from "./native-benchmark.ts";

/** Nanoseconds per iteration. */
export type Timings = Readonly<Record<Loop, number>>;

/** Cycles that a loop takes more than the empty one. */
export function cyclesOf(timings: Timings, loop: Loop): number {
	return (timings[loop] - timings.empty) / timings.empty;
}

/** What the profile says that a loop takes more than the empty one; undefined where it says nothing. */
export function cyclesIn({ cycles, mispredict }: CostProfile, loop: Loop): number | undefined {
	const call = cycles.call + cycles.return;
	switch (loop) {
		case "empty":
			return 0;
		case "direct":
		case "retargeted":
			return call;
		case "nothing (null)":
			return cycles.nop;
		case "trampoline":
			return call + cycles.jump;
		case "FFP pointer":
			return cycles.indirect + cycles.return;
		case "retpoline":
			return cycles.load + 2 * cycles.call + cycles.store + cycles.return + mispredict;
		case "random pointer":
			return cycles.load + cycles.indirect + cycles.return + mispredict / 2;
	}
}

/** The base with its costs of calls as they were measured; the rest stays. */
export function calibrated(base: CostProfile, timings: Timings, processor: string): CostProfile {
	const of = (loop: Loop) => cyclesOf(timings, loop);
	const call = ticks(of("direct") / 2);
	const jump = ticks(of("trampoline") - of("direct"));
	const indirect = ticks(of("FFP pointer") - call);
	const mispredict = ticks(of("retpoline") - base.cycles.load - base.cycles.store - 3 * call);
	return {
		...base,
		name: "measured",
		source: `patchbay bench-native on ${processor}: ${timings.empty.toFixed(3)} ns per cycle; what is not about calls is of ${base.name}`,
		cycles: { ...base.cycles, call, return: call, jump, indirect, nop: ticks(of("nothing (null)")) },
		mispredict,
	};
}

/** Clocks count in these; nothing takes no time. */
function ticks(cycles: number): number {
	return Math.max(1, Math.round(cycles * TICKS_PER_CYCLE)) / TICKS_PER_CYCLE;
}
