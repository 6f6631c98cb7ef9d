// Machines, programs and systems for the tests of runtime/: small, with cheap events, so that much happens in few cycles.

import { createHash } from "node:crypto";
import { type AssembleOptions, assemble } from "../linker/compile/assemble.ts";
import type { Image } from "../linker/link/image.ts";
import { type LinkOptions, link } from "../linker/link/link.ts";
import { entryNamed, type LoadOptions, load, start } from "../runtime/load.ts";
import { createMachine } from "../runtime/machine/machine.ts";
import { writePhysical } from "../runtime/machine/memory.ts";
import type { Model } from "../runtime/machine/model.ts";
import { models, withStoreBuffer } from "../runtime/machine/models/index.ts";
import { mapPages, physicalIn } from "../runtime/machine/page-table.ts";
import type { CostProfile } from "../runtime/machine/profile.ts";
import { profiles } from "../runtime/machine/profiles/index.ts";
import { type Machine, type MachineConfig, PAGE, takeFrames } from "../runtime/machine/state.ts";
import { readWord, wordBytes } from "../runtime/machine/words.ts";
import { createSystem, type Protocol, protocols, type System } from "../runtime/patch/index.ts";

/** Interrupts and traps that cost next to nothing: what they order is tested, not what they take. */
export const quick: CostProfile = {
	...profiles.find(({ name }) => name === "in-order")!,
	name: "quick",
	trap: 5,
	syncRound: 10,
	syncCpu: 0,
	interrupt: 3,
	poke: 4,
	farLine: 40,
};

/** `NAME-tso` is the model NAME with a store buffer. */
export function modelNamed(name: string): Model {
	const found = models.find((model) => model.name === name.replace(/-tso$/, ""))!;
	return name.endsWith("-tso") ? withStoreBuffer(found) : found;
}

export function protocolNamed(name: string): Protocol {
	return protocols.find((protocol) => protocol.name === name)!;
}

/** A machine without a program: zeroed memory, nothing mapped, every CPU off. */
export function bareMachine(config: Partial<MachineConfig> = {}): Machine {
	return createMachine({
		cpus: 2,
		memory: 64 * PAGE,
		entries: 64,
		patchers: 2,
		histories: 64,
		values: 16,
		stores: 16,
		profile: quick,
		model: modelNamed("x86"),
		fetch: "chosen",
		seed: 1,
		...config,
	});
}

export const RX = { r: true, w: false, x: true };
export const RW = { r: true, w: true, x: false };
export const R = { r: true, w: false, x: false };

/** Maps fresh frames. @returns their physical address */
export function mapFresh(machine: Machine, address: number, bytes: number, permissions = RX, space = 0): number {
	const physical = takeFrames(machine, bytes);
	mapPages(machine, space, address, physical, bytes, permissions);
	return physical;
}

/** Puts code into memory as a loader does: nobody has seen what was there before. */
export function putCode(machine: Machine, physical: number, ...instructions: readonly Uint8Array[]): void {
	machine.memory.set(
		instructions.flatMap((bytes) => [...bytes]),
		physical,
	);
	machine.decoded.clear();
}

export function imageOf(source: string, options: LinkOptions & Partial<AssembleOptions> = {}): Image {
	return link([assemble(source, { file: "test.s", ...options })], options);
}

export interface SystemOptions extends Partial<LoadOptions> {
	readonly protocol?: Protocol;
	/** Functions that CPUs start at, CPU 0 first; the image's entry on CPU 0 when left out. */
	readonly entries?: readonly string[];
}

export function systemOf(image: Image, options: SystemOptions = {}): System {
	const { entries, protocol = protocolNamed("breakpoint") } = options;
	const machine = load(image, {
		profile: quick,
		stack: PAGE,
		...(entries && { cpus: entries.length, started: false }),
		...options,
	});
	for (const [cpu, entry] of (entries ?? []).entries()) start(machine, cpu, entryNamed(image, entry));
	return createSystem(machine, image, protocol, { processes: options.processes ?? 1 });
}

/** Stands for every byte of a machine. */
export function digestOf({ bytes }: Machine): string {
	return createHash("sha256").update(bytes).digest("hex");
}

/** The signed word at a symbol. */
export function wordAt({ image, machine }: System, symbol: string, index = 0): number {
	return readWord(machine, 0, image.symbolNamed(symbol)!.address + 4 * index)!;
}

export function setWord({ image, machine }: System, symbol: string, value: number, index = 0): void {
	const physical = physicalIn(machine, 0, image.symbolNamed(symbol)!.address + 4 * index);
	writePhysical(machine, physical, wordBytes(value));
}
