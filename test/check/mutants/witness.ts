// Runs as a process of its own over sources of which one may hold a planted fault: says nothing and ends with 0 where each of its
// arguments, the name of a witness, finds nothing wrong, else with 1 and what was found first. Witnesses are
//
//   fixture NAME              a scenario under fixtures/check, on all models of its header, to the state
//   header LINE               a line that no header may have
//   verdicts COUNT SEED       random scenarios against the second opinion
//   ends COUNT SEED           the same for what they end with
//   litmus MODEL COUNT SEED   random litmus tests of data

import { readFileSync } from "node:fs";
import { check, disagreement, onEveryModel, readScenario } from "../../../runtime/check/index.ts";
import { type Chance, compareEnds, compareLitmus, compareVerdicts } from "../compare.ts";

const witnesses: Readonly<Record<string, (...words: string[]) => string | undefined>> = {
	fixture(name) {
		const scenario = readScenario(readFileSync(`fixtures/check/${name}.s`, "utf8"), name!);
		const all = onEveryModel(scenario).map((one) => disagreement(one.expect!, check(one)));
		return all.find((found) => found !== undefined);
	},
	header(...words) {
		const line = words.join(" ");
		try {
			readScenario(`# A title.\n# cpu: main\n${line}\nmain: hlt\n`, "header.s");
			return `takes '${line}'`;
		} catch {
			return undefined;
		}
	},
	verdicts: (count, seed) => thrown(() => compareVerdicts(chance(count, seed))),
	ends: (count, seed) => thrown(() => compareEnds(chance(count, seed))),
	litmus: (model, count, seed) => thrown(() => compareLitmus(model!, chance(count, seed))),
};

function chance(count: string | undefined, seed: string | undefined): Chance {
	return { numRuns: Number(count), seed: Number(seed), endOnFailure: true };
}

function thrown(act: () => void): string | undefined {
	try {
		act();
		return undefined;
	} catch (error) {
		const { cause = error } = error as Error;
		return String((cause as Error).message);
	}
}

for (const name of process.argv.slice(2)) {
	const [kind, ...words] = name.split(" ") as [string, ...string[]];
	const found = witnesses[kind]!(...words);
	if (found === undefined) continue;
	console.log(`${name}: ${found.split("\n")[0]}`);
	process.exitCode = 1;
	break;
}
