// Every command, in the groups and the order of the help; a new one is a file beside and a line here. Each is loaded when it is needed:
// a command line names one of them, and starting is a good part of what a short one takes.

import type { Command } from "../shell/command.ts";

const groups: Readonly<Record<string, Readonly<Record<string, () => Promise<unknown>>>>> = {
	"First steps": {
		demo: async () => (await import("./demo.ts")).demo,
		lab: async () => (await import("./lab.ts")).lab,
	},
	"Programs of the toy machine": {
		run: async () => (await import("./run.ts")).run,
		compile: async () => (await import("./compile.ts")).compile,
		asm: async () => (await import("./asm.ts")).asm,
		link: async () => (await import("./link.ts")).link,
		rewrite: async () => (await import("./rewrite.ts")).rewrite,
		patch: async () => (await import("./patch.ts")).patch,
		trace: async () => (await import("./trace.ts")).trace,
		probe: async () => (await import("./probe.ts")).probe,
		maps: async () => (await import("./maps.ts")).maps,
	},
	"What lies in files": {
		sites: async () => (await import("./sites.ts")).sites,
		tables: async () => (await import("./tables.ts")).tables,
		dump: async () => (await import("./dump.ts")).dump,
	},
	"Files and processes of real machines": {
		collect: async () => (await import("./collect.ts")).collect,
		retarget: async () => (await import("./retarget.ts")).retarget,
		live: async () => (await import("./live.ts")).live,
		native: async () => (await import("./native.ts")).native,
	},
	Measurements: {
		compare: async () => (await import("./compare.ts")).compare,
		cost: async () => (await import("./cost.ts")).cost,
		execmem: async () => (await import("./execmem.ts")).execmem,
		layouts: async () => (await import("./layouts.ts")).layouts,
		"bench-native": async () => (await import("./bench-native.ts")).benchNative,
	},
	"Proofs and attempts to break": {
		check: async () => (await import("./check.ts")).check,
		matrix: async () => (await import("./matrix.ts")).matrix,
		ablate: async () => (await import("./ablate.ts")).ablate,
		synthesize: async () => (await import("./synthesize.ts")).synthesize,
		chaos: async () => (await import("./chaos.ts")).chaos,
		stress: async () => (await import("./stress.ts")).stress,
		merge: async () => (await import("./merge.ts")).merge,
	},
};

const loaders = Object.assign({}, ...Object.values(groups)) as Readonly<Record<string, () => Promise<unknown>>>;

/** The title under which the help and docs/cli.md have a command. */
export function groupOf(name: string): string | undefined {
	return Object.entries(groups).find(([, commands]) => Object.hasOwn(commands, name))?.[0];
}

/** The command of that name alone, or all of them where there is none; none for who asks for the version. */
export async function loadCommands(name?: string): Promise<readonly Command<object>[]> {
	if (name === "--version" || name === "-V") return [];
	const named = Object.entries(loaders).filter(([each]) => each === name);
	const chosen = named.length > 0 ? named.map(([, load]) => load) : Object.values(loaders);
	return (await Promise.all(chosen.map((load) => load()))) as readonly Command<object>[];
}
