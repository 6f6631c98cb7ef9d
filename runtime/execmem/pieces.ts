// What an execmem knows: who has which piece and how far it is. execmem.ts has the calls, pages.ts what lies under pieces.

import { readVirtual } from "../machine/memory.ts";
import { aliasOf } from "../machine/page-table.ts";
import type { Machine } from "../machine/state.ts";
import type { Driving } from "../patch/drive/carry-out.ts";
import type { System } from "../patch/system.ts";
import { type Allocator, type AllocatorOptions, createAllocator, type Piece } from "./allocator.ts";
import type { Fill, Release } from "./fill.ts";
import * as standard from "./fills/index.ts";
import { createFrames, type FramePool } from "./frames.ts";

/** Which fill is for what, and the releases. */
export interface Methods {
	/** Text where there is an alias to write through, and where there is none. */
	readonly poke: Fill;
	readonly text: Fill;
	readonly jit: Fill;
	readonly inPlace: Fill;
	readonly atRest: Fill;
	readonly data: Fill;
	readonly readOnlyLater: Fill;
	readonly releases: readonly Release[];
}

/** Where pieces may lie, and how they are filled and freed. */
export interface ExecmemOptions extends Pick<AllocatorOptions, "near" | "anywhere" | "reserved" | "nodes"> {
	/** Whether text is written through an alias while it stays executable; otherwise every piece has pages of its own. */
	readonly textPoke?: boolean;
	/** As many frees as share one shootdown. */
	readonly lazy?: number;
	/** Other fills and releases than the usual. */
	readonly methods?: Partial<Methods>;
	/** Gets a trapped CPU on its way again, if it can, so that nobody waits for it in vain. */
	readonly trapped?: Driving["trapped"];
}

/** Executable memory of a running system: its allocator, its physical frames, and the pieces that were given out. */
export interface Execmem {
	readonly system: System;
	readonly allocator: Allocator;
	readonly frames: FramePool;
	readonly methods: Methods;
	readonly options: ExecmemOptions;
	/** Pieces by address; those that were freed stay until the flush. */
	readonly pieces: Map<number, Owned>;
	/** The handles that `jitAlloc` gave: handle -> address. */
	readonly handles: Map<number, number>;
	readonly counts: ExecmemCounts;
}

export interface ExecmemCounts {
	/** Rounds of TLB flushes for frees, and what they were for. */
	shootdowns: number;
	freed: number;
	/** The handle that was given last. */
	handle: number;
}

/** By which calls a piece was given, which says what may be called for it. */
export type Use = "plain" | "jit" | "in-place";

export interface Owned {
	readonly piece: Piece;
	readonly use: Use;
	readonly fill: Fill;
	/** As asked for. */
	readonly bytes: number;
	state: "open" | "finished" | "freed";
}

/** Makes an allocator of executable memory over a system's spare pages. Nothing is mapped yet. */
export function createExecmem(system: System, options: ExecmemOptions): Execmem {
	const frames = createFrames(system.machine);
	const methods: Methods = { ...standard.methods, ...options.methods };
	const { near, anywhere, reserved } = options;
	return {
		system,
		frames,
		methods,
		options,
		allocator: createAllocator({
			near,
			anywhere,
			...(reserved && { reserved }),
			largePages: options.textPoke !== false,
			nodes: options.nodes ?? { distances: [[10]], bytes: [frames.bytes] },
		}),
		pieces: new Map(),
		handles: new Map(),
		counts: { shootdowns: 0, freed: 0, handle: 0 },
	};
}

/** What memory holds, mapped or not. */
export function readBytes(machine: Machine, address: number, count: number): Uint8Array {
	const mapped = readVirtual(machine, 0, address, count);
	if (mapped !== undefined) return mapped;
	return Uint8Array.from({ length: count }, (_, i) => machine.memory[aliasOf(machine, 0, address + i)]!);
}
