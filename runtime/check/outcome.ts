// The question of a litmus test: can all CPUs halt with these values in registers and memory?

import { LinkError } from "../../linker/errors.ts";
import { SP } from "../../linker/isa/sets/toy.ts";
import type { Image } from "../../linker/link/image.ts";
import { Cpu, Status } from "../machine/layout.ts";
import { getCpu, type Machine } from "../machine/state.ts";
import { waiting } from "../machine/store-buffer.ts";
import { readWord } from "../machine/words.ts";
import { numberOf } from "./steps.ts";

/** One value at the end: of a CPU's register, or of a word of memory. */
export type Term =
	| { readonly cpu: number; readonly register: number; readonly value: number }
	| { readonly address: number; readonly value: number };

/** `0:r0=1 & 1:r1=0 & x=2`. @param cpus how many there are @throws LinkError */
export function outcomeOf(text: string, image: Image, cpus: number, place: string): Term[] {
	return text.split("&").map((part): Term => {
		const [, cpu, register, label, value] = /^\s*(?:(\d+):r(\d+)|([\w.$+]+))\s*=\s*(-?\d+)\s*$/.exec(part) ?? [];
		if (value === undefined) throw new LinkError(`${place}: '${part.trim()}' is not CPU:REGISTER=VALUE or LABEL=VALUE`);
		if (label !== undefined) return { address: numberOf(label, image, place), value: Number(value) };
		if (Number(cpu) >= cpus || Number(register) > SP) throw new LinkError(`${place}: there is no ${cpu}:r${register}`);
		return { cpu: Number(cpu), register: Number(register), value: Number(value) };
	});
}

/** Whether nothing can happen any more: every CPU halted, every store in memory. */
export function isOver(machine: Machine): boolean {
	return machine.cores.every(
		({ id }) => getCpu(machine, id, Cpu.status) === Status.halted && waiting(machine, id) === 0,
	);
}

/** Whether every term holds now. */
export function holds(machine: Machine, terms: readonly Term[]): boolean {
	return terms.every((term) =>
		"cpu" in term
			? machine.cores[term.cpu]?.r[term.register] === term.value
			: readWord(machine, 0, term.address) === term.value,
	);
}
