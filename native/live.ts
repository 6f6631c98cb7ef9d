// A running process, opened to be looked at and patched: what it calls, and updates of that.

import { LinkError } from "../linker/errors.ts";
import { type Done, openPatcher, type Patcher, type Poke, type Stopping } from "./carry-out.ts";
import { type Entry, functionEntry, stateOf } from "./entries.ts";
import { addressOf, callValue, keyEntries, readBranchKey, readCallKey, runtimeStamp } from "./keys.ts";
import { type Loaded, loadedObjects, type Symbolizer, symbolizer } from "./loaded.ts";
import { type Memory, openMemory } from "./memory.ts";
import { type LivePlan, look, planEntry, type SeenSite, targetOf } from "./plan.ts";
import { findProcess, type Process } from "./process.ts";

export interface Live {
	readonly process: Process;
	readonly memory: Memory;
	/** The program itself comes first. */
	readonly objects: readonly Loaded[];
	readonly symbols: Symbolizer;
	readonly patcher: Patcher;
	close(): void;
}

/** @throws LinkError when there is no such process, or it may not be looked into */
export function openLive(pid: number): Live {
	const process = findProcess(pid);
	const memory = openMemory(process);
	try {
		const objects = loadedObjects(process);
		const patcher = openPatcher(process, memory);
		return {
			...{ process, memory, objects, patcher, symbols: symbolizer(process, objects) },
			close() {
				patcher.close();
				memory.close();
			},
		};
	} catch (error) {
		memory.close();
		throw error;
	}
}

/** What a process calls by one name. */
export interface SeenEntry extends Omit<Entry, "sites"> {
	readonly sites: readonly SeenSite[];
	/** What all sites do, in words, or what the key says; undefined where they differ. */
	readonly calls: string | undefined;
}

/** The keys and functions of these names: a name is that of a key, if one has it, else of a function.
 * @param names undefined for all keys
 * @throws LinkError for a name that nothing has */
export function findEntries({ memory, objects, process }: Live, names: readonly string[] | undefined): Entry[] {
	const keys = keyEntries(memory, objects);
	if (names === undefined) return keys;
	return names.map((name) => {
		const found = keys.filter((entry) => entry.name === name);
		if (found.length > 1)
			throw new LinkError(`${process.name}: ${found.length} keys are called '${name}': which one is not clear`);
		return found[0] ?? functionEntry(objects, name);
	});
}

export function lookAt(live: Live, entry: Entry): SeenEntry {
	const sites = look(live.memory, entry.sites);
	const calls = new Set(sites.map((site) => describeState(live.symbols, entry, site)));
	return { ...entry, sites, calls: keyCalls(live, entry) ?? (calls.size === 1 ? [...calls][0] : undefined) };
}

/** What the key says; undefined for a function, which has none. */
function keyCalls({ memory, objects, symbols }: Live, { key }: Entry): string | undefined {
	if (key === undefined) return undefined;
	if (key.kind === "branch") return readBranchKey(memory, key).enabled > 0 ? "on" : "off";
	const { func, kind } = callValue(memory, objects, readCallKey(memory, key).func);
	return { nothing: "nothing", zero: "return 0", function: symbols.describe(func) }[kind];
}

/** What a site calls, or `nothing`, `return 0`, `jumps`, `a breakpoint`, `unknown bytes`. */
export function describeState(symbols: Symbolizer, { name }: Entry, site: SeenSite): string {
	const { state, original, label } = site;
	if (state.kind !== "calls")
		return { breakpoint: "a breakpoint", unknown: "unknown bytes", zero: "return 0", nothing: "nothing" }[state.kind];
	if (label !== undefined) return state.target === label.target ? "jumps" : "unknown bytes";
	// A call of what another object defines goes to a stub, which has no symbol.
	const { target } = stateOf(site, original) as { target?: number };
	return symbols.startingAt(state.target)?.name ?? (target === state.target ? name : symbols.describe(state.target));
}

/** What an entry should become. */
export interface LiveChange {
	readonly entry: Entry;
	/** A function, `null`, `ret0`, `default`, `on` or `off`. */
	readonly to: string;
}

/** Plans changes, all or none. @throws LinkError when one cannot be made */
export function planChanges(live: Live, changes: readonly LiveChange[]): LivePlan[] {
	return changes.map(({ entry, to }) => planEntry(live, entry, targetOf(live.symbols, entry, to)));
}

export interface Updated extends Done {
	/** What was done. */
	readonly plans: readonly LivePlan[];
}

/** How often an update is begun anew because the program's own runtime came in between. */
const MOST_ROUNDS = 1000;
/** After so many, what is to be changed is found while the threads are stopped, if they may be. */
const FEW_ROUNDS = 3;

/** Plans changes and makes them, in one update. @throws LinkError when one cannot be made: then none is */
export function makeChanges(live: Live, changes: readonly LiveChange[], stopping: Stopping): Updated {
	const { patcher, process, memory } = live;
	const hasKeys = changes.some(({ entry }) => entry.key !== undefined);
	const stamp = () => stampOf(process, memory, runtimesOf(live, changes));
	let planning: () => LivePlan[] = () => planChanges(live, changes);
	for (let round = 0; round < MOST_ROUNDS; round++) {
		if (round > 0) pause();
		if (round >= FEW_ROUNDS && stopping !== "never") {
			const done = changeStopped(patcher, planning, () => stamp() !== undefined);
			if (done !== undefined) return done;
			continue;
		}
		const before = stamp();
		const plans = before === undefined ? undefined : attempt(planning, () => stamp() !== before);
		if (plans === undefined) continue;
		const rival = { isQuiet: () => stamp() === before };
		const done = patcher.carryOut(pokesOf(plans), stopping, hasKeys ? rival : undefined);
		if (typeof done !== "number") return { ...done, plans };
		// What was begun without a stop goes on from what the key says by now, which may be what the program wanted since.
		if (done > 0 && done >= plans.filter(({ word }) => word).length)
			planning = () => changes.map(({ entry }) => planEntry(live, entry, { kind: "agree" }));
	}
	throw new LinkError(
		`${process.name}: in ${MOST_ROUNDS} rounds the program's own runtime always was at work${stopping === "never" ? "; leave --no-stop out" : ""}`,
	);
}

function pokesOf(plans: readonly LivePlan[]): Poke[] {
	return [...plans.flatMap(({ word }) => word ?? []), ...plans.flatMap(({ sites }) => sites)];
}

function changeStopped(patcher: Patcher, planning: () => LivePlan[], isQuiet: () => boolean): Updated | undefined {
	let plans: LivePlan[] = [];
	const find = () => {
		plans = planning();
		return pokesOf(plans);
	};
	const done = patcher.carryOutFound(find, { isQuiet });
	return done && { ...done, plans };
}

/** What is planned, or undefined where it could not be, but is `stale` already. */
function attempt(planning: () => LivePlan[], isStale: () => boolean): LivePlan[] | undefined {
	try {
		return planning();
	} catch (error) {
		if (error instanceof LinkError && isStale()) return undefined;
		throw error;
	}
}

/** The addresses of the runtimes that patch the sites of keys. A static key does not say which is its own.
 * @returns undefined while the program has one that has not come to a key yet, when it starts */
function runtimesOf({ memory, objects }: Live, changes: readonly LiveChange[]): number[] | undefined {
	if (changes.every(({ entry }) => entry.key === undefined)) return [];
	const all = objects.flatMap((loaded) => addressOf(loaded, RUNTIME) ?? []);
	const found = changes.flatMap(({ entry: { key, sites } }) => {
		if (key?.kind === "branch") return all;
		return key === undefined || sites.length === 0 ? [] : readCallKey(memory, key).runtime;
	});
	return found.includes(0) && all.length > 0 ? undefined : [...new Set(found)].filter((runtime) => runtime !== 0);
}

/** The symbol of the runtime. */
const RUNTIME = "__patchbay";

function stampOf(process: Process, memory: Memory, runtimes: readonly number[] | undefined): string | undefined {
	if (runtimes === undefined) return undefined;
	const stamps = runtimes.map((runtime) => runtimeStamp(process, memory, runtime));
	return stamps.includes(undefined) ? undefined : stamps.join(" ");
}

const pausing = new Int32Array(new SharedArrayBuffer(4));

function pause(): void {
	Atomics.wait(pausing, 0, 0, 1);
}
