// A second opinion about small scenarios. It explores by brute force on the public interfaces: the choices of a machine, the
// steps of patchers, the servers of traps, NMIs. A state is every word of the machine, no move is merged into another, no two CPUs
// change places, and the properties are judged here anew, from what docs/checking.md says of them. Only the clocks are left
// out, which nothing that is checked can see.

import { Mask, Stop } from "../../linker/isa/core.ts";
import { decode } from "../../linker/isa/decode.ts";
import { encode } from "../../linker/isa/encode.ts";
import type { Instruction } from "../../linker/isa/instruction-set.ts";
import { SP } from "../../linker/isa/sets/toy.ts";
import type { Built } from "../../runtime/check/build.ts";
import type { Property } from "../../runtime/check/properties.ts";
import { enterHandler, takesNmi } from "../../runtime/machine/handlers.ts";
import { Cpu, Global, Patcher, Status } from "../../runtime/machine/layout.ts";
import { restore } from "../../runtime/machine/machine.ts";
import { aliasOf, mappings, physicalIn, translate } from "../../runtime/machine/page-table.ts";
import { type Choice, choices, take } from "../../runtime/machine/run.ts";
import { BoundReached, getCpu, type Machine, PAGE } from "../../runtime/machine/state.ts";
import { loadedByte, waiting } from "../../runtime/machine/store-buffer.ts";
import { serveHostCall } from "../../runtime/patch/drive/host-calls.ts";
import { nextStep, perform, ready } from "../../runtime/patch/perform/perform.ts";
import { serveTrap } from "../../runtime/patch/perform/trap.ts";
import type { Edit, Step } from "../../runtime/patch/plan/step.ts";
import { getPatcher, patcherClocks, type System, setPatcher } from "../../runtime/patch/system.ts";

type Move =
	| Choice
	| { readonly kind: "trap"; readonly cpu: number }
	| { readonly kind: "nmi"; readonly cpu: number }
	| { readonly kind: "patch"; readonly patcher: number };

export interface Opinion {
	/** Not where there were more states than allowed, or more values and stores than the machine has room for. */
	readonly complete: boolean;
	readonly states: number;
	/** Every property that some reachable move breaks, with the length of a shortest way to it. */
	readonly broken: ReadonlyMap<Property, number>;
	/** `new`, `old`, `trap`, and addresses that were to be reached. */
	readonly seen: ReadonlySet<string | number>;
	/** What `view` said of every state in which all CPUs have halted and all stores are in memory. */
	readonly ends: ReadonlySet<string>;
	/** The same of those in which patchers have nothing left to do either. */
	readonly finals: ReadonlySet<string>;
	/** Whether some step stores many bytes at once where a CPU may execute, and nobody judges that. */
	readonly refuses: boolean;
}

/** @param judged what counts: a move that breaks it is not followed
 * @param view what is of interest at the end */
export function opinionOf(
	{ system, start, never, reaches }: Pick<Built, "system" | "start" | "never" | "reaches">,
	judged: ReadonlySet<Property>,
	bound: number,
	view: (system: System) => string = () => "",
): Opinion {
	const { machine, plans } = system;
	const states = newStates(machine, start);
	const pages = pagesOf(system);
	const broken = new Map<Property, number>();
	const seen = new Set<string | number>();
	const ends = new Set<string>();
	const finals = new Set<string>();
	let hasRoom = true;
	let refuses = false;
	const edges: number[][] = [];
	const finished: boolean[] = [];
	const depths = [0];
	const { oracle } = machine;
	restore(machine, start);
	states.add();
	if (judged.has("w^x") && isWritableAndExecutable(machine, pages)) broken.set("w^x", 0);
	for (let from = 0; from < states.count() && states.count() <= bound && hasRoom; from++) {
		states.put(from);
		edges[from] ??= [];
		finished.push(plans.every(({ steps }, patcher) => getPatcher(machine, patcher, Patcher.at) === steps.length));
		const moves = movesOf(system);
		if (moves.length === 0 && isOver(machine)) finals.add(view(system));
		for (const move of moves) {
			const answers: number[] = [];
			do {
				states.put(from);
				oracle.answers.splice(0, Infinity, ...answers);
				oracle.options.length = 0;
				const faults = withRoom(() => judgedMove(system, move, pages, seen));
				if (faults === undefined) hasRoom = false;
				if (faults === undefined) break;
				const options = [...oracle.options];
				const pc = "cpu" in move && isRunning(machine, move.cpu) ? getCpu(machine, move.cpu, Cpu.pc) >>> 0 : -1;
				if (reaches.has(pc)) seen.add(pc);
				if (never.has(pc)) faults.push("never");
				const counted = faults.filter((fault) => judged.has(fault as Property)) as Property[];
				if (faults.includes("long store") && !judged.has("w^x")) {
					refuses = true;
					break;
				}
				for (const fault of counted) if (!broken.has(fault)) broken.set(fault, depths[from]! + 1);
				if (counted.length === 0) {
					if (isOver(machine)) ends.add(view(system));
					const to = states.add();
					depths[to] ??= depths[from]! + 1;
					edges[to] ??= [];
					edges[from]!.push(to);
				}
				odometer(answers, options);
			} while (answers.length > 0);
		}
	}
	const complete = hasRoom && states.count() <= bound;
	const stuck = complete && judged.has("finish") && broken.size === 0 ? firstStuck(edges, finished) : -1;
	if (stuck >= 0) broken.set("finish", depths[stuck]!);
	return { complete, states: states.count(), broken, seen, ends, finals, refuses };
}

/** @returns undefined where the machine has no room for what is done */
function withRoom<T>(act: () => T): T | undefined {
	try {
		return act();
	} catch (error) {
		if (error instanceof BoundReached) return undefined;
		throw error;
	}
}

/** What the machine may do, what serves CPUs that stopped, and what patchers may do. */
function movesOf(system: System): Move[] {
	const { machine, plans } = system;
	const stopped = machine.cores.filter(({ id }) =>
		[Status.trapped, Status.hostCall].some((status) => status === getCpu(machine, id, Cpu.status)),
	);
	return [
		...choices(machine),
		...stopped.map(({ id }): Move => ({ kind: "trap", cpu: id })),
		...machine.cores.flatMap(({ id }): Move[] =>
			system.handlers.nmi !== undefined && takesNmi(machine, id) ? [{ kind: "nmi", cpu: id }] : [],
		),
		...plans.flatMap((_, patcher): Move[] => (ready(system, patcher) ? [{ kind: "patch", patcher }] : [])),
	];
}

/** Makes a move. @returns the properties that it broke. A long store into text, which breaks W^X, is not made */
function judgedMove(
	system: System,
	move: Move,
	pages: readonly number[],
	seen: Set<string | number>,
): (Property | "long store")[] {
	const { machine } = system;
	if (move.kind === "patch") {
		const step = nextStep(system, move.patcher)!;
		noteOrder(system, move.patcher, step);
		if (storesWhereOneExecutes(machine, step, pages)) return ["w^x", "long store"];
		perform(system, move.patcher);
		const isMapping = ["protect", "map", "remap", "restrict", "retire"].includes(step.kind);
		return isMapping && isWritableAndExecutable(machine, pages) ? ["w^x"] : [];
	}
	const core = machine.cores[move.cpu]!;
	const pc = getCpu(machine, move.cpu, Cpu.pc) >>> 0;
	const sp = core.r[SP]!;
	const sites = system.plans.flatMap(({ edits }, patcher) =>
		edits.filter(({ address }) => address === pc).map((edit) => ({ ...edit, patcher })),
	);
	if (move.kind === "trap") return servedTrap(system, move.cpu, sites, seen);
	if (move.kind === "nmi") {
		enterHandler(machine, move.cpu, system.handlers.nmi!, Mask.interrupts | Mask.nmis);
		return [];
	}
	if (move.kind !== "step") {
		take(machine, move);
		return [];
	}
	core.fetchedBytes = new Uint8Array();
	take(machine, move);
	const executed = decode(core.fetchedBytes, 0);
	const faults: Property[] = [];
	if (executed !== undefined && executed.row.flow !== "trap" && isFreed(system, pc)) faults.push("freed");
	if (sites.length === 0 || (getCpu(machine, move.cpu, Cpu.stop) === Stop.fetchFault && !executed)) return faults;
	const isOne = (bytes: Uint8Array): boolean => executed !== undefined && same(executed, decode(bytes, 0)!);
	if (!sites.some(({ old, bytes }) => isOne(old) || isOne(bytes))) {
		if (isOne(encode("brk"))) seen.add("trap");
		return isOne(encode("brk")) || isOne(encode("spin")) ? faults : [...faults, "torn"];
	}
	seen.add(sites.some(({ bytes }) => isOne(bytes)) ? "new" : "old");
	if (isReplaced(system, sites, executed!)) faults.push("stale");
	if (getCpu(machine, move.cpu, Cpu.status) !== Status.trapped && !isRight(machine, move.cpu, executed!, pc, sp))
		faults.push("target");
	return faults;
}

/** A site that a patcher changes. */
type Changed = Edit & { readonly patcher: number };

/** Serves a CPU that stopped: the host's calls, breakpoints and faults that patching causes, the program's own handler. */
function servedTrap(
	system: System,
	cpu: number,
	sites: readonly Changed[],
	seen: Set<string | number>,
): (Property | "long store")[] {
	const { machine, handlers } = system;
	const pc = getCpu(machine, cpu, Cpu.pc) >>> 0;
	const sp = machine.cores[cpu]!.r[SP]!;
	const isBreakpoint = getCpu(machine, cpu, Cpu.stop) === Stop.breakpoint;
	if (getCpu(machine, cpu, Cpu.status) === Status.hostCall) serveHostCall(system, cpu);
	if (getCpu(machine, cpu, Cpu.status) === Status.trapped && !serveTrap(system, cpu)) {
		if (!isBreakpoint || handlers.trap === undefined)
			return [isBreakpoint && sites.length > 0 ? "breakpoint" : "fault"];
		enterHandler(machine, cpu, handlers.trap, Mask.interrupts);
		return [];
	}
	if (!isBreakpoint || sites.length === 0) return [];
	seen.add("new");
	const emulated = sites.filter(({ patcher }) => patcher === machine.words[Global.armed]! - 1);
	const meant = emulated.map(({ bytes }) => decode(bytes, 0)!);
	return [
		...(meant.some((one) => isReplaced(system, sites, one)) ? (["stale"] as const) : []),
		...(meant.some((one) => isRight(machine, cpu, one, pc, sp)) ? [] : (["target"] as const)),
	];
}

/** Notes of a patcher that is about to begin which others are done. The word for it is the checker's own, which nothing else reads. */
function noteOrder(system: System, patcher: number, step: Step): void {
	const { steps } = system.plans[patcher]!;
	const at = getPatcher(system.machine, patcher, Patcher.at);
	if (step.kind === "after" || steps.slice(0, at).some(({ kind }) => kind !== "after")) return;
	const done = system.plans.flatMap((_, other) => (isDone(system, other) ? [1 << other] : []));
	setPatcher(system.machine, patcher, Patcher.preceding, sum(done));
}

function sum(numbers: readonly number[]): number {
	return numbers.reduce((all, one) => all + one, 0);
}

/** Whether somebody who is done put another instruction there, and nobody has begun to put this one there who was not done
 * before that one began. */
function isReplaced(system: System, sites: readonly Changed[], executed: Instruction): boolean {
	const puts = ({ bytes }: Changed): boolean => same(executed, decode(bytes, 0)!);
	const hasBegun = ({ patcher }: Changed): boolean =>
		system.plans[patcher]!.steps.slice(0, getPatcher(system.machine, patcher, Patcher.at)).some(
			({ kind }) => kind !== "after",
		);
	return sites.some((one) => {
		if (puts(one) || !isDone(system, one.patcher)) return false;
		const before = getPatcher(system.machine, one.patcher, Patcher.preceding);
		return !sites.some((other) => puts(other) && hasBegun(other) && (before & (1 << other.patcher)) === 0);
	});
}

/** Whether a step stores more than one atomic store can, in frames from which some CPU may fetch. */
function storesWhereOneExecutes(machine: Machine, step: Step, pages: readonly number[]): boolean {
	if (step.kind !== "copy" && step.kind !== "poison") return false;
	const length = typeof step.bytes === "number" ? step.bytes : step.bytes.length;
	const framed = (physical: number): number => physical - (physical % PAGE);
	const executable = new Set(
		machine.cores.flatMap(({ id }) => pages.flatMap((page) => translations(machine, id, page, "x"))).map(framed),
	);
	return executable.has(framed(aliasOf(machine, 0, step.address))) && length > 0;
}

function isDone({ machine, plans }: System, patcher: number): boolean {
	return getPatcher(machine, patcher, Patcher.at) === plans[patcher]!.steps.length;
}

function isRunning(machine: Machine, cpu: number): boolean {
	return getCpu(machine, cpu, Cpu.status) === Status.running;
}

function isOver(machine: Machine): boolean {
	const isOff = (cpu: number): boolean => getCpu(machine, cpu, Cpu.status) === Status.halted;
	return machine.cores.every(({ id }) => isOff(id) && waiting(machine, id) === 0);
}

function same(a: Instruction, b: Instruction): boolean {
	const { row, ...operands } = a;
	const { row: other, ...others } = b;
	return row === other && JSON.stringify(operands) === JSON.stringify(others);
}

/** Whether a CPU is where an instruction at `pc` leads, with the stack that it leaves. */
function isRight(machine: Machine, cpu: number, { row, imm, length }: Instruction, pc: number, sp: number): boolean {
	const next = pc + length;
	const now = [getCpu(machine, cpu, Cpu.pc), machine.cores[cpu]!.r[SP]!].join();
	switch (row.flow) {
		case "call":
			return now === [next + imm, sp - 4].join() && wordOf(machine, cpu, sp - 4) === next;
		case "return":
			return now === [wordOf(machine, cpu, sp), sp + 4].join();
		case "jump":
			return now === [next + imm, sp].join();
		case "branch":
			return now === [next + imm, sp].join() || now === [next, sp].join();
		default:
			return now === [next, sp].join();
	}
}

/** A word as the CPU itself would load it. */
function wordOf(machine: Machine, cpu: number, address: number): number {
	const byte = (i: number): number => loadedByte(machine, cpu, physicalIn(machine, 0, (address + i) >>> 0));
	return byte(0) | (byte(1) << 8) | (byte(2) << 16) | (byte(3) << 24);
}

/** Whether the last mark that a plan has passed over an address says that the text is nobody's, or, where it passed none, the
 * next mark says that it is going to be somebody's. */
function isFreed({ machine, plans }: System, address: number): boolean {
	const marks = plans.flatMap(({ steps }, patcher) =>
		steps.flatMap((step, index) =>
			(step.kind === "live" || step.kind === "free") && address >= step.address && address < step.address + step.bytes
				? [{ kind: step.kind, passed: index < getPatcher(machine, patcher, Patcher.at) }]
				: [],
		),
	);
	const last = marks.findLast(({ passed }) => passed);
	return last === undefined ? marks[0]?.kind === "live" : last.kind === "free";
}

/** Pages that some CPU may ever reach: those that are mapped, and those that a step is about. */
function pagesOf({ machine, plans }: System): number[] {
	const named = plans.flatMap(({ steps }) => steps.flatMap((step) => ("address" in step ? [step.address] : [])));
	const all = [...mappings(machine).map(({ address }) => address), ...named];
	return [...new Set(all.map((address) => address - (address % PAGE)))];
}

/** Asks the machine for every translation that it may give any CPU, for stores and for fetches. */
function isWritableAndExecutable(machine: Machine, pages: readonly number[]): boolean {
	const reach = (access: "w" | "x"): number[] =>
		machine.cores.flatMap(({ id }) => pages.flatMap((page) => translations(machine, id, page, access)));
	const executable = new Set(reach("x"));
	return reach("w").some((frame) => executable.has(frame));
}

function translations(machine: Machine, cpu: number, page: number, access: "w" | "x"): number[] {
	const { oracle } = machine;
	const kept = { answers: [...oracle.answers], options: [...oracle.options] };
	const all: number[] = [];
	const answers: number[] = [];
	do {
		oracle.answers.splice(0, Infinity, ...answers);
		oracle.options.length = 0;
		const physical = translate(machine, cpu, page, access);
		if (physical >= 0) all.push(physical);
		odometer(answers, [...oracle.options]);
	} while (answers.length > 0);
	oracle.answers.splice(0, Infinity, ...kept.answers);
	oracle.options.splice(0, Infinity, ...kept.options);
	return all;
}

/** Moves on to the next answers to questions that had so many options. Without answers it has been through all. */
function odometer(answers: number[], options: readonly number[]): void {
	while (answers.length < options.length) answers.push(0);
	while (answers.length > 0 && answers.at(-1)! + 1 >= options[answers.length - 1]!) answers.pop();
	if (answers.length > 0) answers[answers.length - 1]!++;
}

/** The first state from which no finished one can be reached; -1 where there is none. */
function firstStuck(edges: readonly number[][], finished: readonly boolean[]): number {
	const good = [...finished];
	for (let changed = true; changed; ) {
		changed = false;
		for (let state = edges.length - 1; state >= 0; state--) {
			if (good[state] || !edges[state]!.some((to) => good[to])) continue;
			good[state] = changed = true;
		}
	}
	return good.indexOf(false);
}

/** Words that are compared at once, before each by itself. */
const CHUNK = 256;

/** States as the words in which they differ from the first. */
function newStates(machine: Machine, start: Int32Array) {
	const known = new Map<string, number>();
	const all: number[][] = [];
	const { words } = machine;
	const scratch = start.slice();
	const [now, before] = [machine.words, start].map(({ buffer, length }) => Buffer.from(buffer, 0, 4 * length)) as [
		Buffer,
		Buffer,
	];
	return {
		count: () => all.length,
		/** @returns the number of the state that the machine is in */
		add(): number {
			forgetTime(machine);
			const changed: number[] = [];
			for (let from = 0; from < words.length; from += CHUNK) {
				const to = Math.min(from + CHUNK, words.length);
				if (now.compare(before, 4 * from, 4 * to, 4 * from, 4 * to) === 0) continue;
				for (let i = from; i < to; i++) if (words[i] !== start[i]) changed.push(i, words[i]!);
			}
			const key = changed.join();
			const found = known.get(key) ?? all.length;
			if (found < all.length) return found;
			known.set(key, found);
			all.push(changed);
			return found;
		},
		put(state: number): void {
			const changed = all[state]!;
			for (let i = 0; i < changed.length; i += 2) scratch[changed[i]!] = changed[i + 1]!;
			restore(machine, scratch);
			for (let i = 0; i < changed.length; i += 2) scratch[changed[i]!] = start[changed[i]!]!;
		},
	};
}

/** Clocks, counters and predictors differ by the way to a state and change nothing that is checked. */
function forgetTime(machine: Machine): void {
	for (const core of machine.cores) {
		core.counters.fill(0);
		core.predictor.fill(0);
	}
	for (let patcher = 0; patcher < machine.config.patchers; patcher++)
		patcherClocks(machine, patcher).fill(0, Patcher.clock / 2);
}
