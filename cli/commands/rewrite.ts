// `patchbay rewrite`: a program in its FFP form, every static call a call through a pointer. It still runs under Node.

import { basename, dirname, join, normalize, relative } from "node:path";
import { type Rewritten, sourceMapText } from "../../linker/compile/index.ts";
import { rewriteModule, withImports } from "../build/sources.ts";
import { type Command, ExitCode, UsageError, writeJson } from "../shell/command.ts";
import { isFolder, makeFolder, writeFile } from "../shell/files.ts";
import { refuseInputs } from "../shell/outputs.ts";

interface Options {
	readonly output?: string;
}

interface RewrittenFile extends Rewritten {
	readonly source: string;
	readonly output: string | undefined;
}

export const rewrite: Command<Options> = {
	name: "rewrite",
	operands: "<file>",
	brief: "Rewrite static calls to fast function pointers: pick(x) becomes pick.fn(x).",
	examples: [
		["rewrite pick.js", "prints the module rewritten"],
		["rewrite pick.js -o pick.ffp.js", "writes it, and a source map beside it"],
		["rewrite main.js -o out/", "the whole program: main.js and all it imports"],
	],
	declare(line) {
		line.option("-o, --output <path>", "a file for the module, or a folder for it and all it imports");
	},
	async run(terminal, [file], { output, json }) {
		const files = output === undefined || !isForAll(output) ? rewriteOne(file!, output) : rewriteAll(file!, output);
		const sources = files.map(({ source }) => source);
		for (const each of files) if (each.output !== undefined) refuseInputs(each.output, sources);
		for (const each of files) if (each.output !== undefined) writeWithMap(each.output, each);
		if (json) await writeJson(terminal, "patchbay/rewrite@1", { files: files.map(describe) });
		else if (output === undefined) await terminal.write(files[0]!.code);
		return ExitCode.ok;
	},
};

function isForAll(output: string): boolean {
	return output.endsWith("/") || isFolder(output);
}

function rewriteOne(source: string, output: string | undefined): RewrittenFile[] {
	return [{ ...rewriteModule(source), source, output }];
}

/** Keeps where the modules lie to each other. */
function rewriteAll(main: string, folder: string): RewrittenFile[] {
	return withImports(main, (source, found) => {
		const place = relative(dirname(normalize(main)), source);
		if (place.startsWith("..")) {
			throw new UsageError(
				`${source} lies above ${main}: rewrite it from a module that has all others beside or below`,
			);
		}
		return { ...rewriteModule(source, found), source, output: join(folder, place) };
	});
}

function writeWithMap(output: string, { code, map }: Rewritten): void {
	makeFolder(dirname(output));
	const name = `${basename(output)}.map`;
	writeFile(join(dirname(output), name), sourceMapText(map));
	writeFile(output, `${code}\n//# sourceMappingURL=${name}\n`);
}

function describe({ source, output, code, map }: RewrittenFile): object {
	return output === undefined ? { source, code, map: JSON.parse(sourceMapText(map)) } : { source, output };
}
