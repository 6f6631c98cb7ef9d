// What a hit leaves behind, on the side of whoever probes: nothing of it is seen by the program.

import { Cpu } from "../machine/layout.ts";
import { ticksToCycles } from "../machine/profile.ts";
import { getCounter } from "../machine/state.ts";
import { NOTES_KEPT, type Probe, type Probes } from "./probe.ts";

/** Counts a hit and does what the probe's handler says. */
export function noteHit({ system, lines }: Probes, probe: Probe, cpu: number): void {
	const { machine } = system;
	const clock = getCounter(machine, cpu, Cpu.clock);
	probe.hits++;
	system.events?.push({ clock, cpu, what: "probe", detail: probe.place, duration: 0 });
	if (probe.handler === "count") return;
	const registers = [...machine.cores[cpu]!.r];
	if (probe.handler === "print") lines.push(lineOf(probe, cpu, clock, registers));
	probe.notes.push({ cpu, clock, registers });
	if (probe.notes.length > NOTES_KEPT) probe.notes.shift();
}

/** Arguments are in r0..r5. */
function lineOf({ place }: Probe, cpu: number, clock: number, registers: readonly number[]): string {
	const values = registers.slice(0, 6).map((value, i) => `r${i}=${value}`);
	return `${place}: cpu${cpu}, cycle ${Math.floor(ticksToCycles(clock))}: ${values.join(" ")}`;
}
