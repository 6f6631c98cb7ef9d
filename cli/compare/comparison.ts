// What static calls cost beside their alternatives: the same program built five ways, each run on the same machine.
// Clocks are exact, so small differences mean something. docs/cli.md says how each figure is made.

import { type ElfObject, STT_FUNC } from "../../linker/elf/index.ts";
import { costClasses, encode } from "../../linker/isa/index.ts";
import { type Image, link } from "../../linker/link/index.ts";
import { SITE_BYTES, TRAMPOLINE_PREFIX } from "../../linker/sites/index.ts";
import { load } from "../../runtime/load.ts";
import { type CostProfile, Cpu, getCounter, TICKS_PER_CYCLE, ticksToCycles } from "../../runtime/machine/index.ts";
import {
	type BootOptions,
	breakpoint,
	change,
	createSystem,
	keyNames,
	planUpdate,
	type System,
	settle,
	submit,
} from "../../runtime/patch/index.ts";
import { loadObjects } from "../build/build.ts";
import { execute } from "../run/execute.ts";
import { describeTrap } from "../run/faults.ts";
import { prepare, type Retarget } from "../run/set-option.ts";
import { ProgramError } from "../shell/command.ts";
import { plainCalls } from "./plain-calls.ts";

export interface Way {
	readonly name: "direct" | "static inline" | "static trampoline" | "FFP pointer" | "FFP + retpoline";
	/** What the whole program takes, without its updates; undefined: this program cannot be built that way. */
	readonly cycles: number | undefined;
	/** Over a plain call, on average. */
	readonly extraPerCall: number | undefined;
	readonly bytesPerSite: number;
	/** What an update of one key costs at run time, on average; undefined: only linking again changes it. */
	readonly update: { readonly cycles: number; readonly syncs: number } | undefined;
}

export interface Comparison {
	/** Calls of keys that were executed. */
	readonly calls: number;
	readonly keys: number;
	readonly sites: number;
	/** Patched branches; in the ways with pointers they look at their keys instead. */
	readonly branches: number;
	/** What the program costs with plain calls, or would. */
	readonly plainCycles: number;
	/** Updates that the program makes itself: plain calls cannot follow them. */
	readonly ownUpdates: number;
	readonly ways: readonly Way[];
}

export interface Conditions {
	readonly profile: CostProfile;
	/** Made before the start. */
	readonly retargets: readonly Retarget[];
}

/** A program built one way, run to its end. */
export interface Finished {
	readonly image: Image;
	readonly system: System;
	readonly output: readonly string[];
	/** Without what its own updates took. */
	readonly cycles: number;
}

/** @throws ProgramError when the program traps: then there is nothing to compare */
export async function compareWays(files: readonly string[], conditions: Conditions): Promise<Comparison> {
	const objects = await loadObjects(files, "inline");
	const inline = await finish(link(objects, { name: files[0]! }), conditions, {});
	const trampoline = await finish(link(objects, { name: files[0]!, staticCalls: "trampoline" }), conditions, {});
	const ownUpdates = inline.system.counts.updates;
	const plain = ownUpdates > 0 ? undefined : await finish(linkPlain(objects, files[0]!, conditions), conditions, {});
	const calls = await countCalls(objects, files[0]!, conditions);
	const { sites, keys, labels } = inline.image;
	const plainCycles = plain?.cycles ?? inline.cycles;
	const way = (name: Way["name"], { cycles, image }: Finished, bytesPerSite: number): Way => ({
		name,
		cycles,
		extraPerCall: calls === 0 ? undefined : (cycles - plainCycles) / calls,
		bytesPerSite,
		update: updateCost(image, conditions.profile),
	});
	const ways: Way[] = [
		{ name: "direct", cycles: plain?.cycles, extraPerCall: plain && 0, bytesPerSite: SITE_BYTES, update: undefined },
		way("static inline", inline, SITE_BYTES),
		way("static trampoline", trampoline, SITE_BYTES),
	];
	for (const { name, mode, instructions } of pointerWays) {
		if (!files.every((file) => file.endsWith(".js"))) continue;
		const pointers = await loadObjects(files, mode);
		const finished = await finish(link(pointers, { name: files[0]! }), conditions, {});
		if (finished.output.join("\n") !== inline.output.join("\n")) throw new Error(`${name} prints something else`);
		ways.push(
			way(
				name,
				finished,
				instructions.reduce((sum, mnemonic) => sum + encode(mnemonic).length, 0),
			),
		);
	}
	return { calls, keys: keys.length, sites: sites.length, branches: labels.length, plainCycles, ownUpdates, ways };
}

/** The instructions are those of a call. */
const pointerWays = [
	{ name: "FFP pointer", mode: "ffp", instructions: ["callm"] },
	{ name: "FFP + retpoline", mode: "ffp-retpoline", instructions: ["movi", "ld", "call"] },
] as const;

function linkPlain(objects: readonly ElfObject[], name: string, { retargets }: Conditions): Image {
	return link(
		plainCalls(objects, new Map(retargets.flatMap(({ targets }) => targets.map(({ key, target }) => [key, target])))),
		{ name },
	);
}

/** @param options what is settled before the start; undefined: nothing */
export async function finish(
	image: Image,
	{ profile, retargets }: Conditions,
	options: BootOptions | undefined,
): Promise<Finished> {
	const system = createSystem(load(image, { profile }), image, breakpoint);
	prepare(system, retargets, options);
	const output: string[] = [];
	const end = await execute(system, { print: async (lines) => void output.push(...lines) });
	if (end.kind === "trapped") throw new ProgramError(describeTrap(system, end));
	if (end.kind !== "halted") throw new ProgramError(`${image.name}: does not come to an end`);
	const cycles = ticksToCycles(getCounter(system.machine, 0, Cpu.clock) - system.counts.ticks);
	return { image, system, output, cycles };
}

/** On a machine where only indirect jumps take longer than the shortest time, the time over that counts them. */
export const countingProfile: CostProfile = {
	name: "counting",
	source: "no machine: one tick an instruction, two an indirect jump",
	cycles: {
		...(Object.fromEntries(costClasses.map((cost) => [cost, 1 / TICKS_PER_CYCLE])) as CostProfile["cycles"]),
		indirect: 2 / TICKS_PER_CYCLE,
	},
	mispredict: 0,
	trap: 0,
	syscall: 0,
	syncRound: 0,
	syncCpu: 0,
	interrupt: 0,
	poke: 0,
	farLine: 0,
};

/** Linked as `pointer`, every call of a key goes through one indirect jump that is not there otherwise. */
async function countCalls(objects: readonly ElfObject[], name: string, conditions: Conditions): Promise<number> {
	const counted = await Promise.all(
		(["pointer", "trampoline"] as const).map(async (staticCalls) => {
			const image = link(objects, { name, staticCalls });
			const { cycles, system } = await finish(image, { ...conditions, profile: countingProfile }, {});
			return cycles * TICKS_PER_CYCLE - getCounter(system.machine, 0, Cpu.instructions);
		}),
	);
	return counted[0]! - counted[1]!;
}

/** Retargets each key once, on a machine that has just been started. */
function updateCost(image: Image, profile: CostProfile): Way["update"] {
	const names = keyNames(image);
	let cycles = 0;
	let syncs = 0;
	for (const name of names) {
		const system = createSystem(load(image, { profile }), image, breakpoint);
		updateSomehow(system, name);
		cycles += ticksToCycles(system.counts.ticks);
		syncs += system.counts.syncs;
	}
	return names.length === 0 ? undefined : { cycles: cycles / names.length, syncs: syncs / names.length };
}

/** To the first function that fits and is not called already, from outside while the program runs. */
function updateSomehow(system: System, key: string): void {
	for (const { name, type } of system.image.symbols) {
		if (type !== STT_FUNC || name.startsWith(TRAMPOLINE_PREFIX)) continue;
		const update = planUpdate(system, [change(system.image, key, name)], breakpoint);
		if ("refused" in update || update.steps.length === 0) continue;
		submit(system, update, 0);
		settle(system);
		return;
	}
}
