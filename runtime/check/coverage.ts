// What an exploration came across, so that a verdict can say what it did not: a site that no CPU comes to, a CPU that
// returns out of its program or runs on into the next function, an outcome that contradicts itself. What is never
// exercised cannot break, and `safe` says nothing about it.

import { STT_FUNC } from "../../linker/elf/object.ts";
import { hex } from "../../linker/hex.ts";
import { decode } from "../../linker/isa/decode.ts";
import { STACKS_END } from "../load.ts";
import { Cpu } from "../machine/layout.ts";
import { readVirtual } from "../machine/memory.ts";
import { getCpu } from "../machine/state.ts";
import type { System } from "../patch/system.ts";
import type { Built } from "./build.ts";
import { labelsOf } from "./names.ts";
import type { Term, Wanted } from "./outcome.ts";
import type { Property } from "./properties.ts";
import type { Scenario } from "./scenario.ts";

export interface Coverage {
	/** Parts of the scenario's list of CPUs, by number, of which some CPU executed something. */
	readonly moved: Set<number>;
	/** Addresses of sites where some CPU executed something. */
	readonly sites: Set<number>;
	/** Parts of which some CPU returned from the function it began in. */
	readonly returned: Set<number>;
	/** Where CPUs ran from the end of one function into the next, in words. */
	readonly ranOn: Set<string>;
	/** The program's own handlers that some CPU entered. */
	readonly handlers: Set<"trap" | "nmi">;
	/** Terms of the outcome that held in some end, by number. */
	readonly terms: Set<number>;
}

export function newCoverage(): Coverage {
	return {
		moved: new Set(),
		sites: new Set(),
		returned: new Set(),
		ranOn: new Set(),
		handlers: new Set(),
		terms: new Set(),
	};
}

/** @returns what notes an instruction of a CPU that was at `from` and is where it is now */
export function stepObserver({ system, parts }: Built, coverage: Coverage): (cpu: number, from: number) => void {
	const { machine, image } = system;
	const starts = new Set(image.symbols.filter(({ type }) => type === STT_FUNC).map(({ address }) => address));
	const place = placesOf(system);
	const partOf = machine.cores.map(({ id }) => parts.findIndex((cpus) => cpus.includes(id)));
	return (cpu, from) => {
		const part = partOf[cpu]!;
		coverage.moved.add(part);
		const to = getCpu(machine, cpu, Cpu.pc) >>> 0;
		if (to === STACKS_END && from !== to) coverage.returned.add(part);
		if (starts.has(to) && fellThrough(system, cpu, from, to))
			coverage.ranOn.add(`from ${place(from)} into ${place(to)}`);
	};
}

function placesOf({ image }: System): (address: number) => string {
	const names = labelsOf(image);
	return (address) => names(address) ?? hex(address);
}

/** Whether a CPU came to the next instruction by none that leads there. */
function fellThrough({ machine }: System, cpu: number, from: number, to: number): boolean {
	if (to <= from || to - from > 6) return false;
	const bytes = readVirtual(machine, getCpu(machine, cpu, Cpu.space), from, to - from);
	const instruction = bytes && decode(bytes, 0);
	return instruction?.length === to - from && ["next", "branch"].includes(instruction.row.flow);
}

/** What the verdict of a scenario says nothing about, in words. @param judged the properties that count */
export function unexercised(
	scenario: Scenario,
	built: Built,
	coverage: Coverage,
	judged: ReadonlySet<Property>,
): string[] {
	const { system } = built;
	const place = placesOf(system);
	const entry = (part: number): string => scenario.cpus[part]!.entry;
	const sites = new Set(system.plans.flatMap(({ edits }) => edits.map(({ address }) => address)));
	const unreached = [...sites].filter((address) => !coverage.sites.has(address));
	const idle = idleProperties(scenario, built).filter((property) => judged.has(property));
	// All properties are judged unless some are named, and then one that cannot break is no news; but that none can is.
	const isNews = scenario.properties !== undefined || (scenario.exists === undefined && idle.length >= judged.size - 1);
	return [
		...unreached.map((address) => `the site ${place(address)}, where no CPU comes`),
		...built.parts.flatMap((_, part) =>
			coverage.moved.has(part) ? [] : [`the CPUs of ${entry(part)}, which execute nothing`],
		),
		...[...coverage.returned].map((part) => `what follows ${entry(part)}, which returns and halts its CPU`),
		...[...coverage.ranOn].map((where) => `the end of a function: a CPU runs on ${where}`),
		...(["trap", "nmi"] as const).flatMap((kind) =>
			scenario[kind] === undefined || coverage.handlers.has(kind)
				? []
				: [`the handler ${scenario[kind]}, which nobody enters`],
		),
		...(built.outcome === undefined ? [] : outcomeGaps(built.outcome, coverage)),
		...(isNews ? idle.map((property) => `${property}, which nothing here can break`) : []),
	];
}

/** Properties that nothing in a scenario could break. */
function idleProperties({ never = [] }: Scenario, { system, writable }: Built): Property[] {
	const { plans } = system;
	const does = (...kinds: readonly string[]): boolean =>
		plans.some(({ steps }) => steps.some(({ kind }) => kinds.includes(kind)));
	const idle: Property[] = [];
	if (plans.every(({ edits }) => edits.length === 0)) idle.push("target", "breakpoint", "stale", "torn");
	if (!does("protect", "map", "remap", "restrict", "retire") && writable.length === 0) idle.push("w^x");
	if (!does("live", "free")) idle.push("freed");
	if (never.length === 0) idle.push("never");
	if (plans.length === 0) idle.push("finish");
	return idle;
}

/** Terms that exclude each other in every way, or hold in no end. One alone that holds in none is the answer, no gap. */
function outcomeGaps({ terms, ways }: Wanted, coverage: Coverage): string[] {
	const contradictions = ways.map(({ all }) => contradiction(all.map((i) => terms[i]!)));
	const [first] = contradictions;
	if (first !== undefined && !contradictions.includes(undefined))
		return [`the outcome, which is never possible: ${first}`];
	const asked = new Set(ways.flatMap(({ all }) => all));
	return terms.flatMap(({ place, value }, i) =>
		asked.has(i) && terms.length > 1 && !coverage.terms.has(i) ? [`${place}=${value}, which holds in no end`] : [],
	);
}

function contradiction(terms: readonly Term[]): string | undefined {
	for (const [i, { place, value }] of terms.entries()) {
		const other = terms.slice(0, i).find((before) => before.place === place && before.value !== value);
		if (other !== undefined) return `${place} cannot be ${other.value} and ${value} at once`;
	}
	return undefined;
}
