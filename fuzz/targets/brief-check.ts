// A scenario checked with few states: it may be undecided, but it may not crash, and what it found goes again.

import { check, replay, type Scenario, type Verdict } from "../../runtime/check/index.ts";
import { perhaps, Wrong } from "../target.ts";

const BOUNDS = { states: 400, memory: 2 ** 24, units: 64, values: 16, stores: 8 };

export function checkBriefly(scenario: Scenario): Verdict {
	const verdict = check(scenario, { bounds: BOUNDS });
	const shown = verdict.trace ?? verdict.sample;
	if (shown === undefined || !(verdict.verdict === "unsafe" || verdict.verdict === "allowed")) return verdict;
	const again = perhaps(() => replay(JSON.parse(JSON.stringify(verdict))));
	if (JSON.stringify(again) !== JSON.stringify(shown)) throw new Wrong("a counterexample goes another way again");
	return verdict;
}
