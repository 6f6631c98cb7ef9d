// `patchbay probe`: runs a program with probes on some of its instructions, and says how often each was hit.

import { Option } from "commander";
import { protocols } from "../../runtime/patch/index.ts";
import { type Handler, handlers } from "../../runtime/probe/index.ts";
import { declareBuildOptions } from "../build/build.ts";
import { declareBoot } from "../run/booting.ts";
import { maxCyclesOption } from "../run/conclusion.ts";
import { profileOption } from "../run/cost-profiles.ts";
import { declareCpuOptions } from "../run/cpus.ts";
import { declareModuleOptions } from "../run/modules.ts";
import { hitLines, listHits, noteUncallable, parsePlaces, probeAt, registerLines } from "../run/probing.ts";
import { openSession, type SessionOptions } from "../run/session.ts";
import { parseRetarget } from "../run/set-option.ts";
import { type Command, UsageError, writeJson } from "../shell/command.ts";
import { declareSourceRoot } from "../shell/source-lines.ts";

interface Options extends SessionOptions {
	readonly at?: readonly string[];
	readonly handler: Handler;
	readonly outOfLine?: true;
	readonly optimise?: true;
}

export const probe: Command<Options> = {
	name: "probe",
	operands: "<files...>",
	brief: "Run a program with probes on its instructions, and say how often each was hit.",
	examples: [
		["probe pick.js --at deadline", "calls of a function"],
		["probe pick.js --at pick.js:12 --at main+0x10", "a line of a source, a place in a function"],
		["probe pick.js --at deadline --handler print", "a line for every hit, with its arguments"],
		["probe pick.js --at fifo,deadline --set pick=deadline@20", "how often the old and the new target were called"],
		["probe scheduler.js --load policy.js --at earliest", "a function of a module"],
		["probe work.js --cpus 2 --processes 2 --at main", "two processes, each with a copy of the page of its own"],
		["probe pick.js --entry-nops --at deadline --optimise", "a call instead of a breakpoint, where there is a NOP5"],
	],
	declare(line) {
		line.option("--at <place>", "function, label, function+offset or file:line; may be given again", parsePlaces);
		line.addOption(new Option("--handler <what>", "what a hit leaves behind").choices(handlers).default("count"));
		line.option("--out-of-line", "execute in a slot what could be emulated, too");
		line.option("--optimise", "make calls of probes on NOP5 after their first hit");
		line.option("--set <key=function[@cycle]>", "as in run; may be given again", parseRetarget);
		declareModuleOptions(line);
		declareBoot(line);
		declareBuildOptions(line);
		declareCpuOptions(line);
		line.addOption(profileOption);
		line.addOption(maxCyclesOption);
		declareSourceRoot(line);
	},
	async run(terminal, files, options) {
		const { at = [], handler } = options;
		if (at.length === 0) throw new UsageError("nothing to probe: say where with --at");
		const session = await openSession(terminal, files, options, { protocol: protocols[0]!, probes: true });
		const { system, execmem, refused } = session;
		const how = { outOfLine: options.outOfLine ? "always" : "needed", optimise: options.optimise === true } as const;
		const probing = probeAt(system, at, handler, how, execmem);
		if (options.optimise) noteUncallable(terminal, probing);
		const output: string[] = [];
		const end = await session.run({ print: async (lines) => void output.push(...lines) });
		const { lines } = probing.probes;
		const told = handler === "registers" ? registerLines(probing) : lines;
		if (options.json)
			await writeJson(terminal, "patchbay/probe@1", { probes: listHits(probing), lines, output, end, refused });
		else await terminal.write(`${[...told, ...(told.length > 0 ? [""] : []), ...hitLines(probing)].join("\n")}\n`);
		return session.end(end);
	},
};
