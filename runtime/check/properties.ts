// What must always hold, judged at each move, and what must sometimes happen.

import { decode } from "../../linker/isa/decode.ts";
import { encode } from "../../linker/isa/encode.ts";
import type { Instruction } from "../../linker/isa/instruction-set.ts";
import { SP } from "../../linker/isa/sets/toy.ts";
import { Cpu, Patcher, Status } from "../machine/layout.ts";
import { writableAndExecutable } from "../machine/memory.ts";
import { getCpu, type Machine } from "../machine/state.ts";
import { readWord } from "../machine/words.ts";
import { getPatcher, type System } from "../patch/system.ts";

export const properties = {
	torn: "no CPU executes an instruction at a site that nobody put there",
	target: "every call reaches the old or the new target, with the right return address and stack",
	breakpoint: "every breakpoint that a patcher placed is served",
	stale: "after the update returned nobody starts the old target",
	"w^x": "no page is writable and executable in any view a CPU may hold",
	fault: "no CPU traps",
	freed: "nobody executes text that is freed or not written yet",
	never: "no CPU comes to a place that the scenario rules out",
	finish: "the update finishes",
} as const;
export type Property = keyof typeof properties;
export const propertyNames = Object.keys(properties) as Property[];

/** What a run must show at least once, against vacuous success. */
export const occurrences = {
	new: "the new target is reached",
	old: "the old target is reached",
	trap: "the breakpoint is met",
} as const;
export type Occurrence = keyof typeof occurrences;

/** A site that a plan changes, and what may be executed there. */
export interface WatchedSite {
	readonly patcher: number;
	readonly address: number;
	readonly old: Instruction;
	readonly new: Instruction;
	/** Every instruction the protocol puts there for a while. */
	readonly passing: readonly Instruction[];
	/** Of a probe: what is done in the breakpoint's place, whichever side it is on. */
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
 * @param executed the instruction that was fetched; undefined when there was none, or when the trap emulated
 * @param trapped whether the trap did it
 * @param sp the stack pointer before
 * @returns the property that broke, and what was seen */
export function judgeSite(
	system: System,
	site: WatchedSite,
	cpu: number,
	executed: Instruction | undefined,
	trapped: boolean,
	sp: number,
	seen: (what: Occurrence) => void,
): Property | undefined {
	const { machine } = system;
	const isOne = (instruction: Instruction): boolean => executed !== undefined && equal(executed, instruction);
	if (!trapped && !isOne(site.old) && !isOne(site.new)) {
		if (!site.passing.some(isOne)) return "torn";
		if (executed!.row.flow === "trap") seen("trap");
		return undefined;
	}
	const done = isDone(system, site.patcher);
	const isNew = trapped ? site.means === undefined || site.new.row.flow === "trap" : isOne(site.new);
	seen(isNew ? "new" : "old");
	if (done && !isNew) return "stale";
	if (isUnderWay(machine, cpu)) return undefined;
	const meant = trapped ? (site.means ?? site.new) : isNew ? site.new : site.old;
	return landsRight(system, site, meant, cpu, sp) ? undefined : "target";
}

/** Whether the instruction has not happened yet: the CPU trapped, executes it elsewhere, or waits for a place to. */
function isUnderWay(machine: Machine, cpu: number): boolean {
	const status = getCpu(machine, cpu, Cpu.status);
	return status === Status.trapped || status === Status.waiting || getCpu(machine, cpu, Cpu.stepping) !== 0;
}

function isDone(system: System, patcher: number): boolean {
	return getPatcher(system.machine, patcher, Patcher.at) >= system.plans[patcher]!.steps.length;
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
			return pc === target && now === sp - 4 && readWord(machine, 0, now >>> 0) === next;
		case "jump":
			return pc === target && now === sp;
		case "branch":
			return (pc === target || pc === next) && now === sp;
		case "return":
			return now === sp + 4 && pc === readWord(machine, 0, sp >>> 0);
		default:
			// A probe may be on any instruction, also on one that moves the stack pointer or goes nobody knows where.
			return site.means === undefined ? pc === next && now === sp : pc === next || instruction.row.flow !== "next";
	}
}

export function equal(a: Instruction, b: Instruction): boolean {
	return a.row === b.row && a.a === b.a && a.b === b.b && a.c === b.c && a.imm === b.imm;
}

/** Judged after a patcher's step that changed page tables. */
export function judgeMappings(system: System): Property | undefined {
	return writableAndExecutable(system.machine) === undefined ? undefined : "w^x";
}

/** Tells whether an address is in text that is nobody's now: before it is first `live`, and after it is `free`. How far
 * the plans are says which; there is no other record of it. */
export function freedText(system: System): (address: number) => boolean {
	const marks = system.plans.flatMap(({ steps }, patcher) =>
		steps.flatMap((step, index) =>
			step.kind === "live" || step.kind === "free"
				? [{ patcher, index, live: step.kind === "live", from: step.address, to: step.address + step.bytes }]
				: [],
		),
	);
	return (address) => {
		const own = marks.filter(({ from, to }) => address >= from && address < to);
		const passed = own.filter(({ patcher, index }) => getPatcher(system.machine, patcher, Patcher.at) > index);
		return own.length > 0 && (passed.at(-1)?.live ?? !own[0]!.live) === false;
	};
}
