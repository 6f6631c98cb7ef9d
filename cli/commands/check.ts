// `patchbay check`: explores scenarios exhaustively and says `safe`, `unsafe` with a shortest counterexample, or `undecided`.

import { LinkError } from "../../linker/errors.ts";
import {
	check as checkScenario,
	disagreement,
	readScenario,
	type Scenario,
	type Verdict,
} from "../../runtime/check/index.ts";
import { type Command, ExitCode, UsageError, writeJson } from "../command.ts";
import { counterexample } from "../counterexample.ts";
import { readText } from "../files.ts";
import { count } from "../table.ts";
import { styled, type Terminal } from "../terminal.ts";

interface Options {
	readonly expect?: true;
	readonly model?: string;
	readonly maxStates: string;
	readonly maxMemory: string;
	readonly symmetry: boolean;
	readonly merge: boolean;
}

export const check: Command<Options> = {
	name: "check",
	operands: "<files...>",
	brief: "Check scenarios: every interleaving and every fetch that the model allows.",
	examples: [
		["check poke.s", "safe, or the shortest counterexample"],
		["check poke.s --model arm", "the same on another model"],
		["check fixtures/check/*.s --expect", "does every header's expectation hold?"],
		["check poke.json --json", "a scenario written as JSON; the verdict as JSON"],
	],
	declare(line) {
		line.option("--expect", "judge by the expectations in the headers: exit 0 when all hold");
		line.option("--model <name>", "check on this model instead of the scenario's");
		line.option("--max-states <n>", "give up after so many states (exit 4)", "20000000");
		line.option("--max-memory <MiB>", "give up beyond so much memory for states (exit 4)", "8192");
		line.option("--no-symmetry", "do not treat equal CPUs as one");
		line.option("--no-merge", "take every step by itself, also those that only one CPU can see");
	},
	async run(terminal, files, options) {
		const verdicts: Verdict[] = [];
		let wrong = 0;
		for (const file of files) {
			const scenario = { ...read(file), ...(options.model === undefined ? {} : { model: options.model }) };
			const verdict = checkScenario(scenario, {
				bounds: {
					states: whole(options.maxStates, "--max-states"),
					memory: whole(options.maxMemory, "--max-memory") * 2 ** 20,
				},
				reductions: { symmetry: options.symmetry, merge: options.merge },
				progress: (found, expanded) => terminal.note(`${file}: ${count(found)} states, ${count(expanded)} expanded\n`),
			});
			verdicts.push(verdict);
			const failed = options.expect === true ? judged(scenario, verdict) : undefined;
			if (failed !== undefined) wrong++;
			if (options.json !== true)
				await terminal.write(report(terminal, scenario, verdict, failed, options.expect === true));
		}
		if (options.json === true) {
			const [only] = verdicts;
			if (verdicts.length === 1 && only !== undefined) {
				const { schema, ...rest } = only;
				await writeJson(terminal, schema, rest);
			} else await writeJson(terminal, "patchbay/verdicts@1", { verdicts });
		}
		if (options.expect === true) return wrong === 0 ? ExitCode.ok : ExitCode.violation;
		return exitCode(verdicts);
	},
};

/** A `.s` file with a header, or a JSON scenario. */
function read(file: string): Scenario {
	const text = readText(file);
	if (!file.endsWith(".json")) return readScenario(text, file);
	try {
		return { name: file, ...JSON.parse(text) } as Scenario;
	} catch (error) {
		throw new LinkError(`${file}: is no JSON: ${(error as Error).message}`);
	}
}

function whole(text: string, option: string): number {
	const value = Number(text);
	if (!Number.isInteger(value) || value < 1)
		throw new UsageError(`${option} takes a whole number above 0, not '${text}'`);
	return value;
}

function judged(scenario: Scenario, verdict: Verdict): string | undefined {
	if (scenario.expect === undefined) return "its header expects nothing";
	return disagreement(scenario.expect, verdict);
}

/** The worst of all: unsafe, then undecided. */
function exitCode(verdicts: readonly Verdict[]): ExitCode {
	if (verdicts.some(({ verdict }) => verdict === "unsafe" || verdict === "refused")) return ExitCode.violation;
	return verdicts.some(({ verdict }) => verdict === "undecided") ? ExitCode.bound : ExitCode.ok;
}

function report(
	terminal: Terminal,
	scenario: Scenario,
	verdict: Verdict,
	failed: string | undefined,
	terse: boolean,
): string {
	const colour = { safe: "green", unsafe: "red", undecided: "yellow", refused: "yellow" } as const;
	const size =
		verdict.states === 0
			? ""
			: ` ${count(verdict.states)} states, ${count(verdict.steps)} steps, depth ${count(verdict.depth)}`;
	const why = verdict.why === undefined ? "" : `\n  ${verdict.why}`;
	const head = `${styled(terminal, colour[verdict.verdict], verdict.verdict)}  ${verdict.name} on ${verdict.model}:${size}`;
	if (terse)
		return `${failed === undefined ? styled(terminal, "green", "ok") : styled(terminal, "red", "FAIL")}  ${head}${failed === undefined ? "" : `\n  ${failed}`}\n`;
	const trace =
		verdict.trace === undefined || verdict.trace.length === 0
			? ""
			: `\n${counterexample(terminal, verdict.trace).join("\n")}\n`;
	const about =
		scenario.about === undefined || scenario.about === "" ? "" : `${styled(terminal, "dim", scenario.about)}\n`;
	return `${about}${head}${why}\n${trace}`;
}
