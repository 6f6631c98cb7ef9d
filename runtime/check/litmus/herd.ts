// The ends of a litmus test as herd7 prints them. Where herd7 counts executions, these are final states of the machine.

import { ArgumentError } from "../../../linker/errors.ts";
import { build } from "../build.ts";
import type { Verdict } from "../check.ts";
import { type Condition, waysOf } from "../condition.ts";
import { numberOf } from "../steps.ts";
import type { LitmusScenario } from "./scenario.ts";

/** @param verdict of the scenario of the test, with all outcomes
 * @returns lines `Test`, `States`, the values of each end, `Witnesses` and `Observation`
 * @throws ArgumentError when the verdict has no outcomes */
export function herdText(test: LitmusScenario, { outcomes }: Verdict): string {
	if (outcomes === undefined) throw new ArgumentError("a verdict without outcomes says nothing of the ends of a test");
	const { litmus, places } = test;
	const { quantifier = "forall", condition = { kind: "and", of: [] } as Condition, text = "true" } = litmus.asks ?? {};
	const nameOf = valueNames(test);
	const ends = outcomes.map(({ values, states }) => ({
		states,
		values: new Map(
			[...places].map(([own, place]) => [place, values[own] === undefined ? "?" : nameOf(values[own]!)] as const),
		),
	}));
	const ways = waysOf(condition, litmus.name);
	const holds = (values: ReadonlyMap<string, string>): boolean =>
		ways.some((way) => way.every(({ place, value, not }) => (values.get(bare(place)) === spelled(value)) !== not));
	const count = (wanted: boolean): number =>
		ends.reduce((sum, { states, values }) => sum + (holds(values) === wanted ? states : 0), 0);
	const [positive, negative] = [count(true), count(false)];
	const isOk = quantifier === "exists" ? positive > 0 : quantifier === "forall" ? negative === 0 : positive === 0;
	const kind = quantifier === "exists" ? "Allowed" : quantifier === "forall" ? "Required" : "Forbidden";
	return [
		`Test ${litmus.name} ${kind}`,
		`States ${ends.length}`,
		...ends.map(({ values }) => [...values].map(([place, value]) => `${place}=${value};`).join(" ")),
		isOk ? "Ok" : "No",
		"Witnesses",
		`Positive: ${positive} Negative: ${negative}`,
		`Condition ${quantifier} ${text}`,
		`Observation ${litmus.name} ${positive === 0 ? "Never" : negative === 0 ? "Always" : "Sometimes"} ${positive} ${negative}`,
		"",
	].join("\n");
}

/** What a test calls a word: an instruction, a place or a number. */
export function valueNames({ scenario, values }: LitmusScenario): (value: number) => string {
	const built = build(scenario);
	if ("refused" in built) throw new ArgumentError(built.refused);
	const names = new Map(
		[...values].map(([place, name]) => [numberOf(place, built.system.image, scenario.name) | 0, name] as const),
	);
	return (value) => names.get(value) ?? String(value);
}

function bare(place: string): string {
	return place.replace(/[[\]]/g, "");
}

/** One spelling for all ways to write a value. */
function spelled(value: string): string {
	const label = /^label:"(.*)"$/.exec(value);
	if (label !== null) return label[1]!;
	if (/^NOP$/i.test(value)) return 'instr:"NOP"';
	return /^(?:0x[0-9a-f]+|\d+)$/i.test(value) ? String(Number(value) | 0) : value;
}
