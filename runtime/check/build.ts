// From a scenario to a system in its initial state: assembled, linked, loaded, its CPUs started and its plans laid out.

import { assemble } from "../../linker/compile/assemble.ts";
import { LinkError, suggestion } from "../../linker/errors.ts";
import { decode, SP } from "../../linker/isa/index.ts";
import type { Image } from "../../linker/link/image.ts";
import { link } from "../../linker/link/link.ts";
import { type Site, siteBytes, type Target } from "../../linker/sites/site-bytes.ts";
import { SITE_BYTES } from "../../linker/sites/table.ts";
import { entryNamed, load, start } from "../load.ts";
import { Cpu, Patcher, Status } from "../machine/layout.ts";
import { physicalIn, readVirtual } from "../machine/memory.ts";
import { profiles } from "../machine/profiles/index.ts";
import { getCpu, PAGE } from "../machine/state.ts";
import { plan, unfitFor } from "../patch/plan.ts";
import type { Edit, Plan, Step } from "../patch/step.ts";
import { createSystem, type System, setPatcher } from "../patch/system.ts";
import { change, planUpdate } from "../patch/update.ts";
import type { Stack } from "./footprint.ts";
import { modelOf, type PatcherPart, protocolOf, type Scenario } from "./scenario.ts";
import { stepOf } from "./steps.ts";

export interface Built {
	readonly system: System;
	readonly stacks: readonly Stack[];
	/** Groups of CPUs that start alike. */
	readonly equals: readonly (readonly number[])[];
	/** The machine's words at the start. */
	readonly start: Int32Array;
}

/** A scenario that a protocol or the patcher refuses. */
export interface RefusedScenario {
	readonly refused: string;
}

const HISTORIES = 256;

/** @throws SourceError and LinkError for mistakes in the program or the header */
export function build(scenario: Scenario): Built | RefusedScenario {
	const { name, cpus } = scenario;
	const object = assemble(scenario.program, { file: name });
	const image = link([object], { entry: cpus[0]!.entry, name });
	const total = cpus.reduce((sum, part) => sum + (part.count ?? 1), 0);
	const machine = load(image, {
		profile: profiles[0]!,
		model: modelOf(scenario),
		fetch: "chosen",
		cpus: total,
		stack: PAGE,
		histories: HISTORIES,
		started: false,
	});
	const stacks = machine.cores.map((core) => {
		const top = core.r[SP]!;
		return { top, physical: physicalIn(machine, 0, top - PAGE) + PAGE, bytes: PAGE };
	});
	const equals: number[][] = [];
	for (const part of cpus) {
		const first = equals.flat().length;
		const group = Array.from({ length: part.count ?? 1 }, (_, i) => first + i);
		if (part.off !== true) for (const cpu of group) start(machine, cpu, entryNamed(image, part.entry));
		equals.push(group);
	}
	const system = createSystem(machine, image, protocolOf("breakpoint", name));
	for (const part of scenario.patchers ?? []) {
		const one = planOf(system, part, name);
		if ("refused" in one) return one;
		addPlan(system, one);
	}
	for (const { steps } of scenario.agents ?? []) {
		addPlan(system, { steps: steps.map((text): Step => stepOf(text, image, name)), edits: [] });
	}
	return { system, stacks, equals, start: machine.words.slice() };
}

function addPlan(system: System, one: Plan): void {
	const patcher = system.plans.push(one) - 1;
	if (patcher >= system.machine.config.patchers)
		throw new LinkError(`${system.image.name}: more than ${system.machine.config.patchers} patchers and agents`);
	setPatcher(system.machine, patcher, Patcher.active, 1);
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
	const keys = image.keys.map((key) => key.name);
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
	if (misfit !== undefined)
		return { refused: `the site at 0x${misfit.address.toString(16)} is not inside an aligned 8 bytes` };
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
	const site: Site = { address, kind, condition: instruction.c };
	const stub = (name: string): number => image.symbolNamed(name)?.address ?? 0;
	const stubs = { return: stub("__static_call_return"), return0: stub("__static_call_return0") };
	return { address, old, bytes: siteBytes(site, targetOf(image, to, place), stubs) };
}

function targetOf(image: Image, to: string, place: string): Target {
	if (to === "null" || to === "ret0") return { kind: to };
	return { kind: "function", address: addressOf(image, to, place) };
}

/** @throws LinkError with the nearest label */
export function addressOf(image: Image, label: string, place: string): number {
	const symbol = image.symbolNamed(label);
	if (symbol !== undefined) return symbol.address;
	throw new LinkError(
		`${place}: no label '${label}'${suggestion(
			label,
			image.symbols.map((one) => one.name),
		)}`,
	);
}
