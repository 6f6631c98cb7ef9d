// `run --replay`: a counterexample again, executed from its scenario and held against what was recorded.

import { LinkError } from "../../linker/errors.ts";
import { replay, verdictFromJson } from "../../runtime/check/index.ts";
import { ExitCode, writeJson } from "../shell/command.ts";
import { readJson } from "../shell/files.ts";
import type { Terminal } from "../shell/terminal.ts";
import { counterexample } from "./counterexample.ts";

/** @throws LinkError when the file is no verdict, or its way cannot be gone or goes elsewhere */
export async function replayVerdict(terminal: Terminal, file: string, json: boolean): Promise<ExitCode> {
	const verdict = verdictFromJson(readJson(file), file);
	const steps = replay(verdict);
	const recorded = verdict.trace ?? verdict.sample ?? [];
	const differs = steps.findIndex((step, i) => JSON.stringify(step) !== JSON.stringify(recorded[i]));
	if (differs >= 0 || steps.length !== recorded.length)
		throw new LinkError(`${file}: step ${Math.max(0, differs) + 1} goes another way than recorded`);
	if (json)
		await writeJson(terminal, "patchbay/replay@1", { verdict: verdict.verdict, why: verdict.why, trace: steps });
	else if (steps.length === 0) terminal.note(`${file}: ${verdict.verdict}, and no step to replay\n`);
	else
		await terminal.write(
			`${counterexample(terminal, steps).join("\n")}\n${verdict.why === undefined ? "" : `${verdict.why}\n`}`,
		);
	return verdict.verdict === "unsafe" ? ExitCode.violation : ExitCode.ok;
}
