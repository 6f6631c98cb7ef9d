// `patchbay merge`: joins the JSON of several `check` runs into one report.

import { VERDICTS_SCHEMA, verdictsFromJson } from "../../runtime/check/index.ts";
import { expectationLine } from "../check/scenarios.ts";
import { type Command, ExitCode, writeJson } from "../shell/command.ts";
import { readJson } from "../shell/files.ts";
import { plural } from "../shell/table.ts";
import { exitCode } from "./check.ts";

interface Options {
	readonly expect?: true;
}

export const merge: Command<Options> = {
	name: "merge",
	operands: "<files...>",
	brief: "Join what `check --json` wrote, of shards that ran anywhere, into one report.",
	examples: [
		["merge 1.json 2.json 3.json", "a line a scenario, and the exit code of them all"],
		["merge *.json --expect", "does every header's expectation hold?"],
	],
	declare(line) {
		line.option("--expect", "judge by the expectations in the headers: exit 0 when all hold");
	},
	async run(terminal, files, options) {
		const verdicts = files
			.flatMap((file) => verdictsFromJson(readJson(file), file))
			.sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : 0));
		if (options.json === true) await writeJson(terminal, VERDICTS_SCHEMA, { verdicts });
		else {
			for (const one of verdicts)
				await terminal.write(expectationLine(terminal, options.expect === true ? one : { ...one, failed: undefined }));
			terminal.note(`${plural(verdicts.length, "scenario")} from ${plural(files.length, "file")}\n`);
		}
		if (options.expect === true)
			return verdicts.every(({ failed }) => failed === undefined) ? ExitCode.ok : ExitCode.violation;
		return exitCode(verdicts.map(({ verdict }) => verdict));
	},
};
