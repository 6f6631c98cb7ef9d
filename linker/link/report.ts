// Several mistakes of one kind, reported together.

import { LinkError } from "../errors.ts";

const LIMIT = 20;

/** Throws one LinkError with a line per mistake, unless there are none. */
export function reportAll<T>(mistakes: readonly T[], describe: (mistake: T) => string): void {
	if (mistakes.length === 0) return;
	const lines = mistakes.slice(0, LIMIT).map(describe);
	if (mistakes.length > LIMIT) lines.push(`... and ${mistakes.length - LIMIT} more like these`);
	throw new LinkError(lines.join("\n"));
}
