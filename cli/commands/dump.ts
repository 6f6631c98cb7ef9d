// `patchbay dump`: the code of sources, objects and images, as `objdump -dr` shows it.

import { type ElfObject, filePath, readLineTable } from "../../linker/elf/index.ts";
import { LinkError } from "../../linker/errors.ts";
import { hex } from "../../linker/hex.ts";
import { EM_TOY } from "../../linker/isa/index.ts";
import { listing } from "../../linker/sites/index.ts";
import { loadObjects } from "../build/build.ts";
import { type Command, ExitCode, writeJson } from "../shell/command.ts";
import { declareSourceRoot, sourceText } from "../shell/source-lines.ts";

interface Options {
	readonly source: boolean;
}

export const dump: Command<Options> = {
	name: "dump",
	operands: "<files...>",
	brief: "Disassemble sources, objects and images, with relocations and source lines.",
	examples: [
		["dump pick.js | less", "what the compiler makes of it"],
		["dump pick.elf", "an image: calls go where they go"],
		["dump pick.o --no-source", "without the source lines"],
	],
	declare(line) {
		line.option("--no-source", "leave the source lines out");
		declareSourceRoot(line);
	},
	async run(terminal, files, { source, json }) {
		const objects = await loadObjects(files, "inline");
		const texts = objects.map((object) => ({ file: object.name, text: text(object, source) }));
		if (json) await writeJson(terminal, "patchbay/dump@1", { files: texts });
		else await terminal.write(texts.map((each) => each.text).join("\n"));
		return ExitCode.ok;
	},
};

function text(object: ElfObject, withSource: boolean): string {
	if (object.machine !== EM_TOY)
		throw new LinkError(
			`${object.name}: is for machine ${hex(object.machine)}, not the toy; objdump -dr disassembles it`,
		);
	return listing(object, withSource ? { sources: sourcesOf(object) } : {});
}

/** The texts that the code comes from, as far as they are still where they were. */
function sourcesOf(object: ElfObject): Map<string, string> {
	const table = readLineTable(object);
	const paths = [...table.files.keys()].flatMap((file) =>
		table.files[file] === undefined ? [] : filePath(table, file),
	);
	return new Map(
		paths.flatMap((path): [string, string][] => {
			const text = sourceText(path);
			return text === undefined ? [] : [[path, text]];
		}),
	);
}
