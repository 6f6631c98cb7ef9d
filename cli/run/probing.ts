// Probes on the command line: where they go, and what came of them.

import { InvalidArgumentError } from "commander";
import { LinkError } from "../../linker/errors.ts";
import { disassemble } from "../../linker/isa/index.ts";
import type { Execmem } from "../../runtime/execmem/pieces.ts";
import { type System, whileHeld } from "../../runtime/patch/index.ts";
import {
	createProbes,
	findPlace,
	type Handler,
	insert,
	noteText,
	type Probe,
	type ProbeOptions,
	type Probes,
	way,
} from "../../runtime/probe/index.ts";
import { listOf } from "../shell/options.ts";
import { type Column, count, table } from "../shell/table.ts";
import type { Terminal } from "../shell/terminal.ts";

/** Pages that probes take at most: slots, their record, a trampoline, and a copy of every page of text, per process. */
export function pagesForProbes({ segments }: System["image"], processes: number): number {
	const text = segments.filter(({ executable }) => executable);
	return processes * text.reduce((sum, { memorySize }) => sum + Math.ceil(memorySize / 4096) + 1, 8);
}

/** Places for probes, which are looked up when there is a program. */
export const parsePlaces = listOf<string>((text) => {
	if (text.trim() === "") throw new InvalidArgumentError("Write function, function+offset or file:line.");
	return text;
});

/** A probe, by the words that asked for it. */
export interface PlacedProbe {
	readonly text: string;
	readonly probe: Probe;
}

export interface Probing {
	readonly probes: Probes;
	readonly placed: readonly PlacedProbe[];
}

/** Puts probes into every process, before the program starts. @param execmem whose memory they take, if it has all @throws LinkError when one is refused */
export function probeAt(
	system: System,
	places: readonly string[],
	handler: Handler,
	options: ProbeOptions,
	execmem?: Execmem,
): Probing {
	const probes = createProbes(system, options, execmem);
	const placed = places.flatMap((text) =>
		system.spaces.map((space): PlacedProbe => {
			const probe = whileHeld(system, () => insert(probes, space, findPlace(system.image, text), handler));
			if ("hits" in probe) return { text, probe };
			throw new LinkError(`${system.image.name}: ${"refused" in probe ? probe.refused : "the run is over"}`);
		}),
	);
	Object.assign(system.counts, { updates: 0, sites: 0, trampolines: 0, stores: 0, ticks: 0 });
	return { probes, placed };
}

/** Says which probes stay breakpoints though calls were asked for, and why. */
export function noteUncallable(terminal: Terminal, { placed }: Probing): void {
	const whys = placed.flatMap(({ text, probe: { uncallable } }) =>
		uncallable === undefined ? [] : `--optimise: the probe at ${text} stays a breakpoint: ${uncallable}\n`,
	);
	for (const why of new Set(whys)) terminal.note(why);
}

/** A line for each of the last hits, in the order of time. */
export function registerLines({ placed }: Probing): string[] {
	const hits = placed.flatMap(({ probe }) => probe.notes.map((note) => ({ probe, note })));
	return hits.sort((a, b) => a.note.clock - b.note.clock).map(({ probe, note }) => noteText(probe, note));
}

/** A line for each probe. */
export function hitLines({ probes, placed }: Probing): string[] {
	const { image, spaces } = probes.system;
	const always = probes.options.outOfLine === "always";
	const columns: Column<PlacedProbe>[] = [
		{ title: "probe", text: ({ text }) => text },
		...(spaces.length > 1
			? [{ title: "process", align: "right" as const, text: ({ probe }: PlacedProbe) => String(probe.space) }]
			: []),
		{ title: "place", text: ({ probe }) => probe.place },
		{ title: "hits", align: "right", text: ({ probe }) => count(probe.hits) },
		{ title: "done", text: ({ probe }) => wayOf(probes, probe, always) },
		{
			title: "instruction",
			text: ({ probe }) => disassemble(probe.instruction, probe.address, (at) => image.symbolize(at)),
		},
	];
	return table(columns, placed);
}

function wayOf({ options }: Probes, probe: Probe, always: boolean): string {
	if (options.optimise && probe.asked) return "called";
	return way(probe.instruction.row, always);
}

/** The same for other programs. */
export function listHits({ probes, placed }: Probing): object[] {
	const always = probes.options.outOfLine === "always";
	return placed.map(({ text, probe }) => ({
		at: text,
		process: probe.space,
		place: probe.place,
		address: probe.address,
		instruction: disassemble(probe.instruction, probe.address, (at) => probes.system.image.symbolize(at)),
		done: wayOf(probes, probe, always),
		hits: probe.hits,
		notes: probe.notes,
	}));
}
