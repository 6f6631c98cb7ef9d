// A look over the CPUs' shoulders: which bytes each of them found when it came to certain addresses. What is watched is
// never served from the decode cache. It is no part of the state and changes nothing but the time a run takes.

import { dropDecoded } from "./decode-cache.ts";
import type { Sighting, Watch } from "./observers.ts";
import { aliasOf } from "./page-table.ts";
import type { Core, Machine } from "./state.ts";

/** From here on fetches at `address` are noted. @returns where */
export function watch(machine: Machine, address: number): Watch {
	machine.watch ??= { addresses: new Set(), sightings: [] };
	machine.watch.addresses.add(address);
	dropDecoded(machine, aliasOf(machine, 0, address), 1);
	return machine.watch;
}

/** Takes away what was noted since the last time. */
export function sightings(machine: Machine): Sighting[] {
	return machine.watch?.sightings.splice(0) ?? [];
}

export function note({ addresses, sightings }: Watch, core: Core, pc: number, bytes: Uint8Array): void {
	const address = pc >>> 0;
	if (addresses.has(address)) sightings.push({ cpu: core.id, address, bytes, clock: core.counters[0]! });
}
