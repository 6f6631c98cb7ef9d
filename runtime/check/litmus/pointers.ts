// Refuses arithmetic with pointers. Here instructions are STRIDE bytes apart and words of memory eight, so that what a test adds to a
// pointer would lead elsewhere than on the machine that it is written for. Adding what is always zero, as tests of address
// dependencies do, means the same.

import { LinkError } from "../../../linker/errors.ts";
import type { Matched } from "./code.ts";
import type { Flow, LitmusArch } from "./instruction.ts";

/** @param pointers registers that hold a pointer when the thread begins
 * @param numbers those that hold another number than zero
 * @throws LinkError naming the instruction that computes with a pointer */
export function refusePointerSums(
	arch: LitmusArch,
	thread: readonly Matched[],
	pointers: readonly string[],
	numbers: readonly string[],
): void {
	const named = (register: string): string => arch.canonical(register) ?? register;
	const flows = thread.flatMap(({ form, words }) => {
		const flow = form.flow?.(words);
		return flow === undefined ? [] : [{ ...flow, to: named(flow.to), from: flow.from.map(named) }];
	});
	const zeros = alwaysZero(arch, flows, [...pointers, ...numbers].map(named));
	const held = new Set(pointers.map(named));
	for (let before = -1; before !== held.size; ) {
		before = held.size;
		for (const { makes, to, from } of flows)
			if (
				makes === "pointer" ||
				((makes === "copy" || makes === "sum") && !zeros.has(to) && from.some((one) => held.has(one)))
			)
				held.add(to);
	}
	for (const { form, words, text, at } of thread) {
		const index = form.index?.(words);
		if (index !== undefined && !zeros.has(named(index)))
			throw new LinkError(`${at}: '${text}' is not modelled: ${index} may be another number than zero`);
		const flow = form.flow?.(words);
		if (flow?.makes !== "sum" || zeros.has(named(flow.to))) continue;
		const others = flow.from.map(named).filter((register) => !zeros.has(register));
		if (!others.some((register) => held.has(register))) continue;
		if (others.length > 1 || (flow.number ?? 0) !== 0)
			throw new LinkError(`${at}: '${text}' is not modelled: it computes with a pointer`);
	}
}

/** @param toCode registers that point to code when the thread begins
 * @throws LinkError naming the instruction that loads or stores eight bytes of code, which are two instructions there and one here */
export function refuseTwoWords(arch: LitmusArch, thread: readonly Matched[], toCode: readonly string[]): void {
	const named = toCode.map((register) => arch.canonical(register));
	for (const { form, words, text, at } of thread) {
		const address = form.eightBytesAt?.(words);
		if (address !== undefined && named.includes(arch.canonical(address)))
			throw new LinkError(`${at}: '${text}' is not modelled: eight bytes of code are two instructions`);
	}
}

/** Registers of a thread that are zero whenever it sets them, and at its start. */
function alwaysZero(arch: LitmusArch, flows: readonly Flow[], others: readonly string[]): Set<string> {
	const zeros = new Set(flows.map(({ to }) => to).filter((to) => !others.includes(to)));
	if (arch.zero !== undefined) zeros.add(arch.zero);
	for (let before = -1; before !== zeros.size; ) {
		before = zeros.size;
		for (const flow of flows) if (flow.to !== arch.zero && !givesZero(flow, zeros)) zeros.delete(flow.to);
	}
	return zeros;
}

/** Whether what is set is zero: `a ^ a` or `a - a`, a number 0, or arithmetic of nothing but zeros. */
function givesZero({ makes, from, number, cancels }: Flow, zeros: ReadonlySet<string>): boolean {
	if (makes === "pointer") return false;
	if (makes === "number") return number === 0;
	if (makes === "sum" && cancels === true && from.length === 2 && from[0] === from[1]) return true;
	return (number ?? 0) === 0 && from.every((one) => zeros.has(one));
}
