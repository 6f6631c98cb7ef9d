// A storm of updates on a call site that several CPUs run all the time, while each sees the oldest bytes that the model
// allows: how often something went wrong. What a CPU executes at the site is looked at each time (machine/watch.ts).
//
// The two targets and the site are placed so that every mixture of the old and the new instruction calls a function
// too, which counts what came there: a torn call is no crash here, and a run goes on to the next.

import { assemble } from "../../linker/compile/assemble.ts";
import { SITE_BYTES } from "../../linker/format/static-calls.ts";
import { encode } from "../../linker/isa/index.ts";
import type { Image } from "../../linker/link/image.ts";
import { link } from "../../linker/link/link.ts";
import { entryNamed, load, start } from "../load.ts";
import { Cpu, Status } from "../machine/layout.ts";
import type { Model } from "../machine/model.ts";
import { type CostProfile, TICKS_PER_CYCLE } from "../machine/profile.ts";
import { profiles } from "../machine/profiles/index.ts";
import { getCpu, type Machine, PAGE } from "../machine/state.ts";
import { sightings, watch } from "../machine/watch.ts";
import { change, planUpdate } from "../patch/change/update.ts";
import { createSystem } from "../patch/create-system.ts";
import { submit } from "../patch/drive/patchers.ts";
import { now, type RunEnd, run, settle } from "../patch/drive/run.ts";
import type { Protocol } from "../patch/plan/protocol.ts";
import { same } from "../patch/plan/step.ts";
import type { System } from "../patch/system.ts";

/** Calls of one site, under a storm of updates. */
export interface StormCase {
	readonly protocol: Protocol;
	readonly model: Model;
	/** Where the site is: inside an aligned 8 bytes, or across two. */
	readonly site: "aligned" | "straddling";
	readonly cpus: number;
	/** At least so many, over all CPUs and runs. */
	readonly calls: number;
	/** The seed of the first run; every further one has the next. */
	readonly seed: number;
}

/** What came of it, over all runs. */
export interface StormCounts {
	calls: number;
	updates: number;
	/** Executions at the site of what is neither the old instruction nor the new one nor what the protocol puts there. */
	torn: number;
	/** Executions of the old instruction after the update was complete. */
	stale: number;
	/** Calls that came to neither target. */
	lost: number;
	/** Runs that a trap ended. */
	died: number;
}

/** Calls of one CPU in one run, at most. */
const RUN = 5000;
/** Cycles between two updates: from 1 to so many. */
const GAP = 400;
/** Events are cheap, so that much happens in few cycles. */
const profile: CostProfile = {
	...profiles.find(({ name }) => name === "in-order")!,
	name: "storm",
	trap: 5,
	syncRound: 10,
	syncCpu: 0,
	interrupt: 3,
	poke: 4,
};

/** Registers that every CPU counts in: calls made, arrived at one, at two, elsewhere. */
const MADE = 8;
const ONE = 9;
const TWO = 10;
const ASTRAY = 11;

/** @returns undefined when the protocol does not take such a site */
export function storm(one: StormCase): StormCounts | undefined {
	const image = targetsApart(one.site, Math.min(RUN, Math.ceil(one.calls / one.cpus)));
	const counts: StormCounts = { calls: 0, updates: 0, torn: 0, stale: 0, lost: 0, died: 0 };
	for (let seed = one.seed; counts.calls < one.calls; seed++)
		if (!stormOnce(image, one, seed, counts)) return undefined;
	return counts;
}

/** Makes one run. It ends when all calls are made, by a trap, or where some CPU may still see more values than the machine
 * remembers, as with a fetch queue that nobody ever empties: what was counted until then counts.
 * @returns false when the protocol refuses the site */
function stormOnce(image: Image, { protocol, model, cpus }: StormCase, seed: number, counts: StormCounts): boolean {
	const machine = load(image, {
		profile,
		model,
		fetch: "stale",
		seed,
		cpus,
		stack: PAGE,
		histories: 256,
		values: 255,
		started: false,
	});
	for (let cpu = 0; cpu < cpus; cpu++) start(machine, cpu, entryNamed(image, "main"));
	const system = createSystem(machine, image, protocol);
	const site = image.sites[0]!.address;
	watch(machine, site);
	const transient = transients(protocol);
	const ways = { one: callTo(image, site, "one"), two: callTo(image, site, "two") };
	let holds = ways.one;
	let end: RunEnd | undefined;
	for (let gaps = seed, to: "one" | "two" = "two"; end === undefined; to = to === "one" ? "two" : "one") {
		gaps = (Math.imul(gaps, 1103515245) + 12345) & 0x7fffffff;
		end = pause(system, 1 + ((gaps >> 8) % GAP));
		count(machine, counts, [holds], holds === ways.one ? ways.two : ways.one);
		if (end !== undefined) break;
		const update = planUpdate(system, [change(image, "hook", to)], protocol);
		if ("refused" in update) return false;
		submit(system, update, now(system));
		end = settle(system);
		count(machine, counts, [ways.one, ways.two, ...transient], undefined);
		holds = ways[to];
	}
	if (end.kind === "trapped") counts.died++;
	counts.updates += system.counts.updates;
	countCalls(machine, counts);
	return true;
}

/** @returns why the run ended, if it did */
function pause(system: System, cycles: number): RunEnd | undefined {
	const end = run(system, { cycles: now(system) / TICKS_PER_CYCLE + cycles });
	return end.kind === "limit" ? undefined : end;
}

/** Judges what the CPUs executed at the site since the last time. */
function count(
	machine: Machine,
	counts: StormCounts,
	right: readonly Uint8Array[],
	outdated: Uint8Array | undefined,
): void {
	for (const { bytes } of sightings(machine)) {
		// Nothing was executed: the page was not executable just then, and the CPU tries again.
		if (bytes.length === 0 || right.some((one) => same(one, bytes))) continue;
		if (outdated !== undefined && same(outdated, bytes)) counts.stale++;
		else counts.torn++;
	}
}

/** A CPU that still ran when another one died may be in the middle of a call. */
function countCalls(machine: Machine, counts: StormCounts): void {
	for (const { id, r } of machine.cores) {
		const underWay = getCpu(machine, id, Cpu.status) === Status.running;
		counts.calls += r[MADE]!;
		counts.lost += underWay ? r[ASTRAY]! : r[MADE]! - r[ONE]! - r[TWO]!;
	}
}

/** What the protocol itself lets CPUs run at a site. */
function transients({ phases }: Protocol): Uint8Array[] {
	const has = (part: "breakpoint" | "spin"): boolean =>
		phases.some((phase) => phase.kind === "write" && phase.part === part);
	return [...(has("breakpoint") ? [encode("brk")] : []), ...(has("spin") ? [encode("spin")] : [])];
}

function callTo(image: Image, site: number, name: string): Uint8Array {
	return encode("call", { imm: image.symbolNamed(name)!.address - (site + SITE_BYTES) });
}

/** Where the loop is, and the distances of what is called from the end of the site: each bit is in another byte of the
 * instruction. */
const LOOP = 0x40_0000;
const NEAREST = 0x2000;
const CLOSE = [8, 16] as const;
const FAR = [0x1000, 0x10_0000] as const;

/** A loop around one site; the targets differ in every byte of the displacement, and all mixtures lie between them. */
function targetsApart(placement: StormCase["site"], calls: number): Image {
	// From the start of the loop to the end of the site: its place modulo 8 is 0 or 6.
	const end = placement === "aligned" ? 16 + SITE_BYTES : 14 + SITE_BYTES;
	const source = `
        .global main
        .static_call hook, one
        .section .loop, "ax"
        .type main, @function
main:   movi    r7, ${calls}
        .balign 8
again:  ${placement === "aligned" ? "nop; nop" : ""}
        addi    r${MADE}, r${MADE}, 1
        call    __SCT__hook
        cmp     r${MADE}, r7
        jlt     again
        ret
${sums(FAR).map(cluster).join("")}`;
	const starts = sums(FAR).map((far, i): [string, number] => [`.far${i}`, LOOP + end + NEAREST + far]);
	const sectionStart = new Map([[".loop", LOOP], ...starts]);
	const alignSites = placement === "aligned";
	return link([assemble(source, { file: "storm.s", alignSites })], { name: "storm", sectionStart, textBase: TEXT });
}

/** For what the linker adds, out of the way. */
const TEXT = 0x100_0000;

/** What lies close together; the first of all is `one`, the last is `two`. */
function cluster(_: number, i: number, all: readonly number[]): string {
	const slots = sums(CLOSE).map((_, j, close) => {
		const name = i + j === 0 ? "one" : i === all.length - 1 && j === close.length - 1 ? "two" : undefined;
		const counter = { one: ONE, two: TWO, astray: ASTRAY }[name ?? "astray"];
		const label = name === undefined ? "" : `        .type ${name}, @function\n${name}:`;
		return `${label}\n        addi    r${counter}, r${counter}, 1\n        ret\n        brk\n`;
	});
	return `        .section .far${i}, "ax"\n${slots.join("")}`;
}

/** All sums of some of the distances, ascending. */
function sums(distances: readonly number[]): number[] {
	let all = [0];
	for (const distance of distances) all = all.flatMap((sum) => [sum, sum + distance]);
	return all.sort((a, b) => a - b);
}
