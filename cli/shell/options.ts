// Values of options, as commander wants them parsed.

import { InvalidArgumentError } from "commander";
import type { Change } from "../../linker/retarget/retarget.ts";

export function parseCycles(text: string): number {
	const value = Number(text);
	if (!Number.isSafeInteger(value) || value <= 0) throw new InvalidArgumentError("Not a positive whole number.");
	return value;
}

/** `name=other`; may be given again. */
export function parseChange(text: string, before: readonly Change[] = []): Change[] {
	const parts = /^([^=\s]+)=([^=\s]+)$/.exec(text);
	if (parts === null) throw new InvalidArgumentError("Write function=other, or function=null.");
	if (before.some(({ from }) => from === parts[1]))
		throw new InvalidArgumentError(`What calls of '${parts[1]}' become is said twice.`);
	return [...before, { from: parts[1]!, to: parts[2]! }];
}

/** For an option that may be given again. */
export function append(text: string, before: readonly string[] = []): string[] {
	return [...before, text];
}
