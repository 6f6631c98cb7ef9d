// What the page gives the checker.

/** States, and bytes. */
export const BOUNDS = { states: 200_000, memory: 200 * 2 ** 20 };
