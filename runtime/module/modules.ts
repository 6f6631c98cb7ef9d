// The modules of a running system, and the memory they have. `system.image` is the joint view of the program and them.

import type { Image } from "../../linker/link/image.ts";
import type { ModuleMemory } from "../../linker/link/module-memory.ts";
import type { Part } from "../../linker/link/part.ts";
import type { Execmem } from "../execmem/pieces.ts";
import { now, type RunEnd } from "../patch/drive/run.ts";
import type { System } from "../patch/system.ts";

/** The modules of a running system. */
export interface Modules {
	readonly system: System;
	readonly execmem: Execmem;
	/** By name, in the order of loading. */
	readonly loaded: Map<string, Module>;
}

/** A module that is loaded. */
export interface Module {
	readonly name: string;
	/** The program and the modules whose symbols it uses. */
	readonly uses: readonly string[];
	/** What it has of memory. */
	readonly pieces: readonly ModulePiece[];
}

/** One piece of a module's memory. */
export interface ModulePiece {
	readonly memory: ModuleMemory;
	readonly address: number;
	readonly bytes: number;
}

/** The run ended before something was done: a CPU trapped, or waited too long. */
export interface Interrupted {
	readonly ended: RunEnd;
}

/** No module yet. */
export function createModules(execmem: Execmem): Modules {
	return { system: execmem.system, execmem, loaded: new Map() };
}

/** For traces. @param cpu who does it; undefined: somebody outside */
export function noteModule(system: System, detail: string, cpu?: number): void {
	const patcher = cpu === undefined ? { patcher: 0 } : {};
	system.events?.push({ clock: now(system), cpu, ...patcher, what: "module", detail, duration: 0 });
}

/** The part of a program that a module is; undefined before it is known and after it is gone. */
export function partNamed({ parts }: Image, name: string): Part | undefined {
	return parts.find(({ elf }) => elf.name === name);
}
