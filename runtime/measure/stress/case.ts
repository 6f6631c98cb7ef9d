// What a case of the abuser is, and how one is made up: data, so that it can be written down, run again and shortened.

import { type TypeName, typeNames } from "../../execmem/memory-types.ts";
import { models } from "../../machine/models/index.ts";
import { LARGE_PAGE } from "../../machine/page-entry.ts";
import { type FetchPolicy, PAGE } from "../../machine/state.ts";

/** One call. Pieces go by slots, so that a call still means something when others are left out; one that means nothing is
 * skipped. */
export type StressCall =
	| {
			readonly call: "alloc";
			readonly slot: number;
			readonly type: TypeName;
			readonly bytes: number;
			readonly node: number;
	  }
	| { readonly call: "jit" | "in-place"; readonly slot: number; readonly bytes: number }
	| { readonly call: "write"; readonly slot: number; readonly seed: number }
	| { readonly call: "finish"; readonly slot: number; readonly atRest: boolean }
	| { readonly call: "execute"; readonly slot: number; readonly cpus: number }
	| { readonly call: "free"; readonly slot: number }
	| { readonly call: "flush" }
	/** Who kept an address calls what is nobody's any more. */
	| { readonly call: "late"; readonly slot: number; readonly cpu: number }
	/** The program's static call goes to its other target. */
	| { readonly call: "patch" }
	/** A module with a site of that static call comes, is called by the CPUs of a mask, and goes. */
	| { readonly call: "load" | "unload"; readonly module: number }
	| { readonly call: "enter"; readonly module: number; readonly cpus: number };

/** One case of stress: a machine, and the calls that are made of it in order. */
export interface StressCase {
	readonly model: string;
	readonly fetch: FetchPolicy;
	readonly cpus: number;
	readonly nodes: number;
	readonly textPoke: boolean;
	readonly lazy: number;
	/** Large pages of memory that there is to give out. */
	readonly largePages: number;
	readonly seed: number;
	readonly calls: readonly StressCall[];
}

export const SLOTS = 12;
export const MODULES = 4;
export const MOST_CPUS = 4;
export const MOST_LARGE_PAGES = 6;

/** A random case. */
export function stressCase(seed: number, calls: number, fixed: Partial<StressCase> = {}): StressCase {
	const random = randomFrom(seed);
	const pick = <T>(list: readonly T[]): T => list[random(list.length)]!;
	const made: StressCase = {
		model: pick(models).name,
		fetch: pick(["stale", "random"] as const),
		cpus: 1 + random(MOST_CPUS),
		nodes: 1 + random(2),
		textPoke: random(4) !== 0,
		lazy: pick([1, 4, 16]),
		largePages: 3 + random(4),
		seed,
		calls: [],
		...fixed,
	};
	const expected = Array.from({ length: SLOTS }, (): Expected => "none");
	let slot = 0;
	const next = (): StressCall => {
		if (random(2) === 0) slot = random(SLOTS);
		return randomCall(random, slot, made, expected);
	};
	return { ...made, calls: Array.from({ length: calls }, next) };
}

export type Random = (bound: number) => number;

/** How far a slot probably is: mostly the call that makes sense is made, sometimes any. */
type Expected = "none" | "open" | "written" | "finished";

function randomCall(random: Random, slot: number, { nodes, cpus }: StressCase, expected: Expected[]): StressCall {
	const kind = random(5) === 0 ? (["none", "open", "written", "finished"] as const)[random(4)]! : expected[slot]!;
	const next = (stage: Expected): void => {
		expected[slot] = stage;
	};
	if (random(30) === 0) return { call: "patch" };
	if (random(6) === 0) return moduleCall(random, cpus);
	if (random(30) === 0) return { call: "flush" };
	switch (kind) {
		case "none":
			if (random(6) === 0) return { call: "late", slot, cpu: random(cpus) };
			next("open");
			return randomAllocation(random, slot, nodes);
		case "open":
			next("written");
			return { call: "write", slot, seed: random(2 ** 30) };
		case "written":
			next("finished");
			return { call: "finish", slot, atRest: random(3) === 0 };
		case "finished":
			if (random(3) !== 0) return { call: "execute", slot, cpus: 1 + random(2 ** cpus - 1) };
			next("none");
			return { call: "free", slot };
	}
}

function moduleCall(random: Random, cpus: number): StressCall {
	const module = random(MODULES);
	if (random(2) === 0) return { call: "enter", module, cpus: 1 + random(2 ** cpus - 1) };
	return { call: random(3) === 0 ? "unload" : "load", module };
}

function randomAllocation(random: Random, slot: number, nodes: number): StressCall {
	const bytes = 8 + random(random(8) === 0 ? 3 * PAGE : 600);
	if (random(3) === 0) return { call: random(2) === 0 ? "jit" : "in-place", slot, bytes };
	const huge = random(30) === 0 ? LARGE_PAGE + random(LARGE_PAGE) : bytes;
	return { call: "alloc", slot, type: typeNames[random(typeNames.length - 1)]!, bytes: huge, node: random(nodes) };
}

/** xorshift32: numbers below a bound. */
export function randomFrom(seed: number): Random {
	let x = Math.imul(seed + 1, 0x9e3779b1) | 1;
	return (bound) => {
		x ^= x << 13;
		x ^= x >>> 17;
		x ^= x << 5;
		return (x >>> 0) % bound;
	};
}
