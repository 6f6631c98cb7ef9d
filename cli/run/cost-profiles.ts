// `--profile`: a cost profile by its name, or one that `bench-native --write-profile` wrote.

import { Option } from "commander";
import { LinkError } from "../../linker/errors.ts";
import { type CostProfile, profiles } from "../../runtime/machine/index.ts";
import { UsageError } from "../shell/command.ts";
import { readJson } from "../shell/files.ts";

export const profileOption = new Option(
	"--profile <name>",
	`what instructions cost: ${profiles.map(({ name }) => name).join(", ")} or a .json file`,
).default(profiles[0]!.name);

/** @throws UsageError for a name that is none, LinkError for a file that holds no profile */
export function profileOf(text: string): CostProfile {
	const known = profiles.find(({ name }) => name === text);
	if (known !== undefined) return known;
	if (text.endsWith(".json")) return readProfile(text);
	throw new UsageError(`--profile is one of ${profiles.map(({ name }) => name).join(", ")}, or a .json file`);
}

function readProfile(path: string): CostProfile {
	const read = readJson(path) as Partial<CostProfile>;
	const shape = profiles[0]!;
	for (const [field, value] of Object.entries(shape)) {
		if (typeof read?.[field as keyof CostProfile] !== typeof value) throw new LinkError(`${path}: has no ${field}`);
	}
	const costs: readonly (readonly [string, unknown])[] = [
		...Object.keys(shape.cycles).map((name) => [name, read.cycles![name as keyof CostProfile["cycles"]]] as const),
		...Object.entries(read).filter(([name]) => typeof shape[name as keyof CostProfile] === "number"),
	];
	for (const [name, cycles] of costs)
		if (typeof cycles !== "number" || !(cycles >= 0) || cycles > 1e9)
			throw new LinkError(`${path}: ${name} is not a number of cycles`);
	return read as CostProfile;
}
