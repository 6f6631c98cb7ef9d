// Carries out one step of a patcher on the machine.

import { bytesInFlux } from "../../machine/histories.ts";
import { Cpu, Global, Patcher, Status } from "../../machine/layout.ts";
import { writePhysical } from "../../machine/memory.ts";
import { mapPages, protectPages, protectText, rightsOf } from "../../machine/page-table.ts";
import { TICKS_PER_CYCLE, ticksOf } from "../../machine/profile.ts";
import { barrier, flush, Interrupt, requestsOf } from "../../machine/run.ts";
import { cpuWord, getCounter, getCpu, type Machine, PAGE, setCpu } from "../../machine/state.ts";
import { clean, invalidate } from "../../machine/visibility.ts";
import { isVacant } from "../drive/vacant.ts";
import { describeStep } from "../plan/describe-step.ts";
import { ATOMIC, type Request, type Step, same } from "../plan/step.ts";
import { isAwaited } from "../record/tracer.ts";
import { getPatcher, Life, patcherClocks, type System, setPatcher } from "../system.ts";
import { framesBehind } from "./frames-behind.ts";
import { copy, maintain, poison, restrict, retire } from "./memory-steps.ts";

/** The step a patcher would do next; undefined when it has none, or died. */
export function nextStep(system: System, patcher: number): Step | undefined {
	if (getPatcher(system.machine, patcher, Patcher.active) !== Life.atWork) return undefined;
	return system.plans[patcher]!.steps[getPatcher(system.machine, patcher, Patcher.at)];
}

/** Whether the patcher's next step can be done now: `lock`, `await`, `after`, `vacate` and `exchange` may have to wait. A
 * CPU inside a trap handler takes no interrupt, so an `await` waits for it too: no handler can outlive the batch that it
 * looked up (docs/algorithms.md draws it). */
export function ready(system: System, patcher: number): boolean {
	const step = nextStep(system, patcher);
	if (step === undefined) return false;
	const { machine, plans } = system;
	switch (step.kind) {
		case "lock":
			return [0, patcher + 1].includes(machine.words[Global.lock]!);
		case "await":
			return machine.cores.every((core) => (getCpu(machine, core.id, Cpu.pending) & requestsOf(patcher)) === 0);
		case "after":
			return getPatcher(machine, step.patcher, Patcher.at) >= plans[step.patcher]!.steps.length;
		case "vacate":
			return isVacant(machine, step.address, step.bytes) && !isAwaited(system.tracer, step.address, step.bytes);
		case "exchange":
			return step.cpus.every((cpu) => isPreemptible(machine, cpu));
		default:
			return true;
	}
}

/** Whether a CPU may be given another task now. */
export function isPreemptible(machine: Machine, cpu: number): boolean {
	const status = getCpu(machine, cpu, Cpu.status) as Status;
	const between: readonly Status[] = [Status.running, Status.idle, Status.halted];
	const held = getCpu(machine, cpu, Cpu.masked) !== 0 || getCpu(machine, cpu, Cpu.stepping) !== 0;
	return !held && between.includes(status);
}

/** Does the next step of a patcher that is `ready`, and charges its clock. */
export function perform(system: System, patcher: number): void {
	const { machine, counts } = system;
	const step = nextStep(system, patcher)!;
	const cpu = getPatcher(machine, patcher, Patcher.cpu) - 1;
	const clocks = patcherClocks(machine, patcher);
	const before = clocks[Patcher.clock / 2]!;
	clocks[Patcher.clock / 2] = before + act(system, step, patcher, cpu, before);
	if (step.kind === "store") counts.stores++;
	if (step.kind === "interrupt" && step.request !== "serialize-at-rest") counts.syncs++;
	const at = getPatcher(machine, patcher, Patcher.at);
	setPatcher(machine, patcher, Patcher.at, at + 1);
	const duration = clocks[Patcher.clock / 2]! - before;
	system.events?.push({
		clock: before,
		cpu: cpu < 0 ? undefined : cpu,
		patcher,
		phase: system.plans[patcher]!.phases?.[at],
		step,
		what: "step",
		detail: describeStep(step),
		duration,
		flux: bytesInFlux(machine),
	});
}

/** @returns the ticks it takes */
function act(system: System, step: Step, patcher: number, cpu: number, clock: number): number {
	const { machine } = system;
	const { profile } = machine.config;
	switch (step.kind) {
		case "lock":
			machine.words[Global.lock] = patcher + 1;
			return Math.max(0, lastEnd(machine) - clock);
		case "unlock":
			machine.words[Global.lock] = 0;
			if (machine.words[Global.window] === patcher + 1) machine.words[Global.window] = 0;
			return 0;
		case "interrupt":
			interrupt(machine, step, patcher, cpu, clock);
			if (step.request === "serialize-at-rest") return 0;
			return (profile.syncRound + profile.syncCpu * asked(machine, cpu, step.cpus).length) * TICKS_PER_CYCLE;
		case "await":
			return Math.max(0, ...answered(machine, cpu).map((other) => getCounter(machine, other, Cpu.clock) - clock));
		case "release":
			releaseParked(machine, step.serialize, cpu, clock);
			return 0;
		case "arm":
			machine.words[Global.armed] = patcher + 1;
			return 0;
		case "disarm":
			machine.words[Global.armed] = 0;
			return 0;
		case "serialize":
		case "flush":
			comply(machine, step.cpu, step.kind);
			return 0;
		case "start":
			setCpu(machine, step.cpu, Cpu.status, Status.running);
			return 0;
		case "kill":
			kill(system, step.patcher);
			return 0;
		case "exchange":
			exchange(machine, ...step.cpus);
			for (const one of step.serialize ? step.cpus : []) barrier(machine, one);
			return 0;
		case "after":
		case "vacate":
		case "live":
		case "free":
			return 0;
		case "store":
		case "clean":
		case "invalidate":
			return actOnMemory(system, step);
		default:
			return actOnPages(system, step, patcher);
	}
}

/** Lets a patcher die: it does no further step, and what it holds stays held. */
export function kill({ machine }: System, patcher: number): void {
	if (getPatcher(machine, patcher, Patcher.active) !== Life.atWork) return;
	setPatcher(machine, patcher, Patcher.active, Life.dead);
}

type PageStep = Extract<
	Step,
	{ kind: "copy" | "poison" | "map" | "restrict" | "retire" | "clone" | "remap" | "protect" }
>;

/** What a step does to pages, or with many bytes at once. @returns the ticks it takes */
function actOnPages(system: System, step: PageStep, patcher: number): number {
	const { machine } = system;
	const entry = machine.config.profile.poke * TICKS_PER_CYCLE;
	switch (step.kind) {
		case "copy":
			copy(machine, step.address, step.bytes);
			return longStore(machine, step.bytes.length);
		case "poison":
			return longStore(machine, poison(machine, step.address, step.bytes));
		case "map":
			map(machine, step);
			return entry;
		case "restrict":
			restrict(machine, step.address, step.bytes, step.permissions);
			return entry;
		case "retire":
			retire(machine, step.address, step.bytes);
			return 0;
		case "clone":
			return clone(machine, step.from, step.to, step.bytes);
		case "remap":
			mapPages(machine, step.space, step.page, step.physical, PAGE, rightsOf(machine, step.space, step.page));
			return entry;
		case "protect":
			for (const physical of framesBehind(system, step.address))
				protectText(machine, physical, step.bytes, step.permissions);
			machine.words[Global.window] = patcher + 1;
			return entry;
	}
}

/** A store, or cache maintenance, in all the memory behind the address. @returns the ticks it takes */
export function actOnMemory(system: System, step: Extract<Step, { kind: "store" | "clean" | "invalidate" }>): number {
	const { machine } = system;
	const { profile, model } = machine.config;
	if (step.kind !== "store" && step.bytes !== undefined)
		return maintain(machine, { ...step, bytes: step.bytes }) * profile.cycles.cache * TICKS_PER_CYCLE;
	const frames = framesBehind(system, step.address, step.space);
	for (const physical of frames) {
		if (step.kind === "store") writePhysical(machine, physical, step.bytes);
		else (step.kind === "clean" ? clean : invalidate)(machine, physical - (physical % model.unit));
	}
	return frames.length * (step.kind === "store" ? profile.poke : profile.cycles.cache) * TICKS_PER_CYCLE;
}

/** Only words that differ are stored. @returns the ticks it takes */
function clone(machine: Machine, from: number, to: number, bytes: number): number {
	for (let at = 0; at < bytes; at += 4) {
		const word = machine.memory.slice(from + at, from + at + 4);
		if (!same(word, machine.memory.subarray(to + at, to + at + 4))) writePhysical(machine, to + at, word);
	}
	return (bytes / ATOMIC) * machine.config.profile.cycles.store * TICKS_PER_CYCLE;
}

function map(
	machine: Machine,
	{ space = 0, address, bytes, permissions, frames }: Extract<Step, { kind: "map" }>,
): void {
	if (frames === undefined) protectPages(machine, space, address, bytes, permissions);
	else mapPages(machine, space, address, frames.physical, bytes, permissions, frames.large, frames.text);
}

/** Ticks of a long store, eight bytes at a time. */
function longStore(machine: Machine, bytes: number): number {
	return Math.ceil(bytes / 8) * ticksOf(machine.config.profile, "store");
}

/** When the last patcher that ended did. */
function lastEnd(machine: Machine): number {
	let last = 0;
	for (let patcher = 0; patcher < machine.config.patchers; patcher++) {
		if (getPatcher(machine, patcher, Patcher.active) !== Life.idle) continue;
		last = Math.max(last, patcherClocks(machine, patcher)[Patcher.clock / 2]!);
	}
	return last;
}

type Interrupting = Extract<Step, { kind: "interrupt" }>;

/** CPUs that halted for good never execute again, and need not be asked. */
function answered(machine: Machine, patching: number): number[] {
	const asked = (cpu: number): boolean => cpu !== patching && getCpu(machine, cpu, Cpu.status) !== Status.halted;
	return machine.cores.map((core) => core.id).filter(asked);
}

/** The CPUs that a request is for, among those that answer requests. */
function asked(machine: Machine, patching: number, cpus: readonly number[] | undefined): number[] {
	return answered(machine, patching).filter((cpu) => cpus?.includes(cpu) ?? true);
}

function interrupt(
	machine: Machine,
	{ request, cpus }: Interrupting,
	patcher: number,
	patching: number,
	clock: number,
): void {
	const bits = Interrupt[request] & requestsOf(patcher);
	for (const cpu of asked(machine, patching, cpus)) {
		const status = getCpu(machine, cpu, Cpu.status) as Status;
		if (answersAtOnce(machine, cpu, request)) comply(machine, cpu, request);
		else setCpu(machine, cpu, Cpu.pending, getCpu(machine, cpu, Cpu.pending) | bits);
		if (status !== Status.running && request !== "serialize-at-rest") waitUntil(machine, cpu, clock);
	}
	if (patching >= 0) comply(machine, patching, request);
}

/** Whether a CPU does what it is asked for without executing anything first. One that is parked is so already, be it by a
 * patcher that died; what else it is asked for it does where it stands if it serves interrupts there, and otherwise once it
 * is released. */
function answersAtOnce(machine: Machine, cpu: number, request: Request): boolean {
	const status = getCpu(machine, cpu, Cpu.status) as Status;
	const isParked = status === Status.parked || status === Status.attentive;
	if (request === "serialize-at-rest")
		return resting.includes(isParked ? (getCpu(machine, cpu, Cpu.before) as Status) : status);
	return status === Status.attentive || (isParked && (request === "park" || request === "park-interruptible"));
}

/** A CPU that is in the middle of nothing. */
const resting: readonly Status[] = [Status.idle, Status.hostCall, Status.patching];

/** Does a request on the spot. Who parks is parked by somebody else, but a CPU that is parked and serves interrupts may be
 * asked not to. */
export function comply(machine: Machine, cpu: number, request: Request): void {
	if (request === "serialize" || request === "serialize-at-rest") barrier(machine, cpu);
	if (request === "flush") flush(machine, cpu);
	if (request === "park" && getCpu(machine, cpu, Cpu.status) === Status.attentive)
		setCpu(machine, cpu, Cpu.status, Status.parked);
}

/** The patching CPU's own stores are as old to it as to the others, so it serializes too. */
function releaseParked(machine: Machine, withBarrier: boolean, patching: number, clock: number): void {
	for (let cpu = 0; cpu < machine.config.cpus; cpu++) {
		const status = getCpu(machine, cpu, Cpu.status);
		if (status === Status.parked || status === Status.attentive) {
			setCpu(machine, cpu, Cpu.status, getCpu(machine, cpu, Cpu.before));
			setCpu(machine, cpu, Cpu.before, 0);
			waitUntil(machine, cpu, clock);
		} else if (cpu !== patching) continue;
		if (withBarrier) barrier(machine, cpu);
	}
}

/** Registers, pc, flags and address space change places, and so does whether they run; caches, TLB and interrupts stay. */
function exchange(machine: Machine, a: number, b: number): void {
	const { words, cores } = machine;
	for (const field of taskFields) {
		const mine = words[cpuWord(machine, a, field)]!;
		words[cpuWord(machine, a, field)] = words[cpuWord(machine, b, field)]!;
		words[cpuWord(machine, b, field)] = mine;
	}
	for (const cpu of [a, b]) cores[cpu]!.forgetTranslations();
}

/** The words of a CPU's block that belong to the task it runs. */
const taskFields: readonly number[] = [...Array.from({ length: Cpu.status + 1 }, (_, field) => field), Cpu.space];

/** A CPU that did nothing meanwhile is no earlier than what wakes it. */
function waitUntil(machine: Machine, cpu: number, clock: number): void {
	const { counters } = machine.cores[cpu]!;
	counters[0] = Math.max(counters[0]!, clock);
}
