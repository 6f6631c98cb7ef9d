// A process as a core file: every page that it has mapped, whatever for, and a note for each CPU that runs it.

import { type CoreNote, type CoreSegment, writeCore } from "../../../linker/elf/core-file.ts";
import { EM_TOY } from "../../../linker/isa/index.ts";
import { Cpu } from "../../machine/layout.ts";
import { LARGE_PAGE } from "../../machine/page-entry.ts";
import { type Mapping, mappings } from "../../machine/page-table.ts";
import { getCpu, type Machine, PAGE } from "../../machine/state.ts";
import type { System } from "../system.ts";

/** The type of the note that holds what a CPU had in its registers. */
const NT_PRSTATUS = 1;
/** The fields of that note, a word each, behind r0..r15. */
const statusFields = [Cpu.pc, Cpu.flags, Cpu.masked, Cpu.status, Cpu.stop, Cpu.stopValue] as const;

/**
 * One process of a system as an ELF core file, with its memory and the registers of its CPUs.
 * @param space the process's address space
 */
export function coreOf({ machine }: System, space: number): Uint8Array {
	const own = mappings(machine).filter((mapping) => mapping.space === space);
	return writeCore(EM_TOY, joined(machine, own), notes(machine, space));
}

/** Neighbours with the same rights are one segment. */
function joined(machine: Machine, pages: readonly Mapping[]): CoreSegment[] {
	const runs: Mapping[][] = [];
	for (const page of pages) {
		const last = runs.at(-1)?.at(-1);
		const goesOn = last !== undefined && last.address + sizeOf(last) === page.address && sameRights(last, page);
		if (goesOn) runs.at(-1)!.push(page);
		else runs.push([page]);
	}
	return runs.map((run) => segmentOf(machine, run));
}

function segmentOf(machine: Machine, run: readonly Mapping[]): CoreSegment {
	const { address, r, w, x } = run[0]!;
	const data = new Uint8Array(run.reduce((size, page) => size + sizeOf(page), 0));
	for (const page of run)
		data.set(machine.memory.subarray(page.physical, page.physical + sizeOf(page)), page.address - address);
	return { address, data, readable: r, writable: w, executable: x };
}

function sizeOf({ large }: Mapping): number {
	return large ? LARGE_PAGE : PAGE;
}

function sameRights(a: Mapping, b: Mapping): boolean {
	return a.r === b.r && a.w === b.w && a.x === b.x;
}

function notes(machine: Machine, space: number): CoreNote[] {
	return machine.cores
		.filter(({ id }) => getCpu(machine, id, Cpu.space) === space)
		.map(({ id, r }) => {
			const data = new Uint8Array(4 * (r.length + statusFields.length));
			const view = new DataView(data.buffer);
			for (const [i, value] of r.entries()) view.setInt32(4 * i, value, true);
			for (const [i, field] of statusFields.entries())
				view.setInt32(4 * (r.length + i), getCpu(machine, id, field), true);
			return { name: "CORE", type: NT_PRSTATUS, data };
		});
}
