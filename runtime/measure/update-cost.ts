// What an update costs, by doing it: CPUs go round a loop over all sites, of one key or of functions that are to be traced,
// the sites are patched, and the clocks say the rest. Unbatched, every site is an update of its own, as Linux's static_call
// does it.

import { assemble } from "../../linker/compile/assemble.ts";
import type { Image } from "../../linker/link/image.ts";
import { link } from "../../linker/link/link.ts";
import { entryNamed, load, start } from "../load.ts";
import { Patcher } from "../machine/layout.ts";
import type { Model } from "../machine/model.ts";
import { type CostProfile, ticksToCycles } from "../machine/profile.ts";
import { type Machine, PAGE } from "../machine/state.ts";
import type { Change } from "../patch/change/change.ts";
import { change, planUpdate } from "../patch/change/update.ts";
import { createSystem } from "../patch/create-system.ts";
import { applyNow, submit } from "../patch/drive/patchers.ts";
import { now, run, settle } from "../patch/drive/run.ts";
import { plan } from "../patch/plan/plan.ts";
import type { Protocol } from "../patch/plan/protocol.ts";
import { early } from "../patch/plan/protocols/index.ts";
import type { Edit } from "../patch/plan/step.ts";
import { patcherClocks, type System } from "../patch/system.ts";

/** Calls of a static call, branches of a static key, entries of functions. */
export const siteFamilies = ["call", "label", "entry"] as const;
/** One of `siteFamilies`. */
export type SiteFamily = (typeof siteFamilies)[number];

/** An update whose cost is measured: how many sites of which kind, on how many CPUs, by which protocol. */
export interface CostCase {
	readonly family: SiteFamily;
	readonly sites: number;
	readonly cpus: number;
	readonly protocol: Protocol;
	readonly model: Model;
	readonly profile: CostProfile;
	/** All sites in one update, or one update each. */
	readonly batched: boolean;
}

/** Per CPU: the mean over all. */
export interface UpdateCost {
	/** Cycles from the first step to the last. */
	readonly latency: number;
	/** Rounds of interrupts. */
	readonly syncs: number;
	readonly interruptsPerCpu: number;
	/** Cycles in which a CPU would have passed more sites, had nobody patched. */
	readonly stolenPerCpu: number;
	/** Traps taken, over all CPUs. */
	readonly traps: number;
}

/** Rounds of the loop before the update, to find what a call takes undisturbed. */
const WARM_UP = 50;
/** The register that counts the sites that a CPU passed. */
const PASSED = 2;

/** Measures one update: CPUs run through the sites in a loop, and every site is changed once. */
export function updateCost(one: CostCase): UpdateCost {
	const image = hotLoop(one);
	const machine = load(image, { ...one, stack: PAGE, started: false });
	const system = createSystem(machine, image, one.protocol);
	const edits = siteEdits(system, one.family);
	for (let cpu = 0; cpu < one.cpus; cpu++) start(machine, cpu, entryNamed(image, "main"));
	const ticksPerSite = warmUp(system, one.sites);
	const before = progress(machine);
	const began = now(system);
	let at = began;
	for (const batch of one.batched ? [edits] : edits.map((edit) => [edit])) at = patchSites(system, batch, at);
	return {
		latency: ticksToCycles(at - began),
		syncs: system.counts.syncs,
		interruptsPerCpu: system.counts.interrupts / one.cpus,
		stolenPerCpu: ticksToCycles(mean(stolen(before, progress(machine), ticksPerSite))),
		traps: system.counts.traps,
	};
}

/** Sites lie inside aligned 8 bytes, so that every protocol can patch them. */
function hotLoop({ family, sites }: CostCase): Image {
	const numbers = Array.from({ length: sites }, (_, i) => i);
	const source = `
        .global main
        .type main, @function
${family === "call" ? "        .static_call hook, one" : "        .static_key hook, 0"}
main:   ${numbers.map(passage[family]).join("\n        ")}
        jmp main
${family === "entry" ? numbers.map((i) => counter(`f${i}`, ".entry_nop")).join("") : counter("one") + counter("two")}`;
	return link([assemble(source, { file: "cost.s", alignSites: true })], { name: "cost" });
}

/** Passes one site of the loop, and counts that. A branch jumps over something, so that its tail changes as well. */
const passage: Readonly<Record<SiteFamily, (i: number) => string>> = {
	call: () => "call __SCT__hook",
	label: (i) => `.balign 8; .static_branch hook, past${i}; nop; past${i}: addi r${PASSED}, r${PASSED}, 1`,
	entry: (i) => `call f${i}`,
};

function counter(name: string, entry = ""): string {
	return `
        .balign 8
        .type ${name}, @function
${name}:    ${entry}
        addi    r${PASSED}, r${PASSED}, 1
        ret
        .size ${name}, .-${name}
`;
}

/** What is to change at the sites, every CPU still off. The key's word and trampoline have been changed before, so that
 * only the sites count. */
function siteEdits(system: System, family: SiteFamily): Edit[] {
	const { image, machine } = system;
	const update = planUpdate(system, [switching(image, family)], early);
	if ("refused" in update) throw new Error(`assert: ${update.refused}`);
	const trampoline = image.keys[0]?.trampoline;
	const beforehand = update.edits.filter(({ address }) => address === trampoline);
	const words = update.transaction!.words;
	applyNow(system, { ...plan(early, beforehand, machine.config.model, words), keys: ["hook"] });
	Object.assign(system.counts, { updates: 0, sites: 0, trampolines: 0, stores: 0, ticks: 0 });
	return update.edits.filter(({ address }) => address !== trampoline);
}

function switching(image: Image, family: SiteFamily): Change {
	if (family === "entry") return { functions: image.entries.map(({ address }) => address), traced: true };
	return change(image, "hook", family === "call" ? "two" : "on");
}

/** @returns ticks per site, undisturbed */
function warmUp(system: System, sites: number): number {
	const cyclesPerRound = 8 * sites;
	run(system, { cycles: WARM_UP * cyclesPerRound });
	const before = progress(system.machine)[0]!;
	run(system, { cycles: 2 * WARM_UP * cyclesPerRound });
	const after = progress(system.machine)[0]!;
	return (after.clock - before.clock) / (after.passed - before.passed);
}

/** @returns when it was done, in ticks */
function patchSites(system: System, batch: readonly Edit[], at: number): number {
	const { machine, protocol } = system;
	const patcher = submit(system, { ...plan(protocol, batch, machine.config.model), keys: ["hook"] }, at);
	if (typeof patcher === "object") throw new Error(`assert: ${patcher.refused}`);
	const end = settle(system);
	if (end !== undefined) throw new Error(`assert: ended as ${end.kind}`);
	return patcherClocks(machine, patcher)[Patcher.clock / 2]!;
}

interface Progress {
	/** Ticks. */
	readonly clock: number;
	readonly passed: number;
}

function progress({ cores }: Machine): Progress[] {
	return cores.map(({ counters, r }) => ({ clock: counters[0]!, passed: r[PASSED]! }));
}

/** Ticks in which each CPU did not get on. */
function stolen(before: readonly Progress[], after: readonly Progress[], ticksPerSite: number): number[] {
	return after.map(({ clock, passed }, cpu) =>
		Math.max(0, clock - before[cpu]!.clock - (passed - before[cpu]!.passed) * ticksPerSite),
	);
}

function mean(values: readonly number[]): number {
	return values.reduce((sum, value) => sum + value, 0) / values.length;
}
