// What a CPU may execute at a site that somebody changes: what was there, what comes there, what is there for a while, each
// with its effect; and after the change only what came. With several changes of one site each is judged by its own order.

import { decode } from "../../linker/isa/decode.ts";
import { encode } from "../../linker/isa/encode.ts";
import type { Instruction } from "../../linker/isa/instruction-set.ts";
import { SP } from "../../linker/isa/sets/toy.ts";
import { Cpu, Global, Patcher, Status } from "../machine/layout.ts";
import { getCpu, type Machine } from "../machine/state.ts";
import { loadedWord } from "../machine/words.ts";
import { getPatcher, type System, setPatcher } from "../patch/system.ts";
import type { Occurrence, Property } from "./properties.ts";

/** A site that a plan changes, and what may be executed there. */
export interface WatchedSite {
	readonly patcher: number;
	readonly address: number;
	readonly old: Instruction;
	readonly new: Instruction;
	/** Every instruction the protocol puts there for a while. */
	readonly passing: readonly Instruction[];
	/** What is done in place of a probe's breakpoint, whichever side it is on. */
	readonly means: Instruction | undefined;
}

/** The sites of all plans by address; a site of several plans has several. */
export function watchedSites(system: System): Map<number, WatchedSite[]> {
	const sites = new Map<number, WatchedSite[]>();
	for (const [patcher, { edits }] of system.plans.entries()) {
		for (const { address, old, bytes, means } of edits) {
			const passing = [decode(encode("brk"), 0)!, decode(encode("spin"), 0)!];
			const site = {
				patcher,
				address,
				old: decode(old, 0)!,
				new: decode(bytes, 0)!,
				passing,
				means: means && decode(means, 0),
			};
			sites.set(address, [...(sites.get(address) ?? []), site]);
		}
	}
	return sites;
}

/** Judges what a CPU executed at a site, by a fetch or by the trap.
 * @param sites what every plan makes of the site
 * @param fetched the instruction; undefined when there was none, or when the trap emulated
 * @param trapped whether the trap did it
 * @param sp the stack pointer before
 * @returns the property that broke, and what was seen */
export function judgeSite(
	system: System,
	sites: readonly WatchedSite[],
	cpu: number,
	fetched: Instruction | undefined,
	trapped: boolean,
	sp: number,
	seen: (what: Occurrence) => void,
): Property | undefined {
	const done = trapped ? emulatedAt(system, sites) : fetchedAt(sites, fetched);
	if (done === undefined) {
		if (!sites.some(({ passing }) => passing.some((one) => isSame(fetched, one)))) return "torn";
		if (fetched!.row.flow === "trap") seen("trap");
		return undefined;
	}
	const { site, isNew, meant } = done;
	seen(isNew ? "new" : "old");
	if (isStale(system, sites, isNew ? site.new : site.old)) return "stale";
	if (isUnderWay(system.machine, cpu)) return undefined;
	return landsRight(system, site, meant, cpu, sp) ? undefined : "target";
}

/** What was executed at a site: on which side of whose change it is, and what it was to do. */
interface Done {
	readonly site: WatchedSite;
	readonly isNew: boolean;
	readonly meant: Instruction;
}

/** The trap executes the new instruction of the batch that is armed, or what a probe's breakpoint stands for. */
function emulatedAt({ machine }: System, sites: readonly WatchedSite[]): Done {
	const armed = machine.words[Global.armed]! - 1;
	const site = sites.find(({ patcher }) => patcher === armed) ?? sites[0]!;
	const isNew = site.means === undefined || site.new.row.flow === "trap";
	return { site, isNew, meant: site.means ?? site.new };
}

/** @returns undefined when it is neither what was there nor what comes there */
function fetchedAt(sites: readonly WatchedSite[], fetched: Instruction | undefined): Done | undefined {
	const changed = sites.find((one) => isSame(fetched, one.new));
	const site = changed ?? sites.find((one) => isSame(fetched, one.old));
	return site && { site, isNew: changed !== undefined, meant: fetched! };
}

function isSame(fetched: Instruction | undefined, one: Instruction): boolean {
	return fetched !== undefined && equal(fetched, one);
}

/** Whether an update that is complete replaced this instruction: it put another one there, and nobody put this one there since. Whoever
 * was done before it began does not count. */
function isStale(system: System, sites: readonly WatchedSite[], executed: Instruction): boolean {
	const putSince = (patcher: number): boolean =>
		sites.some((other) => {
			const isEarlier = (getPatcher(system.machine, patcher, Patcher.preceding) & (1 << other.patcher)) !== 0;
			return equal(other.new, executed) && hasBegun(system, other.patcher) && !isEarlier;
		});
	return sites.some((site) => isDone(system, site.patcher) && !equal(site.new, executed) && !putSince(site.patcher));
}

/** Notes, where a patcher is about to begin, which others that change the same sites are done. It keeps no note where nobody does. */
export function noteBeginning(system: System, patcher: number): void {
	if (getPatcher(system.machine, patcher, Patcher.at) !== beginningOf(system, patcher)) return;
	const own = new Set(system.plans[patcher]!.edits.map(({ address }) => address));
	let preceding = 0;
	for (const [other, { edits }] of system.plans.entries()) {
		const shares = other !== patcher && edits.some(({ address }) => own.has(address));
		if (shares && isDone(system, other)) preceding |= 1 << other;
	}
	setPatcher(system.machine, patcher, Patcher.preceding, preceding);
}

/** The first step that does something: before it the patcher waits for others. */
function beginningOf(system: System, patcher: number): number {
	return system.plans[patcher]!.steps.findIndex(({ kind }) => kind !== "after");
}

function hasBegun(system: System, patcher: number): boolean {
	return getPatcher(system.machine, patcher, Patcher.at) > beginningOf(system, patcher);
}

function isDone(system: System, patcher: number): boolean {
	return getPatcher(system.machine, patcher, Patcher.at) >= system.plans[patcher]!.steps.length;
}

/** Whether the instruction has not happened yet: the CPU trapped, executes it elsewhere, or waits for a place to. */
function isUnderWay(machine: Machine, cpu: number): boolean {
	const status = getCpu(machine, cpu, Cpu.status);
	return status === Status.trapped || status === Status.waiting || getCpu(machine, cpu, Cpu.stepping) !== 0;
}

/** Where the instruction leads, and what it does to the stack, told independently of its `execute`. */
function landsRight(system: System, site: WatchedSite, instruction: Instruction, cpu: number, sp: number): boolean {
	const { machine } = system;
	const pc = getCpu(machine, cpu, Cpu.pc);
	const now = machine.cores[cpu]!.r[SP]!;
	const next = site.address + instruction.length;
	const target = next + instruction.imm;
	switch (instruction.row.flow) {
		case "call":
			return pc === target && now === sp - 4 && loadedWord(machine, cpu, now) === next;
		case "jump":
			return pc === target && now === sp;
		case "branch":
			return (pc === target || pc === next) && now === sp;
		case "return":
			return now === sp + 4 && pc === loadedWord(machine, cpu, sp);
		default:
			// A probe may be on any instruction, also on one that moves the stack pointer or goes nobody knows where.
			return site.means === undefined ? pc === next && now === sp : pc === next || instruction.row.flow !== "next";
	}
}

export function equal(a: Instruction, b: Instruction): boolean {
	return a.row === b.row && a.a === b.a && a.b === b.b && a.c === b.c && a.imm === b.imm;
}
