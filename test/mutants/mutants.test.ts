// Every planted fault of the tables is noticed by a witness that finds nothing wrong without it. `npm test` plants a sample of the
// faults, `npm run mutants` all.

import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { everything } from "../extent.ts";
import { checkerMutants } from "./checker.ts";
import { compilerMutants } from "./compiler.ts";
import { ask, clear, occurrences, prepare } from "./plant.ts";

const mutants = [...checkerMutants, ...compilerMutants];
/** One of so many is in the sample. */
const SAMPLE = 28;
const chosen = everything ? mutants : mutants.filter((_, i) => i % SAMPLE === 0);
/** Processes at once. */
const AT_ONCE = availableParallelism();

describe("the table", () => {
	test("has many faults, none twice", () => {
		expect(mutants.length).toBeGreaterThanOrEqual(150);
		expect(new Set(mutants.map(({ breaks }) => breaks)).size).toBe(mutants.length);
	});

	test.each(mutants)("$file: $breaks", (mutant) => {
		expect(occurrences(mutant), `'${mutant.old}' in ${mutant.file}`).toBe(1);
	});

	test("is in docs/mutants.md", () => {
		const page = readFileSync("docs/mutants.md", "utf8");
		const rows = mutants.map(({ file, breaks, witness }) => `| ${file} | ${breaks} | ${witness} |`);
		expect(page.split("\n").filter((line) => /^\| (runtime|linker)\//.test(line))).toEqual(rows);
		for (const { length } of [checkerMutants, compilerMutants]) expect(page).toContain(`${length} faults`);
	});
});

describe("planted", () => {
	const answers = new Map<string, Promise<string | undefined>>();

	/** Asks about all that were chosen, so many at once. */
	beforeAll(() => {
		prepare();
		let free: Promise<unknown>[] = Array.from({ length: AT_ONCE }, () => Promise.resolve());
		for (const mutant of chosen) {
			const [first, ...others] = free as [Promise<unknown>, ...Promise<unknown>[]];
			const answer = first.then(() => ask(mutant, [mutant.witness]));
			answers.set(mutant.breaks, answer);
			free = [...others, answer];
		}
	});
	afterAll(clear);

	test.each(chosen)("$breaks: $witness", { timeout: 0 }, async ({ breaks }) => {
		expect(await answers.get(breaks), "what the witness found").toBeDefined();
	});

	test("no witness is wrong by itself", { timeout: 0 }, async () => {
		expect(await ask(undefined, [...new Set(chosen.map(({ witness }) => witness))])).toBeUndefined();
	});
});
