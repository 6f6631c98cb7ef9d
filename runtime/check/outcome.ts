// The question of a litmus test: can all CPUs halt with these values in registers and memory?

import { LinkError } from "../../linker/errors.ts";
import { SP } from "../../linker/isa/sets/toy.ts";
import type { Image } from "../../linker/link/image.ts";
import { Cpu, Status } from "../machine/layout.ts";
import { getCpu, type Machine } from "../machine/state.ts";
import { waiting } from "../machine/store-buffer.ts";
import { readWord } from "../machine/words.ts";
import { numberOf } from "./steps.ts";

/** One value at the end: of a CPU's register, or of a word of memory; and the place as it is written. */
export type Term =
	| { readonly place: string; readonly cpu: number; readonly register: number; readonly value: number }
	| { readonly place: string; readonly address: number; readonly value: number };

/** `0:r0=1 & 1:r1=0 & x=2`. @param cpus how many there are @throws LinkError */
export function outcomeOf(text: string, image: Image, cpus: number, place: string): Term[] {
	return text.split("&").map((part): Term => {
		const [, cpu, register, label, value] =
			/^\s*(?:(\d+):r(\d+)|([\w.$+]+))\s*=\s*(-?(?:0x[0-9a-f]+|\d+))\s*$/i.exec(part) ?? [];
		if (value === undefined) throw new LinkError(`${place}: '${part.trim()}' is not CPU:REGISTER=VALUE or LABEL=VALUE`);
		const number = value.startsWith("-") ? -Number(value.slice(1)) : Number(value);
		if (number < -(2 ** 31) || number >= 2 ** 32)
			throw new LinkError(
				`${place}: ${value} is not in [-2147483648, 4294967295], so no register and no word holds it`,
			);
		if (label !== undefined) return { place: label, address: numberOf(label, image, place), value: number | 0 };
		if (Number(cpu) >= cpus || Number(register) > SP) throw new LinkError(`${place}: there is no ${cpu}:r${register}`);
		return {
			place: `${Number(cpu)}:r${Number(register)}`,
			cpu: Number(cpu),
			register: Number(register),
			value: number | 0,
		};
	});
}

/** Whether nothing can happen any more: every CPU halted, every store in memory. */
export function isOver(machine: Machine): boolean {
	return machine.cores.every(
		({ id }) => getCpu(machine, id, Cpu.status) === Status.halted && waiting(machine, id) === 0,
	);
}

/** What the place of a term holds now. */
export function valueAt(machine: Machine, term: Term): number | undefined {
	return "cpu" in term ? machine.cores[term.cpu]?.r[term.register] : readWord(machine, 0, term.address);
}

/** The numbers of the terms that hold now. */
export function holding(machine: Machine, terms: readonly Term[]): number[] {
	return [...terms.keys()].filter((i) => valueAt(machine, terms[i]!) === terms[i]!.value);
}
