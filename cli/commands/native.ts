// `patchbay native`: what builds of C and C++ programs ask for: where the header is, and how to align calls.

import { type Command, ExitCode, UsageError, writeJson } from "../shell/command.ts";
import { packageRoot } from "../shell/package-root.ts";

interface Options {
	readonly include?: true;
	readonly align?: string;
}

/** Options that keep calls and jumps from crossing 16 bytes, so that one store patches them. */
const aligning: Readonly<Record<string, string>> = {
	gcc: "-Wa,-malign-branch-boundary=16,-malign-branch=call+jmp+jcc",
	clang: "-malign-branch-boundary=16 -malign-branch=call,jmp,jcc",
};

export const native: Command<Options> = {
	name: "native",
	operands: "",
	brief: "Say what builds of C and C++ programs with static calls need.",
	examples: [
		["native --include", 'the folder of patchbay.h: gcc -I"$(patchbay native --include)"'],
		["native --align gcc", "options that let one store patch every call, on x86-64"],
	],
	declare(line) {
		line.option("--include", "print the folder of patchbay.h");
		line.option("--align <compiler>", `print the options of ${Object.keys(aligning).join(" or ")} that align calls`);
	},
	async run(terminal, _, { include, align, json }) {
		if ((include === undefined) === (align === undefined))
			throw new UsageError("say --include or --align, one of them");
		const folder = `${packageRoot()}native`;
		if (align !== undefined && !Object.hasOwn(aligning, align))
			throw new UsageError(`--align ${align}: is not ${Object.keys(aligning).join(" or ")}`);
		const flags = align === undefined ? undefined : aligning[align];
		if (json) await writeJson(terminal, "patchbay/native@1", flags === undefined ? { include: folder } : { flags });
		else await terminal.write(`${flags ?? folder}\n`);
		return ExitCode.ok;
	},
};
