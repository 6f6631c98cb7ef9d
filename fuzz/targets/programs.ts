// Random programs: they print the same under Node and on the machine, in every mode.

import * as fc from "fast-check";
import { differenceOf } from "../../test/language/random/difference.ts";
import { randomProgram } from "../../test/language/random/program.ts";
import { target, Wrong } from "../target.ts";

interface Recipe {
	readonly seed: number;
	readonly size: number;
}

export const randomPrograms = target<Recipe>({
	name: "random programs",
	weight: 90,
	batch: 20,
	recipes: fc.record({ seed: fc.integer(), size: fc.integer({ min: 1, max: 5 }) }),
	input({ seed, size }) {
		const { modules } = randomProgram(seed, size);
		return {
			name: "program.js",
			bytes: Buffer.from([...modules].map(([file, text]) => `// ${file}\n${text}`).join("\n")),
		};
	},
	try({ seed, size }) {
		const difference = differenceOf(randomProgram(seed, size));
		if (difference !== undefined) throw new Wrong(JSON.stringify(difference, null, "\t"));
	},
});
