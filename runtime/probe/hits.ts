// What a hit leaves behind, on the side of whoever probes: nothing of it is seen by the program.

import { argumentWords } from "../../linker/format/signatures.ts";
import { ARGUMENT_REGISTERS, argumentOffset, SP } from "../../linker/isa/index.ts";
import type { Image } from "../../linker/link/image.ts";
import { Cpu } from "../machine/layout.ts";
import { ticksToCycles } from "../machine/profile.ts";
import { getCounter } from "../machine/state.ts";
import { loadedWord } from "../machine/words.ts";
import { NOTES_KEPT, type Note, type Probe, type Probes } from "./probe.ts";

/** Counts a hit and does what the probe's handler says.
 * @param pushed bytes that are on the stack only because of the probe */
export function noteHit({ system, lines }: Probes, probe: Probe, cpu: number, pushed = 0): void {
	const { machine } = system;
	const clock = getCounter(machine, cpu, Cpu.clock);
	probe.hits++;
	system.events?.push({ clock, cpu, what: "probe", detail: probe.place, duration: 0 });
	if (probe.handler === "count") return;
	const registers = [...machine.cores[cpu]!.r];
	registers[SP]! += pushed;
	const words = argumentsAt(system.image, probe.address);
	const stack = Array.from({ length: Math.max(0, words - ARGUMENT_REGISTERS) }, (_, i) =>
		loadedWord(machine, cpu, registers[SP]! + argumentOffset(ARGUMENT_REGISTERS + i)),
	);
	const note: Note = { cpu, clock, registers, stack };
	if (probe.handler === "print") lines.push(noteText(probe, note, Math.min(words, ARGUMENT_REGISTERS)));
	probe.notes.push(note);
	if (probe.notes.length > NOTES_KEPT) probe.notes.shift();
}

/** @param count how many registers, the first ones */
export function noteText({ place }: Probe, { cpu, clock, registers, stack }: Note, count = registers.length): string {
	const values = registers.slice(0, count).map((value, i) => ` r${i}=${value}`);
	const passed = stack.map((value, i) => ` [sp+${argumentOffset(ARGUMENT_REGISTERS + i)}]=${value ?? "?"}`);
	return `${place}: cpu${cpu}, cycle ${Math.floor(ticksToCycles(clock))}:${[...values, ...passed].join("")}`;
}

/** How many words of arguments there are at a place: those of the function that begins there, else as many as are in
 * registers. */
function argumentsAt({ signatureOf }: Image, address: number): number {
	const signature = signatureOf(address);
	return signature === undefined ? ARGUMENT_REGISTERS : argumentWords(signature);
}
