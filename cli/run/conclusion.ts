// How a run ended, on standard error and as an exit code.

import { Option } from "commander";
import { Cpu, getCounter, ticksToCycles } from "../../runtime/machine/index.ts";
import { Patcher } from "../../runtime/machine/layout.ts";
import type { RunEnd, System } from "../../runtime/patch/index.ts";
import { patcherClocks } from "../../runtime/patch/system.ts";
import { ExitCode } from "../shell/command.ts";
import { parseCycles } from "../shell/options.ts";
import { count } from "../shell/table.ts";
import type { Terminal } from "../shell/terminal.ts";
import { DEFAULT_PROFILE } from "./cost-profiles.ts";
import { describeTrap } from "./faults.ts";

export const maxCyclesOption = new Option(
	"--max-cycles <n>",
	"give up after so many cycles, with exit code 4",
).argParser(parseCycles);

/** Something that was asked for at a cycle. */
export interface Asked {
	/** As typed. */
	readonly text: string;
	readonly cycle: number | undefined;
}

/** What was due after the program had ended was not done, or did nothing. */
export function noteLate(
	terminal: Terminal,
	system: System,
	{ kind }: RunEnd,
	asked: Readonly<Record<string, readonly Asked[] | undefined>>,
): void {
	if (kind !== "halted") return;
	const end = endOf(system);
	for (const [option, each] of Object.entries(asked))
		for (const { text, cycle } of each ?? []) {
			if (cycle === undefined || end >= cycle) continue;
			terminal.note(`${option} ${text}: the program had ended by then, at cycle ${count(end)}\n`);
		}
}

/** Cycles: when the last plan was done. */
function patchedUntil(system: System): number {
	const clocks = Array.from({ length: system.machine.config.patchers }, (_, each) =>
		patcherClocks(system.machine, each),
	);
	return ticksToCycles(Math.max(0, ...clocks.map((each) => each[Patcher.clock / 2]!)));
}

/** Says when the program was over before an update that was asked for at a cycle: its new target may never have been
 * called everywhere. */
export function noteUnfinished(
	terminal: Terminal,
	system: System,
	{ kind }: RunEnd,
	profile: string,
	asked: readonly Asked[],
): void {
	const ended = endOf(system);
	const done = patchedUntil(system);
	const begun = asked.some(({ cycle }) => cycle !== undefined && cycle <= ended);
	if (kind !== "halted" || !begun || done <= ended) return;
	const cheaper = profile === DEFAULT_PROFILE ? ", or take --profile in-order, whose syncs are short" : "";
	terminal.note(
		`the last update was done at cycle ${count(done)}, after the program had ended at ${count(ended)}: ask for it earlier, give the program more to do${cheaper}\n`,
	);
}

/** The cycle at which the last CPU stopped. */
function endOf({ machine }: System): number {
	return Math.max(...machine.cores.map(({ id }) => ticksToCycles(getCounter(machine, id, Cpu.clock))));
}

/** Says on standard error what went wrong, if anything did. @param refused loads and unloads that were refused before */
export function conclude(
	terminal: Terminal,
	system: System,
	end: RunEnd,
	maxCycles: number | undefined,
	refused: readonly string[] = [],
): ExitCode {
	const { name } = system.image;
	for (const death of system.deaths)
		terminal.note(
			`process ${death.space}: ${describeTrap({ ...system, refusal: death.why }, { kind: "trapped", ...death })}\n`,
		);
	if (system.deaths.length > 0 && end.kind === "halted") return ExitCode.violation;
	switch (end.kind) {
		case "halted":
			return refused.length > 0 ? ExitCode.violation : ExitCode.ok;
		case "trapped":
			terminal.note(`${describeTrap(system, end)}\n`);
			return ExitCode.violation;
		case "refused":
			terminal.note(`${name}: refused: ${end.why}\n`);
			return ExitCode.violation;
		case "stuck":
			terminal.note(`${name}: every CPU waits for an interrupt, and none will come\n`);
			return ExitCode.violation;
		case "bound":
			terminal.note(`${name}: ${end.why}: this run cannot go on without forgetting one\n`);
			return ExitCode.bound;
		case "limit":
			terminal.note(`${name}: not done after ${count(maxCycles!)} cycles (--max-cycles)\n`);
			return ExitCode.bound;
	}
}
