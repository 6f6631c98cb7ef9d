// Every command, in the order of the help; a new one is a file beside and a line here. Each is loaded when it is needed:
// a command line names one of them, and starting is a good part of what a short one takes.

import type { Command } from "../shell/command.ts";

const loaders = {
	demo: async () => (await import("./demo.ts")).demo,
	lab: async () => (await import("./lab.ts")).lab,
	run: async () => (await import("./run.ts")).run,
	trace: async () => (await import("./trace.ts")).trace,
	probe: async () => (await import("./probe.ts")).probe,
	maps: async () => (await import("./maps.ts")).maps,
	execmem: async () => (await import("./execmem.ts")).execmem,
	layouts: async () => (await import("./layouts.ts")).layouts,
	compile: async () => (await import("./compile.ts")).compile,
	asm: async () => (await import("./asm.ts")).asm,
	sites: async () => (await import("./sites.ts")).sites,
	tables: async () => (await import("./tables.ts")).tables,
	dump: async () => (await import("./dump.ts")).dump,
	live: async () => (await import("./live.ts")).live,
	collect: async () => (await import("./collect.ts")).collect,
	retarget: async () => (await import("./retarget.ts")).retarget,
	link: async () => (await import("./link.ts")).link,
	patch: async () => (await import("./patch.ts")).patch,
	rewrite: async () => (await import("./rewrite.ts")).rewrite,
	compare: async () => (await import("./compare.ts")).compare,
	cost: async () => (await import("./cost.ts")).cost,
	chaos: async () => (await import("./chaos.ts")).chaos,
	stress: async () => (await import("./stress.ts")).stress,
	native: async () => (await import("./native.ts")).native,
	"bench-native": async () => (await import("./bench-native.ts")).benchNative,
	check: async () => (await import("./check.ts")).check,
	matrix: async () => (await import("./matrix.ts")).matrix,
	ablate: async () => (await import("./ablate.ts")).ablate,
	synthesize: async () => (await import("./synthesize.ts")).synthesize,
	merge: async () => (await import("./merge.ts")).merge,
};

/** The command of that name alone, or all of them where there is none; none for who asks for the version. */
export async function loadCommands(name?: string): Promise<readonly Command<object>[]> {
	if (name === "--version" || name === "-V") return [];
	const named = Object.entries(loaders).filter(([each]) => each === name);
	const chosen = named.length > 0 ? named.map(([, load]) => load) : Object.values(loaders);
	return (await Promise.all(chosen.map((load) => load()))) as readonly Command<object>[];
}
