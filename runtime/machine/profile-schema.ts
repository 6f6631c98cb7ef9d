// What a cost profile is when it comes as JSON.

import { costClasses } from "../../linker/isa/instruction-set.ts";
import { objectOf, type Schema, text } from "../../linker/schema.ts";
import type { CostProfile } from "./profile.ts";

const cycles: Schema = { type: "number", minimum: 0, maximum: 1e9 };

const fields: Record<keyof CostProfile, Schema> = {
	name: text,
	source: text,
	cycles: objectOf(Object.fromEntries(costClasses.map((name) => [name, cycles]))),
	mispredict: cycles,
	trap: cycles,
	syscall: cycles,
	syncRound: cycles,
	syncCpu: cycles,
	interrupt: cycles,
	poke: cycles,
	farLine: cycles,
};

/** The JSON schema of a cost profile in a file. */
export const profileSchema: Schema = objectOf(fields);
