// A counterexample as a person reads it: who did what, and what the sites held afterwards.

import { LinkError } from "../../linker/errors.ts";
import { hexBytes } from "../../linker/hex.ts";
import { disassemble } from "../../linker/isa/disassemble.ts";
import { placeOf } from "../../linker/link/image.ts";
import { Cpu, Patcher } from "../machine/layout.ts";
import { readVirtual } from "../machine/memory.ts";
import { getCpu } from "../machine/state.ts";
import { describeStep } from "../patch/plan/describe-step.ts";
import { getPatcher, type System } from "../patch/system.ts";
import type { Path } from "./explore.ts";
import type { Fault, MachineSpace, Taken } from "./space.ts";

export interface TraceStep {
	/** `cpu0`, `patcher0` */
	readonly who: string;
	readonly kind: Taken["move"]["kind"];
	/** What was done: the instruction, the interrupt, the step. */
	readonly text: string;
	/** Address of the instruction; absent for patchers. */
	readonly pc?: number;
	/** The bytes a CPU fetched, when they are not those that memory holds. */
	readonly fetched?: string;
	/** What memory holds at each site of a plan afterwards. */
	readonly sites: readonly { readonly address: number; readonly bytes: string }[];
	/** Set on the step that broke it. */
	readonly broken?: Fault;
}

/** @param property (or outcome) that the last step broke, or that the last state breaks by itself
 * @throws LinkError when there is no such way */
export function traceOf(space: MachineSpace, path: Path, property?: Fault): TraceStep[] {
	let labels = space.system.machine.cores.map((core) => core.id);
	let state = new Int32Array(space.width);
	space.initial(state);
	const steps: TraceStep[] = [];
	for (const [i, ordinal] of path.entries()) {
		let places: readonly number[] = [];
		const after = space.replay(state, ordinal, (taken) => {
			places = [...taken.places];
			steps.push(described(space.system, taken, labels, i === path.length - 1 ? property : undefined));
		});
		if (after === undefined) throw new LinkError(`step ${i + 1} of the path: there is no choice ${ordinal}`);
		state = after as Int32Array<ArrayBuffer>;
		labels = places.map((before) => labels[before]!);
	}
	return steps;
}

function described(system: System, taken: Taken, labels: readonly number[], broken: Fault | undefined): TraceStep {
	const { move } = taken;
	const mark = broken === undefined ? {} : { broken };
	if (move.kind === "patch") {
		const at = getPatcher(system.machine, move.who, Patcher.at) - 1;
		const text = describeStep(system.plans[move.who]!.steps[at]!);
		return { who: `patcher${move.who}`, kind: "patch", text, sites: sitesOf(system), ...mark };
	}
	const fetched = move.kind === "step" ? fetchedBytes(system, taken) : undefined;
	return {
		who: `cpu${labels[move.who]}`,
		kind: move.kind,
		text: textOf(system, taken),
		pc: taken.pc,
		...(fetched === undefined ? {} : { fetched }),
		sites: sitesOf(system),
		...mark,
	};
}

function textOf(system: System, { move, pc, merged, instruction, bytes }: Taken): string {
	const { machine, image } = system;
	const where = placeOf(image, pc);
	if (move.kind === "interrupt") return `${where}: takes the interrupt`;
	if (move.kind === "drain") return "its oldest store reaches memory";
	if (move.kind === "trap") {
		const to = getCpu(machine, move.who, Cpu.pc) >>> 0;
		return `${where}: trap served, goes to ${placeOf(image, to)}`;
	}
	const symbolize = (address: number): string | undefined => image.symbolize(address);
	const text =
		instruction === undefined ? `no instruction: ${hexBytes(bytes)}` : disassemble(instruction, pc, symbolize);
	return `${where}: ${text}${merged > 0 ? ` (and ${merged} more)` : ""}`;
}

/** Only instructions at sites can differ from memory, and only these are shown. */
function fetchedBytes(system: System, { bytes, pc }: Taken): string | undefined {
	const now = readVirtual(system.machine, 0, pc, bytes.length);
	return now === undefined || hexBytes(now) === hexBytes(bytes) ? undefined : hexBytes(bytes);
}

function sitesOf(system: System): TraceStep["sites"] {
	return system.plans.flatMap(({ edits }) =>
		edits.map(({ address, bytes }) => ({
			address,
			bytes: hexBytes(readVirtual(system.machine, 0, address, bytes.length) ?? new Uint8Array()),
		})),
	);
}
