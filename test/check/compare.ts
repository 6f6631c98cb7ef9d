// What the checker says of random scenarios against a second opinion (second-opinion.ts), and against a model of memory that is
// no machine (random/litmus.ts). Each comparison throws where the two differ, and counts what it compared.

import assert from "node:assert/strict";
import fc from "fast-check";
import { LinkError } from "../../linker/errors.ts";
import { build } from "../../runtime/check/build.ts";
import { check, readScenario, type Scenario } from "../../runtime/check/index.ts";
import { type Property, propertyNames } from "../../runtime/check/properties.ts";
import { readWord } from "../../runtime/machine/words.ts";
import type { System } from "../../runtime/patch/system.ts";
import { litmus, litmusText, namesOf, outcomesOf } from "./random/litmus.ts";
import { cpusOf, sketches, textOf } from "./random/scenario.ts";
import { type Opinion, opinionOf } from "./second-opinion.ts";

/** States that the second opinion may need: it needs many times those of the checker. */
export const BOUND = 1_500;

export interface Counts {
	scenarios: number;
	refused: number;
	/** Scenarios that the second opinion did not finish. */
	bounded: number;
	states: number;
	/** Ends that were asked for. */
	ends: number;
	/** How often each property was broken. */
	readonly broken: Map<string, number>;
}

export function newCounts(): Counts {
	return { scenarios: 0, refused: 0, bounded: 0, states: 0, ends: 0, broken: new Map() };
}

/** So many random scenarios, those of a seed; `endOnFailure`: what fails is not made smaller. */
export interface Chance {
	readonly numRuns: number;
	readonly seed: number;
	readonly endOnFailure?: true;
}

/** Verdicts, with what was seen where nothing broke, and what broke after how many steps where something did. */
export function compareVerdicts(chance: Chance, counts = newCounts()): void {
	const compare = (text: string): void => compareVerdict(readScenario(text, "random.s"), counts);
	fc.assert(
		fc.property(sketches, (sketch) => compare(textOf(sketch))),
		chance,
	);
}

/** In what registers and words scenarios may end: all ends, and whether some are possible while patchers have more to do. */
export function compareEnds(chance: Chance, counts = newCounts()): void {
	const one = fc.property(sketches, (sketch) => {
		const text = (exists?: string): string => textOf({ ...sketch, always: [] }, exists);
		const scenario = (exists?: string): Scenario => readScenario(text(exists), "random.s");
		const cpus = [...Array(cpusOf(sketch)).keys()];
		const registers = [1, 2, 3, 4, 5, 6, 7, 8, 9];
		const names = [...cpus.flatMap((cpu) => registers.map((register) => `${cpu}:r${register}`)), "x", "y", "p"];
		const second = secondOf(scenario(), counts, (system) => valuesOf(system, names));
		if (second?.refuses === true) assert.throws(() => check(scenario()), LinkError);
		else if (second !== undefined) askForEnds(names, second, scenario, counts);
	});
	fc.assert(one, chance);
}

/** In what registers and words litmus tests of data may end, on a model. */
export function compareLitmus(model: string, chance: Chance, counts = newCounts()): void {
	const ordered = !model.endsWith("-tso");
	const one = fc.property(litmus, (threads) => {
		const ends = outcomesOf(threads, ordered);
		const names = namesOf(threads);
		const text = (exists?: string): string => litmusText(threads, model, exists);
		const scenario = (exists?: string): Scenario => readScenario(text(exists), "litmus.s");
		const second = secondOf(scenario(), counts, (system) => valuesOf(system, names));
		if (second !== undefined) assert.deepEqual(new Set([...second.ends].sort()), new Set([...ends].sort()));
		askForEnds(names, { ends, finals: ends }, scenario, counts);
	});
	fc.assert(one, chance);
}

function valuesOf(system: System, names: readonly string[]): string {
	return names.map((name) => valueNamed(system, name)).join();
}

/** The value of a register, `0:r1`, or of a word; undefined where nothing is mapped. */
function valueNamed({ machine, image }: System, name: string): number | undefined {
	const [cpu, register] = name.split(":r");
	if (register !== undefined) return machine.cores[Number(cpu)]!.r[Number(register)]!;
	return readWord(machine, 0, image.symbolNamed(name)!.address);
}

function compareVerdict(scenario: Scenario, counts: Counts): void {
	const second = secondOf(scenario, counts);
	if (second === undefined) return;
	if (second.refuses) {
		assert.throws(() => check(scenario), LinkError);
		return;
	}
	const first = check(scenario);
	const plain = check(scenario, { reductions: { symmetry: false, merge: false } });
	if (second.broken.size === 0) {
		const safe = { verdict: "safe", why: undefined, seen: second.seen };
		for (const { verdict, why, occurred } of [first, plain])
			assert.deepEqual({ verdict, why, seen: new Set(occurred) }, safe);
		return;
	}
	const property = plain.property as Property;
	counts.broken.set(property, (counts.broken.get(property) ?? 0) + 1);
	assert.ok(
		second.broken.has(first.property as Property),
		`${first.verdict} ${first.property}, but not ${brief(second)}`,
	);
	assert.equal(plain.path.length, second.broken.get(property), `${plain.verdict} ${property}, but ${brief(second)}`);
	assert.equal(plain.path.length, Math.min(...second.broken.values()), `${property} first, but ${brief(second)}`);
}

function brief({ broken }: Opinion): string {
	return [...broken].map(([property, steps]) => `${property} after ${steps}`).join(", ");
}

/** @returns undefined when the scenario is refused, by both, or too large */
function secondOf(scenario: Scenario, counts: Counts, view?: (system: System) => string): Opinion | undefined {
	counts.scenarios++;
	const built = build(scenario);
	if ("refused" in built) {
		counts.refused++;
		assert.equal(check(scenario).verdict, "refused");
		return undefined;
	}
	const opinion = opinionOf(built, new Set(scenario.properties ?? propertyNames), BOUND, view);
	counts.states += opinion.states;
	if (!opinion.complete) counts.bounded++;
	return opinion.complete ? opinion : undefined;
}

/** Asks the checker for all that is final, with and without merging, for some of the ends, and for some that are like them and are
 * none.
 * @param names what has the values of an end */
function askForEnds(
	names: readonly string[],
	{ ends, finals }: Pick<Opinion, "ends" | "finals">,
	scenario: (exists: string) => Scenario,
	counts: Counts,
): void {
	const values = [...ends].map((end) => end.split(","));
	const crossed = values.flatMap((end, i) => names.map((_, k) => end.with(k, values[(i + 1) % values.length]![k]!)));
	const zeros = names.map(() => "0");
	const strange = names.map((_, k) => zeros.with(k, "77"));
	// Nothing can be asked about a word that is not mapped.
	const isWhole = (end: string): boolean => !end.split(",").includes("");
	const candidates = [...crossed, ...strange].map(String).filter(isWhole);
	const asked = new Set([...some([...ends].filter(isWhole), 3), ...some(candidates, 3)]);
	for (const [i, end] of [...asked].entries()) {
		counts.ends++;
		const terms = end.split(",").map((value, k) => `${names[k]}=${value}`);
		const options = { outcomes: i < 2, reductions: { symmetry: true, merge: i > 0 } };
		const { verdict, property, outcomes } = check(scenario(terms.join(" & ")), options);
		if (i < 2) {
			const all = outcomes!.map(({ values }) => names.map((name) => values[name]).join());
			assert.deepEqual(all.sort(), [...finals].sort());
		}
		// Where nothing ever ends, the question is empty.
		const none = ends.size === 0 ? "sometimes" : "forbidden";
		assert.equal(property ?? verdict, ends.has(end) ? "allowed" : none, terms.join(" & "));
	}
}

function some<T>(all: readonly T[], count: number): T[] {
	const every = Math.ceil(all.length / count);
	return all.filter((_, i) => i % every === 0);
}
