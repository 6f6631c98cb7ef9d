// `patchbay collect`: the table of an object's static calls, as the kernel's objtool makes it.

import type { FileParts } from "../../linker/elf/file-parts.ts";
import { readElfParts } from "../../linker/elf/reader.ts";
import { elfPieces } from "../../linker/elf/writer.ts";
import { LinkError } from "../../linker/errors.ts";
import { EM_TOY } from "../../linker/isa/machine-number.ts";
import { collectRealSites } from "../../linker/sites/collect-real.ts";
import { type Command, ExitCode, writeJson } from "../shell/command.ts";
import { inParts, writePieces } from "../shell/files.ts";
import { plural } from "../shell/table.ts";

interface Options {
	readonly output: string;
	readonly module?: true;
}

export const collect: Command<Options> = {
	name: "collect",
	operands: "<file>",
	brief: "Add the table of static calls to an x86-64 or AArch64 object.",
	examples: [
		["collect foo.o -o foo.sites.o", "as objtool --static-call does"],
		["collect foo.o -o foo.sites.o --module", "calls may name trampolines without keys"],
	],
	outputs: ["output"],
	inPlace: true,
	declare(line) {
		line.requiredOption("-o, --output <file>", "the object to write");
		line.option("--module", "the object is of a module: a trampoline without its key stands for the key");
	},
	async run(terminal, [file], { output, module, json }) {
		const collected = inParts(file!, (parts) => [{ parts, ...collectFrom(parts, file!, module === true) }]);
		for (const { parts, object, sites } of collected) {
			writePieces(output, sites > 0 ? elfPieces(object) : asItIs(parts));
			if (json) await writeJson(terminal, "patchbay/collect@1", { file: output, sites });
			else await terminal.write(`${output}: ${plural(sites, "call site")}\n`);
		}
		return ExitCode.ok;
	},
};

/** The file, a piece at a time in the same buffer. */
function* asItIs({ bytes, read }: FileParts): Generator<Uint8Array> {
	const buffer = new Uint8Array(Math.min(bytes.length, 1 << 20));
	for (let at = 0; at < bytes.length; at += buffer.length) {
		const piece = buffer.subarray(0, bytes.length - at);
		read(at, piece);
		yield piece;
	}
}

function collectFrom(parts: FileParts, file: string, module: boolean) {
	const object = readElfParts(parts, file);
	if (object.machine === EM_TOY)
		throw new LinkError(`${file}: is for the toy machine, whose linker collects by itself`);
	return collectRealSites(object, { module });
}
