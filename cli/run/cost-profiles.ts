// `--profile`: a cost profile by its name, or one that `bench-native --write-profile` wrote.

import { Option } from "commander";
import { validate } from "../../linker/schema.ts";
import { type CostProfile, profileSchema, profiles } from "../../runtime/machine/index.ts";
import { UsageError } from "../shell/command.ts";
import { readJson } from "../shell/files.ts";

/** The option with a profile that is taken when none is named. */
export function profileOptionOf(byDefault: string): Option {
	const names = profiles.map(({ name }) => name).join(", ");
	return new Option("--profile <name>", `what instructions cost: ${names} or a .json file`).default(byDefault);
}

export const profileOption = profileOptionOf(profiles[0]!.name);

/** @throws UsageError for a name that is none, LinkError for a file that holds no profile */
export function profileOf(text: string): CostProfile {
	const known = profiles.find(({ name }) => name === text);
	if (known !== undefined) return known;
	if (text.endsWith(".json")) return validate(profileSchema, readJson(text), text);
	throw new UsageError(`--profile is one of ${profiles.map(({ name }) => name).join(", ")}, or a .json file`);
}
