// Going on after a mistake, so that a run of the compiler tells of several: each statement is tried on its own, and a pass
// ends with all that its statements were refused for.

import { joinErrors, SourceError } from "../errors.ts";

/** So many mistakes are enough to mend at a time. */
const MOST = 20;

/** Does something that may be refused, and notes why it was.
 * @returns what it gave, or undefined when it was refused */
export function attempt<T>(errors: SourceError[], action: () => T): T | undefined {
	try {
		return action();
	} catch (error) {
		if (!(error instanceof SourceError)) throw error;
		if (errors.every(({ message }) => message !== error.message)) errors.push(error);
		if (errors.length >= MOST) throw joinErrors(errors.splice(0));
		return undefined;
	}
}

/** @throws SourceError if anything was refused */
export function throwErrors(errors: SourceError[]): void {
	if (errors.length > 0) throw joinErrors(errors.splice(0));
}
