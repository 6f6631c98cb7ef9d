// A program under a storm of updates that leave what it prints as it is, on four CPUs.

import type { Image } from "../../linker/link/image.ts";
import { entryNamed, start } from "../../runtime/load.ts";
import type { FetchPolicy } from "../../runtime/machine/index.ts";
import { Cpu } from "../../runtime/machine/layout.ts";
import type { Model } from "../../runtime/machine/model.ts";
import { getCounter } from "../../runtime/machine/state.ts";
import { randomFrom } from "../../runtime/measure/index.ts";
import { boot, type Protocol, type RunEnd, run } from "../../runtime/patch/index.ts";
import type { System } from "../../runtime/patch/system.ts";
import type { Program } from "../language/programs.ts";
import { systemOf } from "../machines.ts";
import { gust } from "./gusts.ts";

const CPUS = 4;

/** What a program is run under. */
export interface Weather {
	readonly model: Model;
	readonly protocol: Protocol;
	readonly fetch: FetchPolicy;
}

/** Runs the program to its end, under a gust of updates every few cycles. @param most updates; a long program goes on in peace then
 * @returns how it ended, and the system for its output and counts */
export function weather(
	{ name }: Pick<Program, "name">,
	image: Image,
	{ model, protocol, fetch }: Weather,
	seed: number,
	most: number,
): { readonly system: System; readonly end: RunEnd } {
	const system = systemOf(image, { model, protocol, fetch, seed, cpus: CPUS, stack: 64 * 1024 });
	if (image.symbolNamed("worker") !== undefined)
		for (let cpu = 1; cpu < CPUS; cpu++) start(system.machine, cpu, entryNamed(image, "worker"));
	boot(system);
	const below = randomFrom(seed);
	let at = 0;
	for (;;) {
		at = Math.max(at, getCounter(system.machine, 0, Cpu.clock) / 16) + 1 + below(150);
		const updates = system.queue.length < 3 ? [{ at, changes: gust(image, name, below) }] : [];
		const end = run(system, { cycles: at + 1, updates });
		if (end.kind === "limit" && system.counts.updates < most) continue;
		return { system, end: end.kind === "limit" ? run(system) : end };
	}
}
