// Measures away from the page, with what the library measures with: programs run to their end, updates are made.

import { compile, positionsOf, problemOf, rewriteFfp } from "../../linker/compile/index.ts";
import { type Image, link } from "../../linker/link/index.ts";
import { mapsOf } from "../../runtime/execmem/maps.ts";
import { pictureSvg } from "../../runtime/execmem/picture.ts";
import { Cpu, getCounter, models, profiles, TICKS_PER_CYCLE, ticksToCycles } from "../../runtime/machine/index.ts";
import { updateCost } from "../../runtime/measure/index.ts";
import {
	breakpoint,
	createSystem,
	type Happening,
	load,
	type Protocol,
	protocols,
	run,
	type System,
} from "../../runtime/patch/index.ts";
import type { CallCost, Looked, LookQuestion, Source, Trace, TraceMark, UpdateRow } from "./question.ts";

/** Cycles that a program may take: a page has no hours. */
const MOST_CYCLES = 200e6;
/** Events of a trace that are drawn. */
const MOST_EVENTS = 2000;
const SITES = [1, 2, 4, 8, 16, 32];

let newest = 0;

export async function receive(data: LookQuestion & { readonly id: number }): Promise<void> {
	newest = data.id;
	try {
		postMessage({ id: data.id, result: await answer(data) });
	} catch (error) {
		const problem = problemOf(error) ?? (error instanceof RangeError ? { reason: error.message } : undefined);
		if (problem === undefined) postMessage({ id: data.id, failed: String(error) });
		else postMessage({ id: data.id, result: { problem: problem.reason } satisfies Looked });
	}
}

async function answer(question: LookQuestion & { readonly id: number }): Promise<Looked> {
	if ("calls" in question) return { calls: callCosts(question.calls) };
	if ("cost" in question) return costs(question.cost, question.id);
	if ("space" in question) return { space: spaceOf(question.space) };
	return { trace: traceOf(question.trace) };
}

/** The same program with its calls made in four ways, each run to its end on the same machine. */
function callCosts({ name, source }: Source): CallCost[] {
	const { code, map } = rewriteFfp(source, { file: name });
	const pointers = { file: name, map: positionsOf(map) };
	const inline = compile(source, { file: name });
	const ways: readonly (readonly [string, Image])[] = [
		["static call, at the site", link([inline], { name })],
		["static call, by a trampoline", link([inline], { name, staticCalls: "trampoline" })],
		["pointer", link([compile(code, pointers)], { name })],
		["pointer, with a retpoline", link([compile(code, { ...pointers, indirect: "retpoline" })], { name })],
	];
	return ways.map(([way, image]) => {
		const { machine, counts } = runToEnd(createSystem(load(image, { profile: profiles[0]! }), image, breakpoint));
		return {
			way,
			cycles: ticksToCycles(getCounter(machine, 0, Cpu.clock) - counts.ticks),
			instructions: getCounter(machine, 0, Cpu.instructions),
		};
	});
}

function runToEnd(system: System): System {
	const end = run(system, { cycles: MOST_CYCLES });
	if (end.kind !== "halted") throw new RangeError(`the program did not come to its end: ${end.kind}`);
	return system;
}

async function costs(
	{ protocols: names, cpus: crowds }: Extract<LookQuestion, { cost: object }>["cost"],
	id: number,
): Promise<Looked> {
	const rows: UpdateRow[] = [];
	// By the first profile a round of interrupts takes so long that every CPU executes for minutes.
	const profile = profiles.find(({ name }) => name === "in-order")!;
	const cases = names.flatMap((name) =>
		crowds.flatMap((cpus) =>
			[true, false].flatMap((batched) => SITES.map((sites) => ({ name, cpus, sites, batched }))),
		),
	);
	for (const { name, cpus, sites, batched } of cases) {
		const protocol: Protocol = protocols.find((one) => one.name === name) ?? breakpoint;
		const { latency, syncs } = updateCost({
			...{ family: "call", sites, cpus, protocol, batched },
			...{ model: models.find((one) => one.name === "x86")!, profile },
		});
		rows.push({ protocol: name, cpus, sites, batched, latency, syncs });
		postMessage({ id, progress: { cost: rows } });
		await new Promise((go) => setTimeout(go));
		if (id !== newest) return { superseded: true };
	}
	return { cost: rows };
}

function systemOf({ name, source }: Source, cpus: number, protocol = "breakpoint"): System {
	const image = link([compile(source, { file: name })], { name });
	const machine = load(image, { profile: profiles[0]!, cpus, stack: 64 * 1024 });
	const found = protocols.find((one) => one.name === protocol) ?? breakpoint;
	return createSystem(machine, image, found, { trace: true });
}

function spaceOf({ cpus, ...source }: Source & { readonly cpus: number }): string {
	return pictureSvg(mapsOf(systemOf(source, cpus)), source.name);
}

function traceOf({ cpus, protocol, ...source }: Extract<LookQuestion, { trace: object }>["trace"]): Trace {
	const system = systemOf(source, cpus, protocol);
	const end = run(system, { cycles: MOST_CYCLES });
	const all = system.events ?? [];
	const patchers = [...new Set(all.flatMap(({ patcher }) => patcher ?? []))].sort();
	const lanes = [
		...system.machine.cores.map(({ id }) => `cpu${id}`),
		...patchers.map((patcher) => `patcher${patcher}`),
	];
	const events = all.slice(0, MOST_EVENTS).map((event): TraceMark => {
		const { what, detail } = event;
		return {
			lane: lanes.indexOf(laneOf(event)),
			kind: what,
			text: what === "step" ? detail : `${what} ${detail}`.trim(),
			clock: event.clock / TICKS_PER_CYCLE,
			// The end of an update tells how long all of it took; as a mark it is a moment.
			duration: what === "end" ? 0 : event.duration / TICKS_PER_CYCLE,
		};
	});
	return { lanes, events, of: all.length, end: end.kind };
}

function laneOf({ patcher, cpu }: Happening): string {
	return patcher === undefined ? `cpu${cpu}` : `patcher${patcher}`;
}
