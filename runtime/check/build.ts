// From a scenario to a system in its initial state: assembled, linked, loaded, its CPUs started and its plans laid out.

import { assemble } from "../../linker/compile/assemble.ts";
import { symbolByName } from "../../linker/elf/symbols.ts";
import { LinkError } from "../../linker/errors.ts";
import { SITE_BYTES } from "../../linker/format/static-calls.ts";
import { hex } from "../../linker/hex.ts";
import { decode, SP } from "../../linker/isa/index.ts";
import type { Image } from "../../linker/link/image.ts";
import { link } from "../../linker/link/link.ts";
import { type Site, siteBytes, type Target } from "../../linker/sites/site-bytes.ts";
import { entryNamed, load, start } from "../load.ts";
import { markText } from "../machine/frames.ts";
import { Cpu, Patcher, Status } from "../machine/layout.ts";
import { readVirtual } from "../machine/memory.ts";
import { aliasOf, extentOf, mapPages, permits, physicalIn } from "../machine/page-table.ts";
import { profiles } from "../machine/profiles/index.ts";
import { getCpu, type Machine, PAGE, setCpu } from "../machine/state.ts";
import { change, planUpdate } from "../patch/change/update.ts";
import { createSystem } from "../patch/create-system.ts";
import { describeStep } from "../patch/plan/describe-step.ts";
import { type Plan, plan, unfitFor } from "../patch/plan/plan.ts";
import type { Edit, Step } from "../patch/plan/step.ts";
import { type System, setPatcher } from "../patch/system.ts";
import type { Probes } from "../probe/probe.ts";
import type { Stack } from "./footprint.ts";
import { memoryPlan, prepareMemory } from "./memory-part.ts";
import { type Wanted, wantedOf } from "./outcome.ts";
import { PROBE_PAGES, probeParts } from "./probed.ts";
import { type CpuPart, MOST_CPUS, modelOf, type PatcherPart, protocolOf, type Scenario } from "./scenario.ts";
import { addressOf, stepsOf } from "./steps.ts";

export interface Built {
	readonly system: System;
	readonly stacks: readonly Stack[];
	/** The CPUs of each part of the scenario's list. */
	readonly parts: readonly (readonly number[])[];
	/** Groups of CPUs that start alike, and may change places. */
	readonly equals: readonly (readonly number[])[];
	/** The machine's words at the start. */
	readonly start: Int32Array;
	/** Addresses that no CPU may come to, and those that some must, with their labels. */
	readonly never: ReadonlySet<number>;
	readonly reaches: ReadonlyMap<number, string>;
	/** What a litmus test asks for. */
	readonly outcome: Wanted | undefined;
	/** Pages of text that CPUs may write to through another mapping. */
	readonly writable: readonly number[];
	readonly redzone: number;
	readonly probes: Probes;
}

/** A scenario that a protocol or the patcher refuses. */
export interface RefusedScenario {
	readonly refused: string;
}

/** What the machine has room for: units and page-table entries in flux, values of each that CPUs may see, and stores in a
 * store buffer. A state holds no more than the scenario needs. */
export interface Room {
	readonly units: number;
	readonly values: number;
	readonly stores: number;
}

export const defaultRoom: Room = { units: 256, values: 32, stores: 32 };

/** @throws SourceError and LinkError for mistakes in the program or the header */
export function build(scenario: Scenario, { units, values, stores }: Room = defaultRoom): Built | RefusedScenario {
	const { name, cpus, places = {} } = scenario;
	const object = assemble(scenario.program, { file: name });
	const total = cpuCount(cpus, name);
	const { entry, place = name } = cpus[0]!;
	if (symbolByName(object, entry) === undefined) throw new LinkError(`${place}: no label '${entry}' to start at`);
	const image = link([object], { entry, name });
	const machine = load(image, {
		profile: profiles[0]!,
		model: modelOf(scenario),
		fetch: "chosen",
		cpus: total,
		stack: PAGE,
		histories: units,
		values,
		stores,
		started: false,
		spare: scenario.probes === undefined ? 0 : PROBE_PAGES,
	});
	const system = createSystem(machine, image, protocolOf("breakpoint", name));
	const stacks = machine.cores.map((core) => {
		const top = core.r[SP]!;
		return { top, physical: physicalIn(machine, 0, top - PAGE) + PAGE, bytes: PAGE };
	});
	const writable = Object.entries(scenario.alias ?? {}).map(([window, text]) =>
		alias(system, window, text, places.alias ?? name),
	);
	prepareMemory(system, scenario.memory ?? [], name);
	const equals = startAll(system, cpus);
	const at = (label: string, place = name): number => addressOf(image, label, place);
	if (scenario.trap !== undefined) system.handlers.trap = at(scenario.trap, places.trap);
	if (scenario.nmi !== undefined) system.handlers.nmi = at(scenario.nmi, places.nmi);
	/** Where each plan is written. */
	const written: string[] = [];
	const add = (one: Plan, place = name): void => {
		addPlan(system, one);
		written.push(place);
	};
	const probed = probeParts(system, scenario.probes ?? [], at, scenario.redzone ?? 0);
	if ("refused" in probed) return probed;
	for (const one of probed.plans) add(one);
	for (const { address } of system.named) writable.push(address);
	for (const part of scenario.patchers ?? []) {
		const one = behind(system, part.after, () => planOf(system, part, part.place ?? name));
		if ("refused" in one) return one;
		add(inOrder(part, part.unlocked === true ? unlocked(one) : one), part.place);
	}
	for (const { steps, place = name } of scenario.agents ?? []) {
		const all = steps.flatMap((text): Step[] => stepsOf(text, image, place, machine));
		add({ steps: all, edits: editsBy(system, all) }, place);
	}
	if (scenario.memory !== undefined) add(memoryPlan(system, scenario.memory, name), scenario.memory[0]?.place);
	for (const { steps } of system.plans) for (const step of steps) becomesText(machine, step);
	for (const [i, place] of written.entries()) refuseStrangers(system, system.plans[i]!, place);
	return {
		system,
		stacks,
		parts: equals,
		equals: scenario.exists === undefined && !namesCpus(system) ? equals : [],
		start: machine.words.slice(),
		never: new Set((scenario.never ?? []).map((label) => at(label, places.never))),
		reaches: new Map((scenario.reaches ?? []).map((label) => [at(label, places.reaches), label])),
		outcome: scenario.exists === undefined ? undefined : wantedOf(scenario.exists, image, total, places.exists ?? name),
		writable,
		probes: probed.probes,
		redzone: scenario.redzone ?? 0,
	};
}

/** @throws LinkError when there are none, or too many */
function cpuCount(cpus: readonly CpuPart[], name: string): number {
	let total = 0;
	for (const { count = 1, place = name } of cpus) {
		if (!Number.isInteger(count) || count < 1) throw new LinkError(`${place}: ${count} CPUs are not one or more`);
		total += count;
		if (total > MOST_CPUS)
			throw new LinkError(`${place}: ${total} CPUs are too many; a scenario has at most ${MOST_CPUS}`);
	}
	if (total === 0) throw new LinkError(`${name}: a scenario has at least one CPU`);
	return total;
}

/** @returns the CPUs that begin alike, by part */
function startAll({ machine, image }: System, parts: readonly CpuPart[]): number[][] {
	const equals: number[][] = [];
	for (const part of parts) {
		const first = equals.flat().length;
		const group = Array.from({ length: part.count ?? 1 }, (_, i) => first + i);
		for (const cpu of group) {
			start(machine, cpu, entryNamed(image, part.entry, part.place));
			if (part.off === true) setCpu(machine, cpu, Cpu.status, Status.halted);
		}
		equals.push(group);
	}
	return equals;
}

/** @throws LinkError when a step names a CPU, a patcher or a page that there is not */
function refuseStrangers({ plans, machine }: System, { steps }: Plan, place: string): void {
	for (const step of steps) {
		const cpus = "cpus" in step ? step.cpus : "cpu" in step ? [step.cpu] : [];
		const cpu = cpus.find((one) => machine.cores[one] === undefined);
		if (cpu !== undefined) throw new LinkError(`${place}: '${describeStep(step)}': there is no cpu${cpu}`);
		if ((step.kind === "after" || step.kind === "kill") && plans[step.patcher] === undefined)
			throw new LinkError(`${place}: '${describeStep(step)}': there is no such patcher or agent`);
		const nowhere = placesOf(step).find((address) => extentOf(machine, 0, address) === undefined);
		if (nowhere !== undefined)
			throw new LinkError(`${place}: '${describeStep(step)}': no page of the program is at ${hex(nowhere)}`);
	}
}

/** The first and the last byte of memory of the program that a step goes to by its address. */
function placesOf(step: Step): readonly number[] {
	switch (step.kind) {
		case "store":
			return step.space === undefined ? [step.address, step.address + step.bytes.length - 1] : [];
		case "clean":
		case "invalidate":
			return step.space === undefined && step.bytes === undefined ? [step.address] : [];
		case "protect":
			return [step.address, step.address + step.bytes - 1];
		case "remap":
			return step.space === 0 ? [step.page] : [];
		default:
			return [];
	}
}

/** What a step will map executable is text from the beginning: where fetches do not look where stores go, caches may hold
 * something older of it than what was stored before it was mapped. */
function becomesText(machine: Machine, step: Step): void {
	if (step.kind === "remap" && permits(machine, step.space, step.page, "x")) markText(machine, step.physical, PAGE);
	if ((step.kind !== "map" && step.kind !== "protect") || !step.permissions.x) return;
	const extent = extentOf(machine, 0, step.address);
	if (extent !== undefined) markText(machine, extent.physical, extent.bytes);
}

/** Whether a step tells CPUs apart that begin alike: then they cannot change places. That a program does is found when it
 * does (stack-use.ts). */
function namesCpus({ plans }: System): boolean {
	return plans.some(({ steps }) => steps.some((step) => "cpu" in step || "cpus" in step));
}

/** Makes the page of `window` a view of the page of a text, before any CPU could see another.
 * @param view label of the text, and the rights to it
 * @returns the address of the text's page */
function alias({ machine, image }: System, window: string, view: string, place: string): number {
	const [, text, rights = "rw"] = /^(\S+)(?:\s+(rw|r|none))?$/.exec(view) ?? [];
	if (text === undefined) throw new LinkError(`${place}: '${window} = ${view}' is not 'WINDOW = TEXT [rw|r|none]'`);
	const pageOf = (label: string): number => addressOf(image, label, place) & ~(PAGE - 1);
	const { physical } = extentOf(machine, 0, pageOf(text))!;
	const permissions = { r: rights !== "none", w: rights === "rw", x: false };
	mapPages(machine, 0, pageOf(window), physical, PAGE, permissions);
	return pageOf(text);
}

/** Without the steps that wait for others and keep them waiting. */
function unlocked({ steps, phases, ...rest }: Plan): Plan {
	const kept = (index: number): boolean => steps[index]!.kind !== "lock" && steps[index]!.kind !== "unlock";
	return {
		...rest,
		steps: steps.filter((_, index) => kept(index)),
		...(phases !== undefined && { phases: phases.filter((_, index) => kept(index)) }),
	};
}

/** Plans against what memory will hold when this patcher, and whoever that one waits for, is done. Those that wait for each other
 * in a circle are never done: each is taken once. */
function behind<T>(
	system: System,
	patcher: number | undefined,
	planned: () => T,
	waiting: ReadonlySet<number> = new Set(),
): T {
	const { plans, machine } = system;
	const one = patcher === undefined || waiting.has(patcher) ? undefined : plans[patcher];
	if (one === undefined) return planned();
	const first = one.steps[0];
	const then = (): T => {
		const before = machine.memory.slice();
		for (const { address, bytes } of [...one.edits, ...(one.transaction?.words ?? [])])
			machine.memory.set(bytes, aliasOf(machine, 0, address));
		try {
			return planned();
		} finally {
			machine.memory.set(before);
		}
	};
	return behind(system, first?.kind === "after" ? first.patcher : undefined, then, new Set(waiting).add(patcher!));
}

/** Behind whoever the patcher waits for. */
function inOrder({ after }: PatcherPart, { steps, phases, ...rest }: Plan): Plan {
	const wait = after === undefined ? [] : [{ kind: "after", patcher: after } as const];
	return {
		...rest,
		steps: [...wait, ...steps],
		...(phases !== undefined && { phases: [...wait.map(() => undefined), ...phases] }),
	};
}

function addPlan(system: System, one: Plan): void {
	const patcher = system.plans.push(one) - 1;
	if (patcher >= system.machine.config.patchers)
		throw new LinkError(`${system.image.name}: more than ${system.machine.config.patchers} patchers and agents`);
	setPatcher(system.machine, patcher, Patcher.active, 1);
}

/** What an agent makes of the sites that patchers change. Where its stores replace all of a site by an instruction it is judged
 * there as a patcher is, by its own order. */
function editsBy(system: System, steps: readonly Step[]): Edit[] {
	const first = steps[0];
	const sites = new Map(system.plans.flatMap(({ edits }) => edits.map(({ address, old }) => [address, old.length])));
	return behind(system, first?.kind === "after" ? first.patcher : undefined, () =>
		[...sites].flatMap(([address, length]) => {
			const old = readVirtual(system.machine, 0, address, length)!;
			const bytes = storedAt(steps, address, length);
			return bytes === undefined || decode(bytes, 0) === undefined ? [] : [{ address, old, bytes }];
		}),
	).sort((a, b) => a.address - b.address);
}

/** The bytes that steps leave at a place, if they store to every one of them. */
function storedAt(steps: readonly Step[], address: number, length: number): Uint8Array | undefined {
	const bytes = new Map<number, number>();
	for (const step of steps) {
		if (step.kind !== "store") continue;
		for (const [i, byte] of step.bytes.entries()) bytes.set(step.address + i - address, byte);
	}
	const all = Array.from({ length }, (_, i) => bytes.get(i));
	return all.some((byte) => byte === undefined) ? undefined : Uint8Array.from(all as number[]);
}

/** The plan of a patcher: of static calls by name where all names are keys, else of sites by label. */
function planOf(system: System, part: PatcherPart, place: string): Plan | RefusedScenario {
	const { image, machine } = system;
	const protocol = protocolOf(part.protocol, place);
	const pokes = Object.entries(part.poke);
	if (
		protocol.requires === "quiet" &&
		machine.cores.some((core) => getCpu(machine, core.id, Cpu.status) === Status.running)
	)
		return { refused: `protocol '${protocol.name}' is for text that nobody executes yet, and CPUs are running` };
	const keys = [...image.keys, ...image.staticKeys].map((key) => key.name);
	if (pokes.every(([name]) => keys.includes(name))) {
		return planUpdate(
			system,
			pokes.map(([name, to]) =>
				change(image, name, to === "null" ? null : to === "ret0" ? "__static_call_return0" : to),
			),
			protocol,
		);
	}
	const edits = pokes.map(([label, to]) => editAt(system, label, to, place));
	const misfit = unfitFor(protocol, edits);
	if (misfit !== undefined) return { refused: `the site at ${hex(misfit.address)} is not inside an aligned 8 bytes` };
	return plan(protocol, edits, machine.config.model);
}

function editAt(system: System, label: string, to: string, place: string): Edit {
	const { image, machine } = system;
	const address = addressOf(image, label, place);
	const old = readVirtual(machine, 0, address, SITE_BYTES);
	const instruction = old && decode(old, 0);
	const kind =
		instruction &&
		({ call: "call", jump: "tail", branch: "conditional", next: "call", return: "tail" } as const)[
			instruction.row.flow as "call"
		];
	if (old === undefined || instruction === undefined || kind === undefined)
		throw new LinkError(`${place}: '${label}' is no site: it needs a CALL, JMP, Jcc, NOP5, RET0 or RET`);
	const [, as, target] = /^(?:(call|tail)\s+)?(\S+)$/.exec(to) ?? [];
	if (target === undefined) throw new LinkError(`${place}: '${to}' is no target`);
	const site: Site = { address, kind: (as as "call" | "tail") ?? kind, condition: instruction.c };
	const stub = (name: string): number => image.symbolNamed(name)?.address ?? 0;
	const stubs = { return: stub("__static_call_return"), return0: stub("__static_call_return0") };
	return { address, old, bytes: siteBytes(site, targetOf(image, target, place), stubs) };
}

function targetOf(image: Image, to: string, place: string): Target {
	if (to === "null" || to === "ret0") return { kind: to };
	return { kind: "function", address: addressOf(image, to, place) };
}
