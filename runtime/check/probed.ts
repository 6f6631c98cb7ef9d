// The probes of a scenario: who inserts, removes or optimises one, under CPUs that run.

import { LinkError } from "../../linker/errors.ts";
import { Patcher } from "../machine/layout.ts";
import { extentOf, mapPages } from "../machine/page-table.ts";
import { PAGE } from "../machine/state.ts";
import { applyNow } from "../patch/drive/patchers.ts";
import type { Plan } from "../patch/plan/plan.ts";
import { permissionsOf } from "../patch/plan/protocol.ts";
import { type System, setPatcher } from "../patch/system.ts";
import { createProbes } from "../probe/create-probes.ts";
import { insertion, newProbe, removal } from "../probe/insert.ts";
import { optimisation, reserveTrampoline } from "../probe/optimise.ts";
import type { Probe, Probes } from "../probe/probe.ts";
import { SLOTS } from "../probe/slot-area.ts";
import type { ProbePart, ProbeWord } from "./scenario.ts";

/** What it takes of memory besides the program: a page of slots, its record, a trampoline, copies. */
export const PROBE_PAGES = 16;

export interface Probed {
	readonly probes: Probes;
	readonly plans: readonly Plan[];
}

/** Puts the probes of a scenario in place, as they are at the start, and lays out what becomes of them.
 * @param redzone bytes below the stack pointer that programs use
 * @returns why a probe is refused, if one is @throws LinkError naming the line */
export function probeParts(
	system: System,
	parts: readonly ProbePart[],
	addressOf: (label: string, place?: string) => number,
	redzone: number,
): Probed | { readonly refused: string } {
	const has = (word: ProbeWord): boolean => parts.some(({ options }) => options.includes(word));
	const probes = createProbes(system, {
		outOfLine: has("outofline") ? "always" : "needed",
		slots: has("oneslot") ? 1 : SLOTS,
		maintained: !has("unmaintained"),
		redzone: has("anyway") ? 0 : redzone,
	});
	const plans: Plan[] = [];
	for (const part of parts) {
		const probe = newProbe(probes, 0, addressOf(part.at, part.place), "count");
		if ("refused" in probe) return probe;
		if (part.does === "optimise" && probe.uncallable !== undefined)
			return { refused: `${part.at} cannot be a call: ${probe.uncallable}` };
		plans.push(planOf(probes, probe, part));
		if (system.copies.length !== plans.length) throw new LinkError(`${part.place}: one probe on a page`);
	}
	return { probes, plans: plans.filter(({ steps }) => steps.length > 0) };
}

function planOf(probes: Probes, probe: Probe, { does, options }: ProbePart): Plan {
	const { system } = probes;
	prepare(probes, does === "optimise" || options.includes("called"));
	const inserted = insertion(probes, probe);
	const { own, shared } = system.copies.at(-1)!;
	system.machine.memory.copyWithin(own, shared, shared + PAGE);
	if (does === "insert") return inserted;
	beforehand(system, () => applyNow(system, inserted));
	if (options.includes("called")) beforehand(system, () => applyNow(system, optimisation(probes, probe)));
	if (does === "optimise") return optimisation(probes, probe);
	return does === "remove" ? removal(probes, probe) : { steps: [], edits: [] };
}

/** Gives the pages of code that plans will map an entry of the page table, which permits nothing yet: a state has room for the
 * entries that there are. */
function prepare(probes: Probes, isCalled: boolean): void {
	const { machine } = probes.system;
	const area = probes.areas.get(0)!;
	if (isCalled) reserveTrampoline(probes, 0);
	for (const { address, physical } of [area, ...(area.trampoline === undefined ? [] : [area.trampoline])])
		if (extentOf(machine, 0, address) === undefined)
			mapPages(machine, 0, address, physical, PAGE, permissionsOf(""), false, true);
}

/** Nobody patched yet, for all that the scenario knows. */
function beforehand(system: System, act: () => void): void {
	act();
	system.plans.length = 0;
	for (let field = 0; field < Patcher.words; field++) setPatcher(system.machine, 0, field, 0);
}
