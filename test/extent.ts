// How much the tests try. `npm test` takes part of what is slow, so that it is over in a few minutes; `npm run test:all`
// takes all of it, which is more than twenty minutes on two cores. docs/mutants.md says what the short form leaves out, and which
// planted faults it notices. STORM=all, PROBES=all, OPINIONS=n and KILLS=n go further
// still.

/** Says whether everything is to be tried. */
export const everything = process.env.PATCHBAY_TESTS === "all";

/** The number of cases to try: `few`, or `all` of them. */
export function howMany(few: number, all: number): number {
	return everything ? all : few;
}

/** Some of the cases, evenly spread: every `nth` one, or all of them when everything is to be tried. */
export function spread<T>(cases: readonly T[], nth: number): readonly T[] {
	return everything ? cases : cases.filter((_, i) => i % nth === 0);
}
