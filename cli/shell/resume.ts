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

/** Reads the report of a campaign that goes on; of one in parts, what the part reported that goes on.
 * @throws LinkError when it is none, or one of a campaign that was asked for something else */
export function readReport<T extends { readonly asked?: Asked | undefined; readonly parts?: readonly object[] }>(
	file: string,
	schema: Schema,
	now: Asked,
): T {
	const all = validate<T>(schema, readJson(file), file);
	const part = all.parts?.find((one) => (one as T).asked?.shard === now.shard);
	const report = part === undefined ? all : validate<T>(schema, part, file);
	if (report.asked === undefined) throw new LinkError(`${file}: does not say what was asked for, so nothing can go on`);
	const other = differing(report.asked, now);
	if (other !== undefined) throw new LinkError(`${file}: was begun with ${other}; go on with the same`);
	if (report.parts !== undefined)
		throw new LinkError(
			`${file}: was begun in ${report.parts.length} parts; go on with as many --jobs, or each --shard`,
		);
	return report;
}

/** The first option that two campaigns were given with other values, as `--calls 1, not 2`. */
export function differing(before: Asked, now: Asked): string | undefined {
	for (const name of new Set([...Object.keys(before), ...Object.keys(now)])) {
		if (JSON.stringify(before[name]) === JSON.stringify(now[name])) continue;
		const flag = `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
		return `${flag} ${shown(before[name])}, not ${shown(now[name])}`;
	}
	return undefined;
}

function shown(value: Asked[string]): string {
	return value === undefined ? "unset" : [value].flat().join(" ");
}
