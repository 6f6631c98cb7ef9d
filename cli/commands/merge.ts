// `patchbay merge`: joins the JSON of the parts of a campaign into one report.

import { LinkError } from "../../linker/errors.ts";
import { type Judged, VERDICTS_SCHEMA, verdictsFromJson } from "../../runtime/check/index.ts";
import { expectationLine } from "../check/scenarios.ts";
import { type Campaign, finish, joinParts, type Report } from "../shell/campaign.ts";
import { type Command, type CommonOptions, ExitCode, UsageError, writeJson } from "../shell/command.ts";
import { readJson } from "../shell/files.ts";
import { plural } from "../shell/table.ts";
import type { Terminal } from "../shell/terminal.ts";
import { chaosCampaign } from "./chaos.ts";
import { exitCode } from "./check.ts";
import { matrixCampaign } from "./matrix.ts";
import { stressCampaign } from "./stress.ts";

interface Options extends CommonOptions {
	readonly expect?: true;
	readonly markdown?: true;
}

export const merge: Command<Options> = {
	name: "merge",
	operands: "<files...>",
	brief: "Join what parts of a campaign (`--shard`) of check, chaos, matrix or stress wrote with --json.",
	examples: [
		["merge 1.json 2.json 3.json", "what the whole would have said, with its exit code"],
		["merge *.json --expect", "of check: does every header's expectation hold?"],
		["merge *.json --markdown", "of chaos and matrix: as the page of the documentation"],
	],
	declare(line) {
		line.option("--expect", "judge by the expectations in the headers: exit 0 when all hold");
		line.option("--markdown", "as the page of the documentation");
	},
	async run(terminal, files, options) {
		const values = files.map((file) => readJson(file));
		const schemas = values.map(schemaOf);
		const odd = schemas.findIndex((schema) => schema !== schemas[0]);
		const isTable = schemas[0] === chaosCampaign.schema || schemas[0] === matrixCampaign.schema;
		if (odd > 0 && campaigns.some(({ schema }) => [schemas[0], schemas[odd]].includes(schema)))
			throw new LinkError(`${files[odd]}: is ${schemas[odd]}, and ${files[0]} is ${schemas[0]}`);
		if (options.markdown === true && !isTable) throw new UsageError("--markdown is for parts of chaos and matrix");
		const campaign = campaigns.find(({ schema }) => schema === schemas[0]);
		if (campaign === undefined) return mergeVerdicts(terminal, values, files, options);
		if (options.expect === true) throw new UsageError("--expect is for verdicts of check");
		const report = joinParts(
			campaign,
			values.map((value, i) => campaign.read(value, files[i]!)),
			files,
		);
		return finish(terminal, campaign, report, options);
	},
};

// Each reads reports of its own schema alone.
const campaigns = [chaosCampaign, matrixCampaign, stressCampaign] as unknown as readonly Campaign<Report>[];

function schemaOf(value: unknown): unknown {
	return typeof value === "object" && value !== null && "schema" in value ? value.schema : undefined;
}

/** Verdicts of the files that were checked are joined whatever parts they are: each says its file. */
async function mergeVerdicts(
	terminal: Terminal,
	values: readonly unknown[],
	files: readonly string[],
	{ json, expect }: Options,
): Promise<ExitCode> {
	const verdicts: Judged[] = values
		.flatMap((value, i) => verdictsFromJson(value, files[i]!))
		.sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : 0));
	if (json === true) await writeJson(terminal, VERDICTS_SCHEMA, { verdicts });
	else {
		for (const one of verdicts)
			await terminal.write(expectationLine(terminal, expect === true ? one : { ...one, failed: undefined }));
		terminal.note(`${plural(verdicts.length, "scenario")} from ${plural(files.length, "file")}\n`);
	}
	if (expect === true) return verdicts.every(({ failed }) => failed === undefined) ? ExitCode.ok : ExitCode.violation;
	return exitCode(verdicts.map(({ verdict }) => verdict));
}
