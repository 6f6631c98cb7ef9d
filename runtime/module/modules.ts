// The modules of a running system, and the memory they have. `system.image` is the joint view of the program and them.

import type { Image } from "../../linker/link/image.ts";
import type { ModuleMemory } from "../../linker/link/module-memory.ts";
import type { Part } from "../../linker/link/part.ts";
import { reachOf } from "../execmem/memory-types.ts";
import { createExecmem, type Execmem, type ExecmemOptions } from "../execmem/pieces.ts";
import { LARGE_PAGE, mappings } from "../machine/memory.ts";
import { PAGE } from "../machine/state.ts";
import type { RunEnd } from "../patch/run.ts";
import type { System } from "../patch/system.ts";

export interface Modules {
	readonly system: System;
	readonly execmem: Execmem;
	/** By name, in the order of loading. */
	readonly loaded: Map<string, Module>;
}

export interface Module {
	readonly name: string;
	/** The program and the modules whose symbols it uses. */
	readonly uses: readonly string[];
	/** What it has of memory. */
	readonly pieces: readonly ModulePiece[];
}

export interface ModulePiece {
	readonly memory: ModuleMemory;
	readonly address: number;
	readonly bytes: number;
}

/** The run ended before something was done: a CPU trapped, or waited too long. */
export interface Interrupted {
	readonly ended: RunEnd;
}

/** What lies around the program's text is near, all below the stacks is anywhere; what is mapped already is taken. */
export function openModules(system: System, options: Partial<ExecmemOptions> = {}): Modules {
	const { segments } = system.image;
	const text = segments.filter(({ executable }) => executable);
	const ends = text.map(({ address, memorySize }) => address + memorySize);
	const near = reachOf({ start: Math.min(...text.map(({ address }) => address)), end: Math.max(...ends) });
	const taken = mappings(system.machine).map(({ address, large }) => ({
		start: address,
		end: address + (large ? LARGE_PAGE : PAGE),
	}));
	const reserved = [...taken, ...(options.reserved ?? [])];
	const anywhere = { start: near.start, end: STACKS };
	return { system, execmem: createExecmem(system, { near, anywhere, ...options, reserved }), loaded: new Map() };
}

/** Stacks of 256 CPUs lie above it. */
const STACKS = 0x6000_0000;

/** The part of a program that a module is; undefined before it is known and after it is gone. */
export function partNamed({ parts }: Image, name: string): Part | undefined {
	return parts.find(({ elf }) => elf.name === name);
}
