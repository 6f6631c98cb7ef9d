// How a run ended, on standard error and as an exit code.

import { Option } from "commander";
import type { RunEnd, System } from "../runtime/patch/index.ts";
import { ExitCode } from "./command.ts";
import { describeTrap } from "./faults.ts";
import { parseCycles } from "./operands.ts";
import { count } from "./table.ts";
import type { Terminal } from "./terminal.ts";

export const maxCyclesOption = new Option(
	"--max-cycles <n>",
	"give up after so many cycles, with exit code 4",
).argParser(parseCycles);

/** Says on standard error what went wrong, if anything did. */
export function conclude(terminal: Terminal, system: System, end: RunEnd, maxCycles: number | undefined): ExitCode {
	const { name } = system.image;
	for (const death of system.deaths)
		terminal.note(
			`process ${death.space}: ${describeTrap({ ...system, refusal: death.why }, { kind: "trapped", ...death })}\n`,
		);
	if (system.deaths.length > 0 && end.kind === "halted") return ExitCode.violation;
	switch (end.kind) {
		case "halted":
			return ExitCode.ok;
		case "trapped":
			terminal.note(`${describeTrap(system, end)}\n`);
			return ExitCode.violation;
		case "refused":
			terminal.note(`${name}: refused: ${end.why}\n`);
			return ExitCode.violation;
		case "stuck":
			terminal.note(`${name}: every CPU waits for an interrupt, and none will come\n`);
			return ExitCode.violation;
		case "limit":
			terminal.note(`${name}: not done after ${count(maxCycles!)} cycles (--max-cycles)\n`);
			return ExitCode.bound;
	}
}
