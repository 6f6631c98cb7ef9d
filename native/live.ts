// A running process, opened to be looked at and patched: what it calls, and updates of that.

import { type Done, openPatcher, type Patcher, type Stopping } from "./carry-out.ts";
import { type Entry, functionEntry, stateOf } from "./entries.ts";
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
	/** What all sites do, in words; undefined where they differ. */
	readonly calls: string | undefined;
}

export function findEntries({ objects }: Pick<Live, "objects">, functions: readonly string[]): Entry[] {
	return functions.map((name) => functionEntry(objects, name));
}

export function lookAt({ memory, symbols }: Live, entry: Entry): SeenEntry {
	const sites = look(memory, entry.sites);
	const calls = new Set(sites.map((site) => describeState(symbols, entry, site)));
	return { ...entry, sites, calls: calls.size === 1 ? [...calls][0] : undefined };
}

/** What a site calls, or `nothing`, `a breakpoint`, `unknown bytes`. */
export function describeState(symbols: Symbolizer, { name }: Entry, site: SeenSite): string {
	const { state, original } = site;
	if (state.kind === "breakpoint") return "a breakpoint";
	if (state.kind !== "calls") return state.kind === "nothing" ? "nothing" : "unknown bytes";
	// A call of what another object defines goes to a stub, which has no symbol.
	const { target } = stateOf(site, original) as { target?: number };
	return symbols.startingAt(state.target)?.name ?? (target === state.target ? name : symbols.describe(state.target));
}

/** What the calls of an entry should become. */
export interface LiveChange {
	readonly entry: Entry;
	/** A function, `null` or `default`. */
	readonly to: string;
}

/** Plans changes, all or none. @throws LinkError when one cannot be made */
export function planChanges({ memory, symbols }: Live, changes: readonly LiveChange[]): LivePlan[] {
	return changes.map(({ entry, to }) => planEntry(memory, entry, targetOf(symbols, to)));
}

/** Makes what was planned, in one update. */
export function makeChanges({ patcher }: Live, plans: readonly LivePlan[], stopping: Stopping): Done {
	return patcher.carryOut(
		plans.flatMap(({ sites }) => sites),
		stopping,
	);
}
