// Objects that are loaded into a running program as modules.

import { readFileSync } from "node:fs";
import { compile } from "../../linker/compile/index.ts";
import { writeElf } from "../../linker/elf/index.ts";
import { repository } from "../../tools/repository.ts";
import { command, fileOf } from "../command-line.ts";
import { type Edit, editedElf, elfEdits, type Pattern, patternOf } from "../mutate/elf.ts";
import { target } from "../target.ts";

let pattern: Pattern | undefined;
const main = () => repository("fixtures/modules/scheduler.js");

function bytesOf(edits: readonly Edit[]): Uint8Array {
	pattern ??= patternOf(
		writeElf(
			compile(readFileSync(repository("fixtures/modules/policy.js"), "utf8"), {
				file: "policy.js",
				resolve: () => ({ file: "scheduler.js", source: readFileSync(main(), "utf8") }),
			}),
		),
	);
	return editedElf(pattern, edits);
}

export const modules = target<readonly Edit[]>({
	name: "modules",
	weight: 15,
	batch: 20,
	recipes: elfEdits,
	input: (edits) => ({ name: "policy.o", bytes: bytesOf(edits) }),
	async try(_, bytes) {
		const path = fileOf({ name: "policy.o", bytes });
		await command("run", main(), "--load", `${path}@500`, "--unload", "policy@4000", "--max-cycles", "50000");
	},
});
