// What an update costs, by doing it: CPUs go round a loop over all sites of one key, the key is retargeted, and the
// clocks say the rest. Unbatched, every site is an update of its own, as Linux's static_call does it.

import { assemble } from "../../linker/compile/assemble.ts";
import type { Image } from "../../linker/link/image.ts";
import { link } from "../../linker/link/link.ts";
import { entryNamed, load, start } from "../load.ts";
import { Patcher } from "../machine/layout.ts";
import type { Model } from "../machine/model.ts";
import { type CostProfile, ticksToCycles } from "../machine/profile.ts";
import { type Machine, PAGE } from "../machine/state.ts";
import { createSystem } from "./create-system.ts";
import { applyNow, submit } from "./patchers.ts";
import { plan } from "./plan.ts";
import type { Protocol } from "./protocol.ts";
import { early } from "./protocols/index.ts";
import { now, run, settle } from "./run.ts";
import type { Edit } from "./step.ts";
import { patcherClocks, type System } from "./system.ts";
import { change, planUpdate } from "./update.ts";

export interface CostCase {
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
	/** Cycles in which a CPU would have made more calls, had nobody patched. */
	readonly stolenPerCpu: number;
	/** Traps taken, over all CPUs. */
	readonly traps: number;
}

/** Rounds of the loop before the update, to find what a call takes undisturbed. */
const WARM_UP = 50;
/** The register in which both targets count the calls that a CPU made. */
const CALLS = 2;

export function updateCost(one: CostCase): UpdateCost {
	const image = hotLoop(one.sites);
	const machine = load(image, { ...one, stack: PAGE, started: false });
	const system = createSystem(machine, image, one.protocol);
	const edits = siteEdits(system);
	for (let cpu = 0; cpu < one.cpus; cpu++) start(machine, cpu, entryNamed(image, "main"));
	const ticksPerCall = warmUp(system, one.sites);
	const before = progress(machine);
	const began = now(system);
	let at = began;
	for (const batch of one.batched ? [edits] : edits.map((edit) => [edit])) at = patchSites(system, batch, at);
	return {
		latency: ticksToCycles(at - began),
		syncs: system.counts.syncs,
		interruptsPerCpu: system.counts.interrupts / one.cpus,
		stolenPerCpu: ticksToCycles(mean(stolen(before, progress(machine), ticksPerCall))),
		traps: system.counts.traps,
	};
}

/** Sites lie inside aligned 8 bytes, so that every protocol can patch them. */
function hotLoop(sites: number): Image {
	const source = `
        .static_call hook, one
        .type main, @function
main:   ${"call __SCT__hook\n        ".repeat(sites)}jmp main
        .type one, @function
one:    addi    r${CALLS}, r${CALLS}, 1
        ret
        .type two, @function
two:    addi    r${CALLS}, r${CALLS}, 1
        ret
        .global main
`;
	return link([assemble(source, { file: "cost.s", alignSites: true })], { name: "cost" });
}

/** What is to change at the call sites, every CPU still off. The trampoline and the key have been changed before, so that
 * only call sites count. */
function siteEdits(system: System): Edit[] {
	const { image, machine } = system;
	const update = planUpdate(system, [change(image, "hook", "two")], early);
	if ("refused" in update) throw new Error(`assert: ${update.refused}`);
	const { trampoline } = image.keys[0]!;
	const beforehand = update.edits.filter(({ address }) => address === trampoline);
	applyNow(system, { ...plan(early, beforehand, machine.config.model, update.transaction!.words), keys: ["hook"] });
	Object.assign(system.counts, { updates: 0, sites: 0, stores: 0, ticks: 0 });
	return update.edits.filter(({ address }) => address !== trampoline);
}

/** @returns ticks per call, undisturbed */
function warmUp(system: System, sites: number): number {
	const cyclesPerRound = 8 * sites;
	run(system, { cycles: WARM_UP * cyclesPerRound });
	const before = progress(system.machine)[0]!;
	run(system, { cycles: 2 * WARM_UP * cyclesPerRound });
	const after = progress(system.machine)[0]!;
	return (after.clock - before.clock) / (after.calls - before.calls);
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
	readonly calls: number;
}

function progress({ cores }: Machine): Progress[] {
	return cores.map(({ counters, r }) => ({ clock: counters[0]!, calls: r[CALLS]! }));
}

/** Ticks in which each CPU did not get on. */
function stolen(before: readonly Progress[], after: readonly Progress[], ticksPerCall: number): number[] {
	return after.map(({ clock, calls }, cpu) =>
		Math.max(0, clock - before[cpu]!.clock - (calls - before[cpu]!.calls) * ticksPerCall),
	);
}

function mean(values: readonly number[]): number {
	return values.reduce((sum, value) => sum + value, 0) / values.length;
}
