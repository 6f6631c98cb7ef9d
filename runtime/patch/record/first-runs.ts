// When each CPU first runs what an update put at a site, for traces: patched sites are watched until every CPU has met
// them. A CPU that met the breakpoint first was given the new instruction by the trap; that counts.

import { placeOf } from "../../../linker/link/image.ts";
import { sightings, watch } from "../../machine/watch.ts";
import { type Edit, same } from "../plan/step.ts";
import type { System } from "../system.ts";

/** From here on the first runs of these edits become events, if events are wanted. */
export function awaitFirstRuns(system: System, edits: readonly Edit[]): void {
	if (system.events === undefined) return;
	for (const { address, bytes } of edits) {
		system.firstRuns.set(address, { bytes, cpus: new Set() });
		watch(system.machine, address);
	}
}

/** Makes events of what the CPUs fetched lately. */
export function noteFirstRuns(system: System): void {
	if (system.events === undefined) return;
	for (const { cpu, address, bytes, clock } of sightings(system.machine)) {
		const awaited = system.firstRuns.get(address)?.bytes;
		// Behind a RET there is filler, which nobody fetches.
		if (awaited !== undefined && same(awaited.subarray(0, bytes.length), bytes)) noteRun(system, cpu, address, clock);
	}
}

/** A trap gave a CPU the new instruction of the site it stopped at. */
export function noteEmulated(system: System, cpu: number, address: number, clock: number): void {
	if (system.firstRuns.has(address)) noteRun(system, cpu, address, clock);
}

function noteRun(system: System, cpu: number, address: number, clock: number): void {
	const { cpus } = system.firstRuns.get(address)!;
	if (cpus.has(cpu)) return;
	cpus.add(cpu);
	system.events?.push({ clock, cpu, what: "first", detail: placeOf(system.image, address), address, duration: 0 });
	if (cpus.size < system.machine.config.cpus) return;
	system.machine.watch!.addresses.delete(address);
	system.firstRuns.delete(address);
}
