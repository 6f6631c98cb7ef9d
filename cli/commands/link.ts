// `patchbay link`: any mix of modules, assembly sources and objects to an image.

import { basename } from "node:path";
import { InvalidArgumentError } from "commander";
import { elfPieces } from "../../linker/elf/index.ts";
import { map } from "../../linker/link/index.ts";
import { type BuildOptions, declareBuildOptions, type LinkPlaces, linkObjects, loadObjects } from "../build/build.ts";
import { type Command, ExitCode, writeJson } from "../shell/command.ts";
import { writeFile, writePieces } from "../shell/files.ts";
import { listOf } from "../shell/options.ts";
import { refuseInputs } from "../shell/outputs.ts";

interface Options extends BuildOptions, Pick<LinkPlaces, "entry"> {
	readonly sectionStart?: readonly (readonly [section: string, address: number])[];
	readonly output?: string;
	readonly map?: string | true;
}

export const link: Command<Options> = {
	name: "link",
	operands: "<files...>",
	brief: "Link .js, .s and .o files, in any mix, into an executable image.",
	examples: [
		["link pick.js", "compiles, collects call sites, writes pick.elf"],
		["link main.o hooks.s -o prog.elf", "any mix of sources and objects"],
		["link pick.js --static-calls trampoline", "patch one jump per key, not every call"],
		["link prog.js --patchable fifo", "plain calls of fifo become static calls"],
		["link prog.js --map | less", "shows where everything went"],
	],
	outputs: ["output", "map"],
	declare(line) {
		line.option("-o, --output <file>", "the image; otherwise the first file's name with .elf, in this folder");
		declareBuildOptions(line);
		line.option("--map [file]", "write a link map, to standard output if no file is named");
		line.option("--entry <symbol>", "where to start; otherwise at main");
		line.option("--section-start <name=address>", "put a section there; may be given again", listOf(parseStart));
	},
	async run(terminal, files, options) {
		const output = options.output ?? `${basename(files[0]!).replace(/\.[^.]*$/, "")}.elf`;
		const { entry, sectionStart } = options;
		const objects = await loadObjects(files, options.staticCalls, options);
		const image = linkObjects(objects, options, output, {
			...(entry !== undefined && { entry }),
			...(sectionStart && { sectionStart: new Map(sectionStart) }),
		});
		refuseInputs(
			output,
			objects.map(({ name }) => name),
		);
		writePieces(output, elfPieces(image.elf));
		if (typeof options.map === "string") writeFile(options.map, map(image));
		else if (options.map && !options.json) await terminal.write(map(image));
		if (options.json) {
			const { mode, keys, sites, entry } = image;
			await writeJson(terminal, "patchbay/link@1", {
				file: output,
				mode,
				entry,
				keys: keys.map(({ name, address }) => ({ name, address })),
				sites: sites.length,
				...(options.map === true && { map: map(image) }),
			});
		}
		return ExitCode.ok;
	},
};

function parseStart(text: string): readonly [section: string, address: number] {
	const parts = /^([^=]+)=(0x[0-9a-fA-F]+|\d+)$/.exec(text);
	const address = Number(parts?.[2]);
	if (parts === null || !(address < 2 ** 32)) throw new InvalidArgumentError("Write .section=0x10000000.");
	return [parts[1]!, address];
}
