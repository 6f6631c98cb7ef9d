// Every command, in the order of the help; a new one is a file beside and a line here.

import type { Command } from "../command.ts";
import { ablate } from "./ablate.ts";
import { asm } from "./asm.ts";
import { check } from "./check.ts";
import { compare } from "./compare.ts";
import { compile } from "./compile.ts";
import { cost } from "./cost.ts";
import { demo } from "./demo.ts";
import { dump } from "./dump.ts";
import { link } from "./link.ts";
import { matrix } from "./matrix.ts";
import { merge } from "./merge.ts";
import { patch } from "./patch.ts";
import { rewrite } from "./rewrite.ts";
import { run } from "./run.ts";
import { sites } from "./sites.ts";
import { synthesize } from "./synthesize.ts";

export const commands = [
	demo,
	run,
	compile,
	asm,
	sites,
	dump,
	link,
	patch,
	rewrite,
	compare,
	cost,
	check,
	matrix,
	ablate,
	synthesize,
	merge,
] as readonly Command<object>[];
