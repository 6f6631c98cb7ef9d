// Campaigns that go on: the JSON report of a campaign that was stopped says what was asked for and what there is so far. The
// one that goes on takes what is complete, does the rest, and reports what one that nobody stopped would have.

import type { Command as CommandLine } from "commander";
import { LinkError } from "../../linker/errors.ts";
import { type Schema, validate } from "../../linker/schema.ts";
import { readJson } from "./files.ts";

/** What was asked for, by the names of the options; undefined where one was not given. */
export type Asked = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

export function declareResume(line: CommandLine): void {
	line.option("--resume <file>", "go on with a campaign that was stopped: what it printed with --json");
}

/** Reads the report of a campaign that goes on.
 * @throws LinkError when it is none, or one of a campaign that was asked for something else */
export function readReport<T extends { readonly asked?: Asked | undefined }>(
	file: string,
	schema: Schema,
	now: Asked,
): T {
	const report = validate<T>(schema, readJson(file), file);
	if (report.asked === undefined) throw new LinkError(`${file}: does not say what was asked for, so nothing can go on`);
	requireSame(file, report.asked, now);
	return report;
}

function requireSame(file: string, before: Asked, now: Asked): void {
	for (const name of new Set([...Object.keys(before), ...Object.keys(now)])) {
		if (JSON.stringify(before[name]) === JSON.stringify(now[name])) continue;
		const flag = `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
		throw new LinkError(
			`${file}: was begun with ${flag} ${shown(before[name])}, not ${shown(now[name])}; go on with the same`,
		);
	}
}

function shown(value: Asked[string]): string {
	return value === undefined ? "unset" : [value].flat().join(" ");
}
