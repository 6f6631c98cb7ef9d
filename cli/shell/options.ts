// Values of options, as commander wants them parsed: whole numbers, and lists, which are given the same way everywhere.

import { InvalidArgumentError } from "commander";
import type { Change } from "../../linker/retarget/retarget.ts";

/** What parses a whole number from `least` to `most`, and says `message` of everything else. */
export function whole(message: string, least = 1, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
	return (text) => {
		const value = text.trim() === "" ? Number.NaN : Number(text);
		if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
		throw new InvalidArgumentError(message);
	};
}

export const parseCycles = whole("Not a positive whole number.");

/** What parses an option that may be given again, and takes several values at once with commas between them. A comma inside
 * brackets, as in a C++ name, joins nothing.
 * @param parseOne parses one value; the values before it, of this option, are there for what may not be said twice
 * @param byDefault the option's default, which the first value given replaces */
export function listOf<T>(
	parseOne: (text: string, before: readonly T[]) => T,
	byDefault?: readonly T[],
): (text: string, before?: readonly T[]) => T[] {
	return (text, before = []) => {
		const values = before === byDefault ? [] : [...before];
		for (const one of splitList(text)) values.push(parseOne(one, values));
		return values;
	};
}

/** A list of names and the like. @throws InvalidArgumentError for one without letters */
export const texts = listOf<string>((text) => text);

function splitList(text: string): string[] {
	const values: string[] = [];
	let depth = 0;
	let start = 0;
	for (const [i, letter] of [...text].entries()) {
		if (letter === "(" || letter === "<") depth++;
		else if (letter === ")" || letter === ">") depth--;
		else if (letter === "," && depth <= 0) {
			values.push([...text].slice(start, i).join(""));
			start = i + 1;
		}
	}
	values.push([...text].slice(start).join(""));
	if (values.length > 1 && values.includes("")) throw new InvalidArgumentError("Write names with commas between.");
	return values;
}

/** `name=other`. */
export const parseChanges = listOf<Change>((text, before) => {
	const parts = /^([^=\s](?:[^=]*[^=\s])?)=([^=\s](?:[^=]*[^=\s])?)$/.exec(text);
	if (parts === null) throw new InvalidArgumentError("Write function=other, or function=null.");
	if (before.some(({ from }) => from === parts[1]))
		throw new InvalidArgumentError(`What calls of '${parts[1]}' become is said twice.`);
	return { from: parts[1]!, to: parts[2]! };
});
