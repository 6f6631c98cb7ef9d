// One move of a system, made by the machine and the patcher themselves, and what it broke. What a search cannot represent is an
// error here, before it happens.

import { LinkError } from "../../linker/errors.ts";
import { hex } from "../../linker/hex.ts";
import { Stop } from "../../linker/isa/core.ts";
import { HostCall } from "../../linker/isa/host-calls.ts";
import { SP } from "../../linker/isa/sets/toy.ts";
import { placeOf } from "../../linker/link/image.ts";
import { Cpu, Patcher, Status } from "../machine/layout.ts";
import { getCpu } from "../machine/state.ts";
import { type Move, make } from "../patch/drive/moves.ts";
import { storesIntoText } from "../patch/perform/memory-steps.ts";
import { nextStep } from "../patch/perform/perform.ts";
import { describeStep } from "../patch/plan/describe-step.ts";
import type { Step } from "../patch/plan/step.ts";
import { getPatcher, type System } from "../patch/system.ts";
import { instructionInSlot } from "../probe/serve.ts";
import type { Built } from "./build.ts";
import { equal, judgeSite, noteBeginning, type WatchedSite } from "./judge-site.ts";
import { judgeMappings, type Occurrence, type Property } from "./properties.ts";

/** Makes a move and judges it. */
export function judged(
	{ system, probes }: Built,
	sites: ReadonlyMap<number, readonly WatchedSite[]>,
	judge: ReadonlySet<Property>,
	move: Move,
	seen: (what: Occurrence) => void,
): Property | undefined {
	const { machine } = system;
	if (move.kind === "patch") {
		noteBeginning(system, move.who);
		const step = nextStep(system, move.who)!;
		if (storesIntoText(machine, step)) return refuseToStore(system, step, judge);
		make(system, move);
		return isMapping(system, move) ? judgeMappings(system) : undefined;
	}
	const cpu = move.who;
	const core = machine.cores[cpu]!;
	const watched = sites.get(getCpu(machine, cpu, Cpu.pc) >>> 0);
	const sp = core.r[SP]!;
	const stop = getCpu(machine, cpu, Cpu.stop);
	const inSlot = move.kind === "step" ? instructionInSlot(probes, cpu) : undefined;
	core.fetched = undefined;
	if (move.kind === "trap") refuseHostCall(system, cpu);
	const served = make(system, move);
	if (move.kind === "trap") forgetOutput(system);
	if (inSlot !== undefined && core.fetched !== undefined && !equal(core.fetched, inSlot)) return "torn";
	if (!served) return watched !== undefined && stop === Stop.breakpoint ? "breakpoint" : "fault";
	const unjudged: readonly Move["kind"][] = ["interrupt", "nmi", "drain"];
	if (watched === undefined || unjudged.includes(move.kind)) return undefined;
	if (move.kind === "trap" && handles(system, cpu)) return undefined;
	if (move.kind === "trap" && stop !== Stop.breakpoint) return undefined;
	if (move.kind === "step" && core.fetched === undefined && getCpu(machine, cpu, Cpu.stop) !== Stop.illegal)
		return undefined;
	return judgeSite(system, watched, cpu, core.fetched, move.kind === "trap", sp, seen);
}

/** What a program asks its host for besides printing is remembered beside the machine, where no state of a search can have it.
 * @throws LinkError when it asks for that */
function refuseHostCall({ machine, image }: System, cpu: number): void {
	if (getCpu(machine, cpu, Cpu.status) !== Status.hostCall) return;
	const number = getCpu(machine, cpu, Cpu.stopValue);
	const asked = unrepresented.find((name) => HostCall[name] === number);
	if (asked === undefined) return;
	const place = placeOf(image, getCpu(machine, cpu, Cpu.pc) >>> 0);
	throw new LinkError(
		`${image.name}: the program asks its host for '${asked}' (ecall ${number}) before ${place}, which cannot be checked; say what is patched by 'poke'`,
	);
}

const unrepresented = ["update", "reset", "toggle", "traceEntry", "traceReturn"] as const;

/** Nobody reads what a program prints while it is checked. */
function forgetOutput({ output, line }: System): void {
	output.length = 0;
	line.clear();
}

/** A long store is no atomic step, so where a CPU may execute it is never carried out: it breaks `w^x`.
 * @throws LinkError when nobody asked about that */
function refuseToStore({ image }: System, step: Step, judge: ReadonlySet<Property>): Property {
	if (judge.has("w^x")) return "w^x";
	const text = describeStep(step, (address) => image.symbolize(address) ?? hex(address));
	throw new LinkError(
		`${image.name}: '${text}' stores many bytes at once where a CPU may execute them, which cannot be carried out; let 'always' judge w^x, which it breaks`,
	);
}

/** Whether a CPU was just sent to the program's own handler of breakpoints: what it does there is judged as it does it. */
export function handles({ machine, handlers }: System, cpu: number): boolean {
	return handlers.trap !== undefined && getCpu(machine, cpu, Cpu.pc) >>> 0 === handlers.trap;
}

export function isMapping(system: System, move: Move): boolean {
	if (move.kind !== "patch") return false;
	return ["protect", "map", "remap", "restrict", "retire"].includes(stepBefore(system, move.who)?.kind ?? "");
}

/** The step that a patcher just did. */
export function stepBefore(system: System, patcher: number): Step | undefined {
	return system.plans[patcher]!.steps[getPatcher(system.machine, patcher, Patcher.at) - 1];
}
