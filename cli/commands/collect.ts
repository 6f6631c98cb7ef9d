// `patchbay collect`: the table of an object's static calls, as the kernel's objtool makes it, or for a program of user
// space.

import type { FileParts } from "../../linker/elf/file-parts.ts";
import { readElfParts } from "../../linker/elf/reader.ts";
import { elfPieces } from "../../linker/elf/writer.ts";
import { LinkError } from "../../linker/errors.ts";
import { SITES_SECTION } from "../../linker/format/static-calls.ts";
import { EM_TOY } from "../../linker/isa/machine-number.ts";
import { addSites } from "../../linker/sites/collect.ts";
import { collectUserSites } from "../../linker/sites/collect-user.ts";
import { findRealSites } from "../../linker/sites/find-sites.ts";
import { type Command, ExitCode, UsageError, writeJson } from "../shell/command.ts";
import { inParts, writePieces } from "../shell/files.ts";
import { plural } from "../shell/table.ts";

interface Options {
	readonly output?: string;
	readonly module?: true;
	readonly user?: true;
}

export const collect: Command<Options> = {
	name: "collect",
	operands: "<file>",
	brief: "Add the table of static calls to an object of a real machine.",
	examples: [
		["collect foo.o", "in place, as objtool --static-call does"],
		["collect foo.o -o foo.sites.o --module", "calls may name trampolines without keys"],
		["collect foo.o --user", "for a program with native/patchbay.h"],
	],
	outputs: ["output"],
	inPlace: true,
	declare(line) {
		line.option("-o, --output <file>", "the object to write; the object itself if not given");
		line.option("--module", "the object is of a module: a trampoline without its key stands for the key");
		line.option("--user", "the object is of a program of user space, which includes native/patchbay.h");
	},
	async run(terminal, [file], options) {
		const { user, json } = options;
		const output = options.output ?? file!;
		if (user && options.module) throw new UsageError("--module is the kernel's, --user is not");
		const collected = inParts(file!, (parts) => [{ parts, ...collectFrom(parts, file!, options) }]);
		for (const { parts, object, sites } of collected) {
			if (sites > 0) writePieces(output, elfPieces(object));
			else if (output !== file) writePieces(output, asItIs(parts));
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

function collectFrom(parts: FileParts, file: string, { module, user }: Options) {
	const object = readElfParts(parts, file);
	if (object.machine === EM_TOY)
		throw new LinkError(`${file}: is for the toy machine, whose linker collects by itself`);
	if (user) return collectUserSites(object);
	const found = findRealSites(object, SITES_SECTION);
	return { object: addSites(object, found, module ? "trampoline" : "refuse"), sites: found.count };
}
