// Makes a system one whose processes can be probed: its traps are served, its text is asked for.

import { createFrames } from "../execmem/frames.ts";
import type { Execmem } from "../execmem/pieces.ts";
import type { Claim, System } from "../patch/system.ts";
import { PROBES } from "./place.ts";
import type { ProbeOptions, Probes } from "./probe.ts";
import { probeTraps } from "./serve.ts";
import { isInForce, SLOTS } from "./slot-area.ts";

/** Once for a system. @param execmem whose memory they take; without it what the machine has left */
export function createProbes(system: System, options: ProbeOptions = {}, execmem?: Execmem): Probes {
	const probes: Probes = {
		system,
		options: { outOfLine: "needed", slots: SLOTS, optimise: false, redzone: 0, maintained: true, ...options },
		frames: { machine: system.machine, pool: execmem?.frames ?? createFrames(system.machine) },
		areas: new Map(),
		lines: [],
	};
	system.trapServers.push(probeTraps(probes));
	system.claims.push(probedText(probes));
	return probes;
}

/** The instructions under probes, in every process. */
function probedText({ areas }: Probes): Claim {
	return {
		family: PROBES,
		owner({ machine }, start, end) {
			for (const area of areas.values())
				for (const probe of area.known.values())
					if (probe.address < end && probe.address + probe.bytes.length > start && isInForce(machine, area, probe))
						return `a probe at ${probe.place}`;
			return undefined;
		},
	};
}
