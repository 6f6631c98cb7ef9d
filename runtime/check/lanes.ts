// A counterexample or a sample as states, for whoever draws it: before every step what memory holds at the sites, what each
// CPU may still fetch there, where everybody is; and of every fetch, from which moment each of its bytes is.

import { placeOf } from "../../linker/link/image.ts";
import { Cpu, Patcher, Status } from "../machine/layout.ts";
import { readVirtual } from "../machine/memory.ts";
import { getCpu } from "../machine/state.ts";
import { type ByteView, views } from "../machine/views.ts";
import { describeStep } from "../patch/plan/describe-step.ts";
import { phaseText } from "../patch/plan/protocol.ts";
import { getPatcher, type System } from "../patch/system.ts";
import { type Verdict, walkVerdict } from "./check.ts";
import type { Taken } from "./space.ts";
import type { TraceStep } from "./trace.ts";

/** A counterexample as the lab draws it: a lane per CPU and per patcher, a row per step. */
export interface Lanes {
	readonly cpus: number;
	/** The steps that each patcher carries out, and the phase that each belongs to. */
	readonly patchers: readonly (readonly PlannedStep[])[];
	readonly sites: readonly LaneSite[];
	readonly rows: readonly LaneRow[];
	/** The situation before each row, and one more: the last. */
	readonly stands: readonly Stand[];
}

/** A step of a patcher's plan, in words, and the phase it belongs to. */
export interface PlannedStep {
	readonly text: string;
	readonly phase: string | undefined;
}

/** One site that a scenario's patchers change. */
export interface LaneSite {
	readonly address: number;
	/** `caller+0x5` */
	readonly place: string;
	readonly old: readonly number[];
	readonly new: readonly number[];
}

/** One step of a counterexample. */
export interface LaneRow extends TraceStep {
	/** Which CPU or patcher. */
	readonly index: number;
	/** What a CPU fetched at a site. */
	readonly read?: readonly ReadByte[];
}

/** One byte that a CPU fetched, and when memory held that value. */
export interface ReadByte {
	readonly address: number;
	readonly value: number;
	/** The stand, by number, since which memory held it: the last one where all bytes were so at once, if there is one. */
	readonly stand: number;
}

/** The situation between two steps: memory at the sites, and what each CPU may fetch there. */
export interface Stand {
	/** What memory holds at each site. */
	readonly memory: readonly (readonly number[])[];
	/** By CPU, then by site: what it may fetch there. */
	readonly views: readonly (readonly (readonly ByteView[])[])[];
	readonly cpus: readonly CpuStand[];
	/** How many steps each patcher did. */
	readonly patchers: readonly number[];
}

/** How one CPU stands between two steps. */
export interface CpuStand {
	readonly status: keyof typeof Status;
	readonly place: string;
	readonly pc: number;
	/** Interrupts that it was asked for wait. */
	readonly pending: boolean;
	readonly masked: boolean;
}

/** @throws LinkError when the verdict's way cannot be gone */
export function lanesOf(verdict: Verdict): Lanes {
	const steps = verdict.trace ?? verdict.sample ?? [];
	return walkVerdict(verdict, (system, walk) => {
		const sites = sitesOf(system);
		const stands: Stand[] = [];
		const taken: (Taken & { readonly lane: number })[] = [];
		walk(
			(labels) => stands.push(standOf(system, sites, labels)),
			(one, labels) => {
				const { move } = one;
				const lane = move.kind === "patch" ? move.who : labels[move.who]!;
				taken.push({ ...one, bytes: one.bytes.slice(), lane });
			},
		);
		return {
			cpus: system.machine.config.cpus,
			patchers: system.plans.map(({ steps: planned, phases }) =>
				planned.map((step, i) => ({ text: describeStep(step), phase: phases?.[i] && phaseText(phases[i]) })),
			),
			sites,
			rows: taken.map((one, i) => rowOf(steps[i]!, one, sites, stands.slice(0, i + 1))),
			stands,
		};
	});
}

function sitesOf({ plans, image }: System): LaneSite[] {
	const all = plans.flatMap(({ edits }) => edits);
	const first = all.filter(({ address }, i) => all.findIndex((one) => one.address === address) === i);
	return first.map(({ address, old, bytes }) => ({
		address,
		place: placeOf(image, address),
		old: [...old],
		new: [...bytes],
	}));
}

/** @param labels the lane of each CPU of the machine */
function standOf(system: System, sites: readonly LaneSite[], labels: readonly number[]): Stand {
	const { machine, image, plans } = system;
	const places = labels.map((_, lane) => labels.indexOf(lane));
	return {
		memory: sites.map(({ address, old }) => [...(readVirtual(machine, 0, address, old.length) ?? [])]),
		views: places.map((cpu) => sites.map(({ address, old }) => views(machine, cpu, address, old.length))),
		cpus: places.map((cpu) => {
			const pc = getCpu(machine, cpu, Cpu.pc) >>> 0;
			return {
				status: statusName(getCpu(machine, cpu, Cpu.status)),
				place: placeOf(image, pc),
				pc,
				pending: getCpu(machine, cpu, Cpu.pending) !== 0,
				masked: getCpu(machine, cpu, Cpu.masked) !== 0,
			};
		}),
		patchers: plans.map((_, patcher) => getPatcher(machine, patcher, Patcher.at)),
	};
}

function statusName(status: number): keyof typeof Status {
	return (Object.keys(Status) as (keyof typeof Status)[]).find((name) => Status[name] === status)!;
}

/** @param stands up to the one that the step was taken in */
function rowOf(
	step: TraceStep,
	{ move, pc, bytes, lane }: Taken & { readonly lane: number },
	sites: readonly LaneSite[],
	stands: readonly Stand[],
): LaneRow {
	const site = move.kind === "step" ? sites.findIndex(({ address }) => address === pc) : -1;
	const read = site < 0 || bytes.length === 0 ? {} : { read: momentsOf(pc, bytes, stands, site) };
	return { ...step, index: lane, ...read };
}

function momentsOf(address: number, bytes: Uint8Array, stands: readonly Stand[], site: number): ReadByte[] {
	const holds = ({ memory }: Stand, i: number): boolean => memory[site]![i] === bytes[i];
	const all = [...bytes.keys()];
	const whole = stands.findLastIndex((stand) => all.every((i) => holds(stand, i)));
	return all.map((i) => ({
		address: address + i,
		value: bytes[i]!,
		stand:
			whole >= 0
				? whole
				: Math.max(
						0,
						stands.findLastIndex((stand) => holds(stand, i)),
					),
	}));
}
