// A counterexample as a person reads it: who did what at which place, what the sites held afterwards, and of a fetch that
// was older than memory, since when and why the CPU could still have it.

import { LinkError } from "../../linker/errors.ts";
import { hex, hexBytes } from "../../linker/hex.ts";
import { decode } from "../../linker/isa/decode.ts";
import { disassemble } from "../../linker/isa/disassemble.ts";
import type { Instruction } from "../../linker/isa/instruction-set.ts";
import type { Image } from "../../linker/link/image.ts";
import { Cpu, Patcher } from "../machine/layout.ts";
import { readVirtual } from "../machine/memory.ts";
import type { Model } from "../machine/model.ts";
import { getCpu } from "../machine/state.ts";
import { describeStep } from "../patch/plan/describe-step.ts";
import type { Edit, Step } from "../patch/plan/step.ts";
import { getPatcher, type System } from "../patch/system.ts";
import type { Path } from "./explore.ts";
import { labelsOf, withNames } from "./names.ts";
import type { Fault, MachineSpace, Taken } from "./space.ts";

/** One step of a counterexample, in words. */
export interface TraceStep {
	/** `cpu0`, `patcher0` */
	readonly who: string;
	readonly kind: Taken["move"]["kind"];
	/** What was done: the instruction, the interrupt, the step. */
	readonly text: string;
	/** The instructions that only this CPU can see and that were taken together with it. */
	readonly merged?: readonly string[];
	/** Address of the instruction; absent for patchers. */
	readonly pc?: number;
	/** The bytes a CPU fetched, when they are not those that memory holds. */
	readonly fetched?: string;
	/** Which of them are older than memory, since when, and why the CPU could still have them. */
	readonly older?: string;
	/** What memory holds at each site of a plan afterwards. */
	readonly sites: readonly SiteBytes[];
	/** Set on the step that broke it. */
	readonly broken?: Fault;
}

export interface SiteBytes {
	readonly address: number;
	/** `caller+0x5` */
	readonly place: string;
	/** `call fifo → deadline` */
	readonly change: string;
	readonly bytes: string;
}

/** A step of a patcher in the trace, for what comes after it. */
interface Done {
	readonly who: string;
	readonly text: string;
	readonly step: Step;
}

/** @param property (or outcome) that the last step broke, or that the last state breaks by itself
 * @throws LinkError when there is no such way */
export function traceOf(space: MachineSpace, path: Path, property?: Fault): TraceStep[] {
	const steps: TraceStep[] = [];
	const done: Done[] = [];
	walk(space, path, undefined, (taken, labels) => {
		steps.push(described(space.system, taken, labels, done, steps.length === path.length - 1 ? property : undefined));
	});
	return steps;
}

/** Goes a way through a space: rows of CPUs that are alike change places there, so each call is told which CPU of the
 * scenario (`labels`) each CPU of the machine is.
 * @param stand called in every state, from the initial one to the last
 * @param step called after every step, in the state after it, with the labels before it
 * @throws LinkError when there is no such way */
export function walk(
	space: MachineSpace,
	path: Path,
	stand: ((labels: readonly number[]) => void) | undefined,
	step: (taken: Taken, labels: readonly number[]) => void,
): void {
	let labels = space.system.machine.cores.map((core) => core.id);
	let state = new Int32Array(space.width);
	space.initial(state);
	const see = (): void => {
		if (stand === undefined) return;
		space.enter(state);
		stand(labels);
	};
	see();
	for (const [i, ordinal] of path.entries()) {
		let places: readonly number[] = [];
		const after = space.replay(state, ordinal, (taken) => {
			places = [...taken.places];
			step(taken, labels);
		});
		if (after === undefined) throw new LinkError(`step ${i + 1} of the path: there is no choice ${ordinal}`);
		state = after as Int32Array<ArrayBuffer>;
		labels = places.map((before) => labels[before]!);
		see();
	}
}

/** @param done what patchers did so far; a step of one is added to it */
function described(
	system: System,
	taken: Taken,
	labels: readonly number[],
	done: Done[],
	broken: Fault | undefined,
): TraceStep {
	const { move } = taken;
	const rest = { sites: sitesOf(system), ...(broken === undefined ? {} : { broken }) };
	if (move.kind === "patch") {
		const step = system.plans[move.who]!.steps[getPatcher(system.machine, move.who, Patcher.at) - 1]!;
		const text = describeStep(step, (address) => placeOf(system, address));
		const who = `patcher${move.who}`;
		done.push({ who, text, step });
		return { who, kind: "patch", text, ...rest };
	}
	const who = `cpu${labels[move.who]}`;
	const merged = taken.merged.map((pc) => instructionAt(system, pc));
	return {
		who,
		kind: move.kind,
		text: textOf(system, taken),
		...(merged.length === 0 ? {} : { merged }),
		pc: taken.pc,
		...(move.kind === "step" ? staleness(system, taken, who, done) : {}),
		...rest,
	};
}

function textOf(system: System, { move, pc, instruction, bytes }: Taken): string {
	const { machine } = system;
	const where = placeOf(system, pc);
	if (move.kind === "interrupt") return `${where}: takes the interrupt`;
	if (move.kind === "nmi") return `${where}: an NMI comes`;
	if (move.kind === "drain") return "its oldest store reaches memory";
	if (move.kind === "trap") {
		const to = getCpu(machine, move.who, Cpu.pc) >>> 0;
		return `${where}: trap served, goes to ${placeOf(system, to)}`;
	}
	const text =
		instruction === undefined ? `no instruction: ${hexBytes(bytes)}` : instructionText(system, instruction, pc);
	return `${where}: ${text}`;
}

function placeOf({ image }: System, address: number): string {
	return namesOf(image)(address) ?? hex(address);
}

const known = new WeakMap<Image, ReturnType<typeof labelsOf>>();

function namesOf(image: Image): ReturnType<typeof labelsOf> {
	let names = known.get(image);
	if (names === undefined) {
		names = labelsOf(image);
		known.set(image, names);
	}
	return names;
}

function instructionText({ image }: System, instruction: Instruction, pc: number): string {
	const names = namesOf(image);
	return withNames(disassemble(instruction, pc, names), names);
}

/** An instruction in bytes that nobody writes. */
function instructionAt(system: System, pc: number): string {
	const bytes = readVirtual(system.machine, 0, pc, 6);
	const instruction = bytes && decode(bytes, 0);
	return `${placeOf(system, pc)}: ${instruction === undefined ? "?" : instructionText(system, instruction, pc)}`;
}

/** What a CPU fetched that memory does not hold any more. Only instructions at sites can differ, and only these are shown. */
function staleness(
	{ machine }: System,
	{ bytes, pc }: Taken,
	who: string,
	done: readonly Done[],
): Pick<TraceStep, "fetched" | "older"> {
	const now = readVirtual(machine, 0, pc, bytes.length);
	if (now === undefined || hexBytes(now) === hexBytes(bytes)) return {};
	const old = [...bytes.keys()].filter((i) => bytes[i] !== now[i]);
	const store = done.findLast(({ step }) => old.some((i) => writes(step, pc + i)));
	const which = old.length === 1 ? `byte ${old[0]} is` : `bytes ${old.join(", ")} are`;
	const since =
		store === undefined ? "" : `: ${store.who} replaced ${old.length === 1 ? "it" : "them"} (${store.text})`;
	const why = whyStill(machine.config.model, who, store === undefined ? done : done.slice(done.indexOf(store) + 1));
	return { fetched: hexBytes(bytes), older: `${which} older than memory${since}, and ${why}` };
}

/** Whether a step stores to an address. */
function writes(step: Step, address: number): boolean {
	if (step.kind !== "store" && step.kind !== "copy") return false;
	return address >= step.address && address < step.address + step.bytes.length;
}

/** Why a CPU may still have an old value. @param since what patchers did after it was replaced */
function whyStill({ invalidates, cleans, queue }: Model, who: string, since: readonly Done[]): string {
	if (invalidates === "own") return `${who} has executed no instruction barrier since`;
	const did = (kind: Step["kind"]): boolean => since.some(({ step }) => step.kind === kind);
	if (cleans && !did("clean")) return "the new value is not cleaned to where fetches look";
	if (!did("invalidate")) return "nobody has invalidated the instruction caches since";
	return queue
		? `the fetch queue of ${who} may hold what it fetched before, until its next instruction barrier`
		: `${who} may hold what it fetched before`;
}

function sitesOf(system: System): TraceStep["sites"] {
	return system.plans.flatMap(({ edits }) =>
		edits.map((edit) => ({
			address: edit.address,
			place: placeOf(system, edit.address),
			change: changeOf(system, edit),
			bytes: hexBytes(readVirtual(system.machine, 0, edit.address, edit.bytes.length) ?? new Uint8Array()),
		})),
	);
}

/** What an edit makes of an instruction: `call fifo → deadline`, `call fifo → nop5`. */
function changeOf(system: System, { address, old, bytes }: Edit): string {
	const [before, after] = [old, bytes].map((code) => {
		const instruction = decode(code, 0);
		return instruction === undefined ? hexBytes(code) : instructionText(system, instruction, address);
	}) as [string, string];
	const [verb, ...operands] = after.split(" ");
	return `${before} → ${operands.length > 0 && before.startsWith(`${verb} `) ? operands.join(" ") : after}`;
}
