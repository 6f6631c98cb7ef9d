// `patchbay asm`: assembly sources to objects.

import { assembleFile } from "../build/sources.ts";
import type { Command } from "../shell/command.ts";
import { writeObjects } from "./compile.ts";

interface Options {
	readonly output?: string;
	readonly alignSites?: true;
}

export const asm: Command<Options> = {
	name: "asm",
	operands: "<files...>",
	brief: "Assemble .s files to object files, one each.",
	examples: [
		["asm hook.s", "writes hook.o"],
		["asm hook.s --align-sites", "no call site crosses an aligned 8 bytes"],
	],
	outputs: ["output"],
	declare(line) {
		line.option("-o, --output <file>", "the object file; otherwise the source's name with .o, in this folder");
		line.option("--align-sites", "pad so that no call site crosses an aligned 8 bytes");
	},
	async run(terminal, files, options) {
		return writeObjects(terminal, "patchbay/asm@1", files, options, (file) => assembleFile(file, options));
	},
};
