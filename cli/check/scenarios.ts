// Scenario files as `check` takes them, and its verdicts as text and as JSON that can be merged.

import {
	disagreement,
	type Judged,
	type LitmusScenario,
	readLitmusScenario,
	readScenario,
	type Scenario,
	scenarioFromJson,
	type Verdict,
} from "../../runtime/check/index.ts";
import { readJson, readText } from "../shell/files.ts";
import { count } from "../shell/table.ts";
import { styled, type Terminal } from "../shell/terminal.ts";
import { counterexample } from "./counterexample.ts";

/** Reads a `.s` file with a header, a JSON scenario, or a litmus test of herd7, which comes with what its verdict is told in. */
export function readScenarioFile(file: string): { readonly scenario: Scenario; readonly test?: LitmusScenario } {
	if (isLitmus(file)) {
		const test = readLitmusScenario(readText(file), file);
		return { scenario: test.scenario, test };
	}
	return {
		scenario: file.endsWith(".json") ? scenarioFromJson(readJson(file), file) : readScenario(readText(file), file),
	};
}

export function isLitmus(file: string): boolean {
	return file.endsWith(".litmus");
}

/** What a header expects and a verdict does not give. */
export function judge(scenario: Scenario, verdict: Verdict): string | undefined {
	return scenario.expect === undefined ? "its header expects nothing" : disagreement(scenario.expect, verdict);
}

const colours = {
	safe: "green",
	unsafe: "red",
	undecided: "yellow",
	refused: "yellow",
	allowed: "red",
	forbidden: "green",
} as const;

function headline(terminal: Terminal, { verdict, name, model, states, steps, depth }: Verdict): string {
	const size = states === 0 ? "" : `: ${count(states)} states, ${count(steps)} steps, depth ${count(depth)}`;
	return `${styled(terminal, colours[verdict], verdict)}  ${name} on ${model}${size}`;
}

/** One line a scenario: does its header hold? */
export function expectationLine(terminal: Terminal, { verdict, failed }: Judged): string {
	const mark = failed === undefined ? styled(terminal, "green", "ok  ") : styled(terminal, "red", "FAIL");
	return `${mark}  ${headline(terminal, verdict)}${failed === undefined ? "" : `\n      ${failed}`}\n`;
}

/** What else is shown of a verdict: an execution in which all goes right; every step that was merged into another. */
export interface Shown {
	readonly sample?: true;
	readonly allSteps?: true;
}

/** The verdict with what was checked and, when unsafe, how it goes wrong; `sample`: when safe, how it goes right. */
export function verdictText(terminal: Terminal, about: string | undefined, verdict: Verdict, show: Shown = {}): string {
	const intro = about === undefined || about === "" ? "" : `${styled(terminal, "dim", about)}\n\n`;
	const why = verdict.why === undefined ? "" : `  ${verdict.why}\n`;
	const holds = verdict.verdict === "safe" || verdict.verdict === "forbidden";
	const rests = holds ? line("assuming", verdict.assumptions) + line("never exercised", verdict.unexercised) : "";
	const steps = verdict.trace ?? (show.sample ? verdict.sample : undefined) ?? [];
	const trace = steps.length === 0 ? "" : `\n${counterexample(terminal, steps, show.allSteps).join("\n")}\n`;
	return `${intro}${headline(terminal, verdict)}\n${why}${rests}${states(verdict)}${trace}`;
}

/** All ends, one a line, as herd prints them. */
function states({ outcomes }: Verdict): string {
	if (outcomes === undefined) return "";
	const width = Math.max(0, ...outcomes.map((one) => count(one.states).length));
	const lines = outcomes.map(({ values, states }) => {
		const text = Object.entries(values).map(([place, value]) => `${place}=${value};`);
		return `  ${count(states).padStart(width)}  ${text.join(" ")}\n`;
	});
	return `\n  States ${outcomes.length}\n${lines.join("")}`;
}

function line(what: string, list: readonly string[]): string {
	return list.length === 0 ? "" : `  ${what}: ${list.join("; ")}\n`;
}
