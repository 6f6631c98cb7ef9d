// The question of a litmus test: can all CPUs halt with these values in registers and memory?

import { LinkError } from "../../linker/errors.ts";
import { SP } from "../../linker/isa/sets/toy.ts";
import type { Image } from "../../linker/link/image.ts";
import { Cpu, Status } from "../machine/layout.ts";
import { getCpu, type Machine } from "../machine/state.ts";
import { waiting } from "../machine/store-buffer.ts";
import { readWord } from "../machine/words.ts";
import { conditionOf, equationsOf, type Literal, waysOf } from "./condition.ts";
import { numberOf } from "./steps.ts";

/** One value at the end: of a CPU's register, or of a word of memory; and the place as it is written. */
export type Term =
	| { readonly place: string; readonly cpu: number; readonly register: number; readonly value: number }
	| { readonly place: string; readonly address: number; readonly value: number };

/** What is asked of the end: terms, and the ways in which they can hold. */
export interface Wanted {
	readonly terms: readonly Term[];
	/** In one of these all terms hold that it names by number, and none that it excludes. */
	readonly ways: readonly { readonly all: readonly number[]; readonly none: readonly number[] }[];
}

/** `0:r0=1 & 1:r1=0 & x=2`. @param cpus how many there are @throws LinkError */
export function wantedOf(text: string, image: Image, cpus: number, place: string): Wanted {
	const terms: Term[] = [];
	const numbers = new Map<string, number>();
	const numberOfTerm = ({ text }: Pick<Literal, "text">): number => {
		const term = termOf(text, image, cpus, place);
		const key = `${term.place}=${term.value}`;
		const known = numbers.get(key) ?? terms.push(term) - 1;
		numbers.set(key, known);
		return known;
	};
	const condition = conditionOf(text, place);
	// Also those that no way needs: their values are shown.
	for (const equation of equationsOf(condition)) numberOfTerm(equation);
	const ways = waysOf(condition, place).map((way) => ({
		all: way.filter(({ not }) => !not).map(numberOfTerm),
		none: way.filter(({ not }) => not).map(numberOfTerm),
	}));
	return { terms, ways };
}

function termOf(text: string, image: Image, cpus: number, place: string): Term {
	const [, cpu, register, label, value] =
		/^(?:(\d+):r(\d+)|([\w.$+]+))\s*=\s*(-?(?:0x[0-9a-f]+|\d+)|[A-Za-z_.$][\w.$]*(?:\+\d+)?)$/i.exec(text) ?? [];
	if (value === undefined) throw new LinkError(`${place}: '${text}' is not CPU:REGISTER=VALUE or LABEL=VALUE`);
	const isNumber = /^-?\d/.test(value);
	const number = !isNumber
		? numberOf(value, image, place)
		: value.startsWith("-")
			? -Number(value.slice(1))
			: Number(value);
	if (number < -(2 ** 31) || number >= 2 ** 32)
		throw new LinkError(`${place}: ${value} is not in [-2147483648, 4294967295], so no register and no word holds it`);
	if (label !== undefined) return { place: label, address: numberOf(label, image, place), value: number | 0 };
	if (Number(cpu) >= cpus || Number(register) > SP) throw new LinkError(`${place}: there is no ${cpu}:r${register}`);
	return {
		place: `${Number(cpu)}:r${Number(register)}`,
		cpu: Number(cpu),
		register: Number(register),
		value: number | 0,
	};
}

/** Whether the end is one that is asked for. @param held numbers of the terms that hold */
export function isAskedFor({ ways }: Wanted, held: readonly number[]): boolean {
	return ways.some(
		({ all, none }) => all.every((term) => held.includes(term)) && !none.some((term) => held.includes(term)),
	);
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
