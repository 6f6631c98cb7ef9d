// `--profile`: a cost profile by its name, or one that `bench-native --write-profile` wrote.

import { Option } from "commander";
import { validate } from "../../linker/schema.ts";
import { type CostProfile, profileSchema, profiles } from "../../runtime/machine/index.ts";
import { UsageError } from "../shell/command.ts";
import { readJson } from "../shell/files.ts";

/** What every command takes when no profile is named. */
export const DEFAULT_PROFILE = "xeon-vm";

const names = profiles.map(({ name }) => name).join(", ");
export const profileOption = new Option("--profile <name>", `what instructions cost: ${names} or a .json file`).default(
	DEFAULT_PROFILE,
);

/** @throws UsageError for a name that is none, LinkError for a file that holds no profile */
export function profileOf(text: string): CostProfile {
	const known = profiles.find(({ name }) => name === text);
	if (known !== undefined) return known;
	if (text.endsWith(".json")) return validate(profileSchema, readJson(text), text);
	throw new UsageError(`--profile is one of ${names}, or a .json file`);
}
