// What a hit leaves behind, on the side of whoever probes: nothing of it is seen by the program.

import { parametersOf } from "../../linker/format/signatures.ts";
import type { Image } from "../../linker/link/image.ts";
import { Cpu } from "../machine/layout.ts";
import { ticksToCycles } from "../machine/profile.ts";
import { getCounter } from "../machine/state.ts";
import { NOTES_KEPT, type Note, type Probe, type Probes } from "./probe.ts";

/** Counts a hit and does what the probe's handler says. */
export function noteHit({ system, lines }: Probes, probe: Probe, cpu: number): void {
	const { machine } = system;
	const clock = getCounter(machine, cpu, Cpu.clock);
	probe.hits++;
	system.events?.push({ clock, cpu, what: "probe", detail: probe.place, duration: 0 });
	if (probe.handler === "count") return;
	const note: Note = { cpu, clock, registers: [...machine.cores[cpu]!.r] };
	if (probe.handler === "print") lines.push(noteText(probe, note, argumentsAt(system.image, probe.address)));
	probe.notes.push(note);
	if (probe.notes.length > NOTES_KEPT) probe.notes.shift();
}

/** @param count how many registers, the first ones */
export function noteText({ place }: Probe, { cpu, clock, registers }: Note, count = registers.length): string {
	const values = registers.slice(0, count).map((value, i) => ` r${i}=${value}`);
	return `${place}: cpu${cpu}, cycle ${Math.floor(ticksToCycles(clock))}:${values.join("")}`;
}

/** How many registers hold arguments at a place: those of the function that begins there, else all that may. */
function argumentsAt({ signatureOf }: Image, address: number): number {
	const signature = signatureOf(address);
	return signature === undefined ? MOST_ARGUMENTS : parametersOf(signature);
}

/** They are in r0..r5. */
const MOST_ARGUMENTS = 6;
