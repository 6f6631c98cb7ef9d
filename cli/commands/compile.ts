// `patchbay compile`: modules to objects. `writeObjects` is `patchbay asm` as well.

import { basename } from "node:path";
import { Option } from "commander";
import { type ElfObject, writeElf } from "../../linker/elf/index.ts";
import { callSites } from "../../linker/sites/index.ts";
import type { CallMode } from "../build/call-modes.ts";
import { compileModule } from "../build/sources.ts";
import { type Command, type CommonOptions, ExitCode, UsageError, writeJson } from "../shell/command.ts";
import { writeFile } from "../shell/files.ts";
import { refuseInputs } from "../shell/outputs.ts";
import type { Terminal } from "../shell/terminal.ts";

interface Options {
	readonly output?: string;
	readonly staticCalls: "keep" | "ffp" | "ffp-retpoline";
	readonly alignSites?: true;
	readonly entryNops?: true;
}

export const compile: Command<Options> = {
	name: "compile",
	operands: "<files...>",
	brief: "Compile JavaScript modules to object files, one each.",
	examples: [
		["compile pick.js", "writes pick.o"],
		["compile pick.js -o build/pick.o", "writes it there"],
		["compile pick.js --static-calls ffp", "with function pointers in place of static calls"],
	],
	outputs: ["output"],
	declare(line) {
		line.option("-o, --output <file>", "the object file; otherwise the source's name with .o, in this folder");
		line.addOption(
			new Option("--static-calls <how>", "keep them, or rewrite them to fast function pointers")
				.choices(["keep", "ffp", "ffp-retpoline"])
				.default("keep"),
		);
		line.option("--align-sites", "pad so that no call site crosses an aligned 8 bytes");
		line.option("--entry-nops", "begin every function with NOP5, so that it can be traced");
	},
	async run(terminal, files, options) {
		const mode: CallMode = options.staticCalls === "keep" ? "inline" : options.staticCalls;
		return writeObjects(terminal, "patchbay/compile@1", files, options, (file) =>
			compileModule(file, mode, [], options),
		);
	},
};

/** Makes all objects before it writes the first. */
export async function writeObjects(
	terminal: Terminal,
	schema: string,
	files: readonly string[],
	options: CommonOptions & { readonly output?: string },
	make: (file: string) => ElfObject,
): Promise<ExitCode> {
	const { output, json } = options;
	if (output !== undefined && files.length > 1)
		throw new UsageError("-o names one object, but there are several sources");
	const made = files.map((source) => ({ source, object: make(source), file: output ?? objectName(source) }));
	for (const { file } of made) refuseInputs(file, files);
	for (const { file, object } of made) writeFile(file, writeElf(object));
	if (json) await writeJson(terminal, schema, { objects: made.map(describe) });
	return ExitCode.ok;
}

function objectName(source: string): string {
	return `${basename(source).replace(/\.[^.]*$/, "")}.o`;
}

function describe({ source, file, object }: { source: string; file: string; object: ElfObject }): object {
	const sizes = object.sections.filter(({ name }) => name !== "").map(({ name, size }) => [name, size]);
	return { source, file, sections: Object.fromEntries(sizes), sites: callSites(object).count };
}
