// Patchers carry out plans: how they get one, do its next step, and end. Requests queue; a queued one is planned when
// its turn comes, against the sites as they are then, so that updates never interleave.

import { hex } from "../../../linker/hex.ts";
import { Cpu, Patcher, Status } from "../../machine/layout.ts";
import { flush } from "../../machine/run.ts";
import { endTurn, getCounter, getCpu, type Machine, setCpu } from "../../machine/state.ts";
import { serialize } from "../../machine/visibility.ts";
import type { Update } from "../change/change.ts";
import { countChanged } from "../change/patched-text.ts";
import type { Refusal } from "../change/planned-change.ts";
import { planUpdate } from "../change/update.ts";
import { perform, ready } from "../perform/perform.ts";
import type { Labelled, Plan } from "../plan/plan.ts";
import type { Edit, Step } from "../plan/step.ts";
import { awaitFirstRuns } from "../record/first-runs.ts";
import { getPatcher, Life, patcherClocks, type Queued, type System, setPatcher } from "../system.ts";

/** What `submit` says when an update changes nothing. */
export const NOTHING = -1;

/** A plan, and what it is about, for people: what it changes, if it is an update. */
export type Submitted = Update | Labelled;

/** Gives a plan to a patcher that begins at `clock` (ticks), and waits its turn if somebody else patches other text.
 * @param cpu who waits for it; undefined: somebody outside
 * @returns the patcher's number, or NOTHING; a refusal when somebody is changing the same sites or keys */
export function submit(system: System, update: Submitted, clock: number, cpu?: number): number | Refusal {
	const { machine } = system;
	if (update.steps.length === 0) return NOTHING;
	const clash = clashWith(system, update);
	if (clash !== undefined) return { refused: `${hex(clash)} is being patched by somebody else` };
	const patcher = patchers(machine).find((each) => getPatcher(machine, each, Patcher.active) === Life.idle);
	if (patcher === undefined) return { refused: `${machine.config.patchers} patchers are at work already` };
	endTurn(machine);
	system.plans[patcher] = update;
	setPatcher(machine, patcher, Patcher.active, Life.atWork);
	setPatcher(machine, patcher, Patcher.at, 0);
	setPatcher(machine, patcher, Patcher.cpu, cpu === undefined ? 0 : cpu + 1);
	const clocks = patcherClocks(machine, patcher);
	clocks[Patcher.started / 2] = clock;
	// It ended its last plan then, and time does not go back.
	clocks[Patcher.clock / 2] = Math.max(clock, clocks[Patcher.clock / 2]!);
	if (isUpdate(update)) noteUpdate(system, update);
	awaitFirstRuns(system, update.edits);
	const detail = "label" in update ? update.label : `update ${update.keys.join(", ")}`;
	system.events?.push({ clock: clocks[Patcher.clock / 2]!, cpu, patcher, what: "begin", detail, duration: 0 });
	return patcher;
}

function noteUpdate({ counts, image }: System, { edits }: Plan): void {
	const { sites, trampolines } = countChanged(image, edits);
	counts.updates++;
	counts.sites += sites;
	counts.trampolines += trampolines;
}

function isUpdate(plan: Plan): boolean {
	return "keys" in plan || plan.transaction !== undefined;
}

/** An address that both this update and one under way would change. */
function clashWith(system: System, update: Plan): number | undefined {
	const { machine } = system;
	const busy = patchers(machine).filter((each) => getPatcher(machine, each, Patcher.active) !== Life.idle);
	const taken = new Set(busy.flatMap((each) => touched(system.plans[each]!)).map(({ address }) => address));
	return touched(update).find(({ address }) => taken.has(address))?.address;
}

function touched({ edits, transaction }: Plan): Edit[] {
	return [...edits, ...(transaction?.words ?? [])];
}

function patchers(machine: Machine): number[] {
	return Array.from({ length: machine.config.patchers }, (_, i) => i);
}

/** Whether anybody patches, or died patching and keeps the others waiting. */
export function isPatching(machine: Machine): boolean {
	for (let each = 0; each < machine.config.patchers; each++)
		if (getPatcher(machine, each, Patcher.active) !== Life.idle) return true;
	return false;
}

/** Plans the queued update and lets a patcher start on it. A refused one is forgotten. */
export function begin(system: System, { changes, planned, cpu, clock }: Queued): Refusal | undefined {
	const update = planned?.() ?? planUpdate(system, changes, system.protocol, cpu);
	if ("refused" in update) return update;
	const patcher = submit(system, update, clock, cpu);
	if (typeof patcher === "object") return patcher;
	if (patcher === NOTHING && cpu !== undefined) setCpu(system.machine, cpu, Cpu.status, Status.running);
	return undefined;
}

/** Does the next step of a patcher that is ready; after the last one, whoever waited for it goes on. */
export function stepPatcher(system: System, patcher: number): void {
	const { machine } = system;
	perform(system, patcher);
	if (getPatcher(machine, patcher, Patcher.at) < system.plans[patcher]!.steps.length) return;
	setPatcher(machine, patcher, Patcher.active, Life.idle);
	const clocks = patcherClocks(machine, patcher);
	const clock = clocks[Patcher.clock / 2]!;
	const duration = clock - clocks[Patcher.started / 2]!;
	if (isUpdate(system.plans[patcher]!)) system.counts.ticks += duration;
	const cpu = getPatcher(machine, patcher, Patcher.cpu) - 1;
	system.events?.push({ clock, cpu: cpu < 0 ? undefined : cpu, patcher, what: "end", detail: "", duration });
	if (cpu < 0 || getCpu(machine, cpu, Cpu.status) === Status.halted) return;
	const { counters } = machine.cores[cpu]!;
	counters[0] = Math.max(counters[0]!, clock);
	setCpu(machine, cpu, Cpu.status, Status.running);
}

/** Carries out a plan while nobody need be waited for: no CPU is at work (quiet.ts), or no step asks one for anything. CPUs that are
 * about to begin have fetched nothing and do what they would be asked for by themselves. Its time is not the program's:
 * patchers are as free as before, and a trace has all of it at once.
 * @throws Error when a step would have to wait for a CPU */
export function applyNow(system: System, update: Submitted): void {
	const { machine, counts } = system;
	const { ticks } = counts;
	const already = system.events?.length ?? 0;
	const patcher = submit(system, withoutRequests(machine, update), 0);
	if (patcher === NOTHING) return;
	if (typeof patcher === "object") throw new Error(`assert: ${patcher.refused}`);
	const clocks = patcherClocks(machine, patcher);
	const before = clocks[Patcher.clock / 2]!;
	while (getPatcher(machine, patcher, Patcher.active) !== Life.idle) {
		if (!ready(system, patcher)) throw new Error("assert: an update at load time waits for a CPU");
		stepPatcher(system, patcher);
	}
	clocks[Patcher.clock / 2] = before;
	counts.ticks = ticks;
	const clock = Math.max(...machine.cores.map(({ id }) => getCounter(machine, id, Cpu.clock)));
	system.events?.push(...system.events.splice(already).map((event) => ({ ...event, clock, duration: 0 })));
	for (const { id } of machine.cores) {
		if (getCounter(machine, id, Cpu.instructions) > 0) continue;
		flush(machine, id);
		serialize(machine, id);
	}
}

/** The same plan where each CPU does at once what it would be asked for. */
function withoutRequests(machine: Machine, plan: Submitted): Submitted {
	if (plan.steps.every(({ kind }) => kind !== "interrupt" && kind !== "await")) return plan;
	const all = plan.steps.flatMap((step, index) =>
		unasked(machine, step).map((one) => [one, plan.phases?.[index]] as const),
	);
	return { ...plan, steps: all.map(([step]) => step), phases: all.map(([, phase]) => phase) };
}

function unasked({ cores }: Machine, step: Step): Step[] {
	if (step.kind === "await") return [];
	if (step.kind !== "interrupt") return [step];
	return cores.map(({ id }) => ({ kind: step.request === "flush" ? "flush" : "serialize", cpu: id }));
}
