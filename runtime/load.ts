// From an image to a machine that is about to run it: segments copied to fresh frames and mapped with their
// permissions, a stack per CPU, CPU 0 at the entry, the other CPUs idle until somebody starts them.

import { type Segment, STT_FUNC, STT_NOTYPE } from "../linker/elf/object.ts";
import { planSegments } from "../linker/elf/segments.ts";
import { LinkError, requireCount, suggestion } from "../linker/errors.ts";
import { hex } from "../linker/hex.ts";
import { encode, SP } from "../linker/isa/index.ts";
import type { Image } from "../linker/link/image.ts";
import { Cpu, Status } from "./machine/layout.ts";
import { createMachine } from "./machine/machine.ts";
import type { Model } from "./machine/model.ts";
import { ideal } from "./machine/models/index.ts";
import { mapPages, physicalIn } from "./machine/page-table.ts";
import type { CostProfile } from "./machine/profile.ts";
import { coreAt, endTurn, type FetchPolicy, type Machine, PAGE, setCpu, takeFrames } from "./machine/state.ts";
import { drainAll } from "./machine/store-buffer.ts";

/** Stacks hang below this address, each above an unmapped page. */
export const STACKS_END = 0x7000_0000;
/** Bytes that an image may take: two of the largest tables that the compiler takes. */
const MAX_MEMORY = 2 ** 27;
/** What lies there: where the first function of every CPU returns to, and what a CPU without one goes round. */
const HALT = encode("hlt");
const IDLE = encode("idle");
const IDLE_AGAIN = encode("jmp", { imm: -(5 + IDLE.length) });
/** Where an idle CPU goes on when an interrupt wakes it. */
const IDLE_LOOP = STACKS_END + HALT.length + IDLE.length;

/** How an image becomes a machine: its CPUs, their model and costs, and room beyond what the image needs. */
export interface LoadOptions {
	readonly profile: CostProfile;
	/** `ideal` unless said otherwise. */
	readonly model?: Model;
	readonly fetch?: FetchPolicy;
	readonly seed?: number;
	readonly cpus?: number;
	/** Bytes per CPU, rounded up to pages. */
	readonly stack?: number;
	/** Histories to keep room for. */
	readonly histories?: number;
	/** Values of each of them to keep room for, and stores in a store buffer. */
	readonly values?: number;
	readonly stores?: number;
	/** False: every CPU is off, CPU 0 too. */
	readonly started?: boolean;
	/** So many processes run the image: CPU i is in address space i modulo that. They share what nobody may write. */
	readonly processes?: number;
	/** Pages of memory, and of page-table entries, that nobody has yet. */
	readonly spare?: number;
}

/** @throws LinkError when the image cannot be loaded: it wants more memory than there is, or where the stacks are; ArgumentError
 * when there cannot be so much of what the options ask for */
export function load(image: Image, options: LoadOptions): Machine {
	const cpus = options.cpus ?? 1;
	requireCount("CPUs", cpus, 1, 256);
	for (const name of ["stack", "processes", "spare"] as const)
		requireCount(name, options[name] ?? 1, name === "processes" ? 1 : 0);
	const stackPages = Math.ceil((options.stack ?? 256 * 1024) / PAGE);
	const { processes = 1, spare = 0 } = options;
	const imagePages = image.segments.reduce((sum, segment) => sum + pagesOf(segment), 0);
	const haltPages = 1;
	const pages = processes * (imagePages + haltPages) + cpus * stackPages + spare;
	checkLoadable(image, cpus, stackPages);
	const machine = createMachine({
		cpus,
		memory: pages * PAGE,
		entries: pages,
		patchers: 4,
		histories: options.histories ?? (options.fetch === undefined || options.fetch === "fresh" ? 0 : 1 << 14),
		values: options.values ?? 16,
		stores: options.stores ?? 16,
		profile: options.profile,
		model: options.model ?? ideal,
		fetch: options.fetch ?? "fresh",
		seed: options.seed ?? 1,
	});
	const spaces = Array.from({ length: processes }, (_, space) => space);
	for (const segment of image.segments) addSegment(machine, segment, spaces);
	addHaltPage(machine, spaces);
	for (let cpu = 0; cpu < cpus; cpu++) addStack(machine, cpu, stackPages, cpu % processes);
	if (options.started === false) return machine;
	for (let cpu = 0; cpu < cpus; cpu++)
		if (cpu < processes) start(machine, cpu, image.entry);
		else idle(machine, cpu);
	return machine;
}

/** One copy for all where nobody may write, else one each. */
function addSegment(machine: Machine, segment: Segment, spaces: readonly number[]): void {
	const first = segment.address - (segment.address % PAGE);
	const bytes = pagesOf(segment) * PAGE;
	const permissions = { r: segment.readable, w: segment.writable, x: segment.executable };
	let physical: number | undefined;
	for (const space of spaces) {
		if (physical === undefined || segment.writable) {
			physical = takeFrames(machine, bytes);
			machine.memory.set(segment.data, physical + (segment.address - first));
		}
		mapPages(machine, space, first, physical, bytes, permissions);
	}
}

function checkLoadable(image: Image, cpus: number, stackPages: number): void {
	planSegments(image.elf);
	const lowest = stackTop(cpus - 1, stackPages) - stackPages * PAGE;
	const total = image.segments.reduce((sum, segment) => sum + segment.memorySize, 0);
	if (total > MAX_MEMORY)
		throw new LinkError(
			`${image.name}: wants ${total} bytes of memory; a program has at most ${MAX_MEMORY} (128 MiB) here`,
		);
	for (const { address, memorySize } of image.segments) {
		if (address + memorySize <= lowest || address >= STACKS_END + PAGE) continue;
		const taken = `[${hex(lowest)}, ${hex(STACKS_END + PAGE)})`;
		throw new LinkError(`${image.name}: segment at ${hex(address)} reaches into ${taken}, where the stacks are`);
	}
}

/** Lets a CPU wait for interrupts forever. */
export function idle(machine: Machine, cpu: number): void {
	setCpu(machine, cpu, Cpu.pc, IDLE_LOOP);
	setCpu(machine, cpu, Cpu.status, Status.idle);
}

/** Lets a CPU call the function at `address`; it halts when that returns. */
export function start(machine: Machine, cpu: number, address: number): void {
	const core = coreAt(machine, cpu);
	const sp = core.r[SP]! - 4;
	core.store32(sp, STACKS_END);
	drainAll(machine, cpu);
	core.r[SP] = sp;
	endTurn(machine);
	setCpu(machine, cpu, Cpu.pc, address);
	setCpu(machine, cpu, Cpu.status, Status.running);
}

/** The address of a function to start a CPU at. @throws LinkError when the image has none of that name */
export function entryNamed(image: Image, name: string, place = image.name): number {
	const symbol = image.symbolNamed(name);
	if (symbol?.type === STT_FUNC) return symbol.address;
	if (symbol?.type === STT_NOTYPE)
		throw new LinkError(`${place}: '${name}' is no function to start at: write .type ${name}, @function`);
	const functions = image.symbols.filter((one) => one.type === STT_FUNC).map((one) => one.name);
	throw new LinkError(`${place}: no function '${name}' to start at${suggestion(name, functions)}`);
}

function addHaltPage(machine: Machine, spaces: readonly number[]): void {
	const physical = takeFrames(machine, PAGE);
	machine.memory.set([...HALT, ...IDLE, ...IDLE_AGAIN], physical);
	for (const space of spaces) mapPages(machine, space, STACKS_END, physical, PAGE, { r: true, w: false, x: true });
}

function addStack(machine: Machine, cpu: number, pages: number, space: number): void {
	const top = stackTop(cpu, pages);
	const physical = takeFrames(machine, pages * PAGE);
	setCpu(machine, cpu, Cpu.space, space);
	mapPages(machine, space, top - pages * PAGE, physical, pages * PAGE, { r: true, w: true, x: false });
	coreAt(machine, cpu).r[SP] = top;
}

function stackTop(cpu: number, pages: number): number {
	return STACKS_END - PAGE - cpu * (pages + 1) * PAGE;
}

/** What `load` mapped besides the image. */
export function namedByLoad(machine: Machine, processes: number) {
	let pages = 0;
	while (physicalIn(machine, 0, stackTop(0, 0) - (pages + 1) * PAGE) >= 0) pages++;
	const halts = Array.from({ length: processes }, (_, space) => space);
	return [
		...halts.map((space) => ({ space, address: STACKS_END, bytes: PAGE, name: "[halt]" })),
		...machine.cores.map(({ id }) => {
			const address = stackTop(id, pages) - pages * PAGE;
			return { space: id % processes, address, bytes: pages * PAGE, name: `[stack cpu${id}]` };
		}),
	];
}

function pagesOf(segment: { readonly address: number; readonly memorySize: number }): number {
	return Math.ceil(((segment.address % PAGE) + segment.memorySize) / PAGE);
}
