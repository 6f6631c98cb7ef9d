// Numbers on the command line.

import { InvalidArgumentError } from "commander";

export function parseCycles(text: string): number {
	const value = Number(text);
	if (!Number.isSafeInteger(value) || value <= 0) throw new InvalidArgumentError("Not a positive whole number.");
	return value;
}
