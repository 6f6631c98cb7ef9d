// `patchbay native`: what builds of C and C++ programs ask for: where the header is, and how to align calls.

import { type Command, ExitCode, UsageError, writeJson } from "../shell/command.ts";
import { packageRoot } from "../shell/package-root.ts";

interface Options {
	readonly include?: true;
	readonly gdb?: true;
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
		["native --gdb", 'gdb shows registers of `run --core`: gdb -x "$(patchbay native --gdb)" prog.elf prog.core'],
		["native --align gcc", "options that let one store patch every call, on x86-64"],
	],
	declare(line) {
		line.option("--include", "print the folder of patchbay.h");
		line.option("--gdb", "print the script with which gdb reads the registers of cores of `run --core`");
		line.option("--align <compiler>", `print the options of ${Object.keys(aligning).join(" or ")} that align calls`);
	},
	async run(terminal, _, { include, gdb, align, json }) {
		if ([include, gdb, align].filter((one) => one !== undefined).length !== 1)
			throw new UsageError("say --include, --gdb or --align, one of them");
		if (align !== undefined && !Object.hasOwn(aligning, align))
			throw new UsageError(`--align ${align}: is not ${Object.keys(aligning).join(" or ")}`);
		const folder = `${packageRoot()}native`;
		const said = include
			? { include: folder }
			: gdb
				? { gdb: `${folder}/patchbay-gdb.py` }
				: { flags: aligning[align!] };
		if (json) await writeJson(terminal, "patchbay/native@1", said);
		else await terminal.write(`${Object.values(said)[0]}\n`);
		return ExitCode.ok;
	},
};
