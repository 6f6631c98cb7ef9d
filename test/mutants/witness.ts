// Runs as a process of its own over sources of which one may hold a planted fault: says nothing and ends with 0 where each of its
// arguments, the name of a witness, finds nothing wrong, else with 1 and what was found first. Witnesses are
//
//   fixture NAME              a scenario under fixtures/check, on all models of its header, to the state
//   header LINE               a line that no header may have
//   verdicts COUNT SEED       random scenarios against the second opinion
//   ends COUNT SEED           the same for what they end with
//   litmus MODEL COUNT SEED   random litmus tests of data
//   programs COUNT SEED       random programs, which do under Node what they do on the machine
//   program NAME              a program under fixtures/programs, which prints what its header says
//   traps ROW                 a statement there that must trap, by its number
//   accepted ROW              a program of language/accepted-programs.ts: `arithmetic`, or the number of its statements

import { readFileSync } from "node:fs";
import { format, isDeepStrictEqual } from "node:util";
import * as source from "../../linker/compile/source.ts";
import { check, disagreement, onEveryModel, readScenario } from "../../runtime/check/index.ts";
import { type Chance, compareEnds, compareLitmus, compareVerdicts } from "../check/compare.ts";
import { arithmetic, statements, trapping, withStatements, withTrap } from "../language/accepted-programs.ts";
import { buildAll, execute, someModes } from "../language/modes.ts";
import { type Program, programNamed } from "../language/programs.ts";
import { comparePrograms } from "../language/random/compare.ts";

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
	programs: (count, seed) => thrown(() => comparePrograms(chance(count, seed))),
	program(name) {
		const program = programNamed(name!);
		return whereOther(program, program.expected);
	},
	traps(row) {
		const text = withTrap(trapping[Number(row)]!);
		for (const [mode, image] of buildAll({ modules: new Map([["main.js", text]]) }, someModes))
			if (execute(image).end.kind !== "trapped") return `does not trap, ${mode}`;
		return undefined;
	},
	accepted(row) {
		const text = row === "arithmetic" ? arithmetic() : withStatements(statements[Number(row)]!);
		return whereOther({ modules: new Map([["main.js", text]]) }, printedUnderNode(text));
	},
	litmus: (model, count, seed) => thrown(() => compareLitmus(model!, chance(count, seed))),
};

/** @returns the mode in which a program prints anything else */
function whereOther(program: Pick<Program, "modules">, expected: readonly string[]): string | undefined {
	for (const [mode, image] of buildAll(program, someModes))
		if (!isDeepStrictEqual(execute(image).output, expected)) return `prints something else, ${mode}`;
	return undefined;
}

/** What a program of one module prints under Node, which does not know where `patchbay/source` is. */
function printedUnderNode(text: string): readonly string[] {
	const body = text.replace(/^import .* from "patchbay\/source";$/m, "").replaceAll("export ", "");
	const console = { log: (...values: unknown[]) => source.print(format(...values)) };
	const given = { ...source, console };
	const run = new Function(...Object.keys(given), `"use strict";\n${body}\nmain();`);
	return source.capturePrint(() => void run(...Object.values(given)));
}

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
