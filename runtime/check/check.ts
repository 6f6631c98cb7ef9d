// From a scenario to a verdict: `safe` with the number of states, `unsafe` with a shortest counterexample, `undecided` with
// the bound that was hit, `refused` where the patcher itself says no.

import { LinkError } from "../../linker/errors.ts";
import type { System } from "../patch/system.ts";
import { assumptionsOf } from "./assumptions.ts";
import { type Built, build, defaultRoom, type Room } from "./build.ts";
import { unexercised } from "./coverage.ts";
import {
	type Bounds,
	beginSearch,
	type Exploration,
	explore,
	givenUp,
	type Path,
	REPORT_EVERY,
	type Search,
	searchOn,
} from "./explore.ts";
import { Grown, newFootprint } from "./footprint.ts";
import { type Ends, newEnds, type Outcome, outcomesOf } from "./outcomes.ts";
import { type Property, properties, propertyNames } from "./properties.ts";
import { type Expectation, modelOf, type Scenario } from "./scenario.ts";
import { faults, type MachineSpace, machineSpace, OVER, type Reductions, WANTED } from "./space.ts";
import { Unfounded } from "./stack-use.ts";
import { type TraceStep, traceOf, walk } from "./trace.ts";

/** What `schema` is in the JSON of a verdict. */
export const VERDICT_SCHEMA = "patchbay/verdict@1";

/** How far a check goes, and what it tells besides the verdict. */
export interface CheckOptions {
	readonly bounds?: Partial<Bounds & Room>;
	readonly reductions?: Partial<Reductions>;
	/** Whether all ends are listed besides, which explores the scenario once more. */
	readonly outcomes?: boolean;
	readonly progress?: (found: number, expanded: number) => void;
}

/** The answer to a scenario, with what it rests on and, where there is one, a way to what was found. */
export interface Verdict {
	readonly schema: typeof VERDICT_SCHEMA;
	readonly name: string;
	readonly model: string;
	readonly verdict: "safe" | "unsafe" | "undecided" | "refused" | "allowed" | "forbidden";
	/** Why, in words: the property, the bound, the refusal. */
	readonly why: string | undefined;
	/** The property that broke, or `sometimes`. */
	readonly property: Property | "sometimes" | undefined;
	/** Somebody stopped it: it says nothing, and the same check may be begun again. */
	readonly stopped?: true;
	readonly states: number;
	readonly steps: number;
	readonly depth: number;
	readonly occurred: readonly string[];
	/** What the verdict rests on, in words. */
	readonly assumptions: readonly string[];
	/** What nothing in the scenario came across, so that the verdict says nothing about it. Told when all was explored. */
	readonly unexercised: readonly string[];
	/** When asked for: all ends, of an exploration in which no property is judged. */
	readonly outcomes?: readonly Outcome[];
	/** When unsafe, or allowed: a shortest way there. */
	readonly trace: readonly TraceStep[] | undefined;
	/** When safe: an execution in which everybody finishes. */
	readonly sample?: readonly TraceStep[];
	/** The same as ordinals of steps, for `replay`, with what it needs. */
	readonly path: Path;
	/** The reductions that were used: what was asked for, as far as the program allows it. */
	readonly reductions: Reductions;
	readonly scenario: Scenario;
}

const DEFAULT_BOUNDS: Bounds & Room = { states: 20_000_000, memory: 8 * 2 ** 30, ...defaultRoom };
/** A way that was found with whatever room can be gone again. */
const REPLAY_ROOM: Room = { units: 4096, values: 255, stores: 255 };

/** @throws SourceError and LinkError for mistakes in the scenario */
export function check(scenario: Scenario, options: CheckOptions = {}): Verdict {
	const checked = checking(scenario, options);
	for (;;) {
		const verdict = checked.advance(REPORT_EVERY);
		if (verdict !== undefined) return isToEnd(verdict, options) ? withOutcomes(verdict, options) : verdict;
		if (checked.found > 0) options.progress?.(checked.found, checked.expanded);
	}
}

function isToEnd({ verdict }: Verdict, { outcomes }: CheckOptions): boolean {
	return outcomes === true && verdict !== "refused";
}

/** The verdict with all ends. CPUs keep their places, so that registers are those of the CPU they are told of; an end that a
 * bound hides makes the verdict undecided. */
function withOutcomes(verdict: Verdict, { bounds, progress }: CheckOptions): Verdict {
	const { scenario } = verdict;
	const built = build(scenario) as Built;
	const reductions = { ...verdict.reductions, symmetry: false };
	const judged = new Set<Property>();
	let ends = newEnds(built);
	const begin = (): Ends => {
		ends = newEnds(built);
		return ends;
	};
	const all = { ...DEFAULT_BOUNDS, ...bounds };
	const found = search(built, judged, reductions, (space) => explore(space, all, progress), begin);
	if (found.verdict !== "undecided") return { ...verdict, outcomes: outcomesOf(ends) };
	return { ...verdict, verdict: "undecided", property: undefined, why: `all ends: ${found.bound}` };
}

/** A check under way, for whoever has other things to do meanwhile. */
export interface Checking {
	/** States found and expanded so far. */
	readonly found: number;
	readonly expanded: number;
	/** Goes on until so many more states and steps were looked at. @returns the verdict, once there is one */
	advance(effort: number): Verdict | undefined;
	/** Gives up. @returns the verdict that it is undecided */
	giveUp(why: string): Verdict;
}

/** Begins a check. @throws SourceError and LinkError for mistakes in the scenario */
export function checking(scenario: Scenario, options: CheckOptions = {}): Checking {
	const reductions: Reductions = { symmetry: true, merge: true, ...options.reductions };
	const bounds = { ...DEFAULT_BOUNDS, ...options.bounds };
	const built = build(scenario, bounds);
	if ("refused" in built) {
		const refused = refusedVerdict(scenario, reductions, built.refused);
		return { found: 0, expanded: 0, advance: () => refused, giveUp: () => refused };
	}
	const attempts = attemptsAt(built, judgedIn(scenario), reductions);
	let space: MachineSpace | undefined;
	let search: Search | undefined;
	return {
		get found() {
			return search?.table.count ?? 0;
		},
		get expanded() {
			return search?.expanded ?? 0;
		},
		advance(effort) {
			try {
				space ??= attempts.begin();
				search ??= beginSearch(space, bounds);
				const found = searchOn(search, effort);
				return found && verdictOf(scenario, attempts.reductions, built, space, found);
			} catch (error) {
				if (!attempts.learn(error)) throw error;
				space = search = undefined;
				return undefined;
			}
		},
		giveUp(why) {
			space ??= attempts.begin();
			search ??= beginSearch(space, bounds);
			return { ...verdictOf(scenario, attempts.reductions, built, space, givenUp(search, why)), stopped: true };
		},
	};
}

function baseOf(scenario: Scenario, reductions: Reductions) {
	const { name } = scenario;
	return { schema: VERDICT_SCHEMA, name, model: modelOf(scenario).name, reductions, scenario } as const;
}

function refusedVerdict(scenario: Scenario, reductions: Reductions, why: string): Verdict {
	const nothing = { property: undefined, states: 0, steps: 0, depth: 0, occurred: [], trace: undefined, path: [] };
	return { ...baseOf(scenario, reductions), verdict: "refused", why, ...nothing, assumptions: [], unexercised: [] };
}

/** What an exploration says of the scenario. */
function verdictOf(
	scenario: Scenario,
	reductions: Reductions,
	built: Built,
	space: MachineSpace,
	found: Exploration,
): Verdict {
	const base = baseOf(scenario, reductions);
	const { states, steps, depth } = found;
	const numbers = {
		...{ states, steps, depth, occurred: [...space.occurred], path: found.path },
		assumptions: assumptionsOf(scenario, built),
		unexercised: found.verdict === "safe" ? unexercised(scenario, built, space.coverage, judgedIn(scenario)) : [],
	};
	if (found.verdict === "undecided")
		return { ...base, verdict: "undecided", why: found.bound, property: undefined, ...numbers, trace: undefined };
	if (found.fault !== undefined) {
		const broken = faults[found.fault]!;
		const trace = traceOf(space, found.path, broken);
		if (broken === WANTED)
			return { ...base, verdict: "allowed", why: scenario.exists, property: undefined, ...numbers, trace };
		const when = found.path.length === 0 ? "broken from the beginning" : "broken";
		const why = `${when}: ${properties[broken]}`;
		return { ...base, verdict: "unsafe", why, property: broken, ...numbers, trace };
	}
	const missing = wanted(scenario, built).filter((what) => !numbers.occurred.includes(what));
	const sample = { ...numbers, path: found.sample, trace: undefined, sample: traceOf(space, found.sample) };
	if (missing.length > 0) {
		const why = `never happens: ${missing.join(", ")}`;
		return { ...base, verdict: "unsafe", why, property: "sometimes", ...sample };
	}
	const verdict = scenario.exists === undefined ? "safe" : "forbidden";
	return { ...base, verdict, why: undefined, property: undefined, ...sample };
}

/** Executes the way of a verdict again, from its scenario, on a machine of its own. @throws LinkError when it cannot be gone */
export function replay({ name, scenario, path, reductions, property, verdict }: Verdict): TraceStep[] {
	const built = build(scenario, REPLAY_ROOM);
	if ("refused" in built) throw new LinkError(`${name}: refused, so there is nothing to replay: ${built.refused}`);
	const fault = verdict === "allowed" ? WANTED : property === "sometimes" ? undefined : property;
	return search(built, judgedIn(scenario), reductions, (space) => traceOf(space, path, fault));
}

/** Sees the states on the way of a verdict: its counterexample, or its sample. What `see` collects begins anew when the
 * footprint has to grow. @param room that the verdict was found with, at least */
export function walkVerdict<T>(
	{ name, scenario, path, reductions }: Verdict,
	see: (
		system: System,
		go: (stand: (labels: readonly number[]) => void, step: Parameters<typeof walk>[3]) => void,
	) => T,
	room = REPLAY_ROOM,
): T {
	const built = build(scenario, room);
	if ("refused" in built) throw new LinkError(`${name}: refused, so there is no way to go: ${built.refused}`);
	return search(built, judgedIn(scenario), reductions, (space) =>
		see(space.system, (stand, step) => walk(space, path, stand, step)),
	);
}

/** The properties that count. A litmus test asks for an outcome, of programs that may store to their own text. */
function judgedIn({ properties, exists }: Scenario): ReadonlySet<Property> {
	return new Set(properties ?? propertyNames.filter((name) => exists === undefined || name !== "w^x"));
}

/** What must happen at least once: a program that does nothing breaks nothing. */
function wanted({ sometimes, reaches = [], exists }: Scenario, { system }: Built): string[] {
	const patched = system.plans.some(({ edits }) => edits.length > 0) ? ["new"] : [];
	return [...(sometimes ?? patched), ...reaches, ...(exists === undefined ? [] : [OVER])];
}

/** Does something with the scenario's space, until an attempt at it succeeds.
 * @param begin where ends are noted, anew for each attempt */
function search<T>(
	built: Built,
	judged: ReadonlySet<Property>,
	wanted: Reductions,
	act: (space: MachineSpace) => T,
	begin?: () => Ends,
): T {
	const attempts = attemptsAt(built, judged, wanted, begin);
	for (;;) {
		try {
			return act(attempts.begin());
		} catch (error) {
			if (!attempts.learn(error)) throw error;
		}
	}
}

interface Attempts {
	/** The reductions that the last attempt uses. */
	readonly reductions: Reductions;
	/** Makes the scenario's space anew. */
	begin(): MachineSpace;
	/** @returns whether what ended an attempt makes the next one another one */
	learn(error: unknown): boolean;
}

/** Attempts at a scenario, with a footprint that grows until it holds everything that changes, and without the reductions that
 * turn out not to hold. */
function attemptsAt(built: Built, judged: ReadonlySet<Property>, wanted: Reductions, ends?: () => Ends): Attempts {
	const footprint = newFootprint();
	let reductions = wanted;
	return {
		get reductions() {
			return reductions;
		},
		begin: () => machineSpace(built, footprint, reductions, judged, ends?.()),
		learn(error) {
			if (error instanceof Unfounded) reductions = { ...reductions, [error.reduction]: false };
			return error instanceof Unfounded || error instanceof Grown;
		},
	};
}

/** What an expectation and a verdict disagree on; undefined when nothing. */
export function disagreement(expected: Expectation, verdict: Verdict): string | undefined {
	if (expected.verdict !== verdict.verdict)
		return `expected ${expected.verdict}, got ${verdict.verdict}${verdict.why === undefined ? "" : ` (${verdict.why})`}`;
	if (expected.property !== undefined && expected.property !== verdict.property)
		return `expected '${expected.property}' to break, got '${verdict.property}'`;
	if (expected.states !== undefined && expected.states !== verdict.states)
		return `expected ${expected.states} states, got ${verdict.states}`;
	const steps = verdict.path.length;
	if (expected.steps !== undefined && expected.steps !== steps)
		return `expected a counterexample of ${expected.steps} steps, got ${steps}`;
	return undefined;
}
