// Instruction fetch: from a virtual address to an instruction, through what the CPU sees of page tables and memory.
// `fetch` serves the dispatcher from the decode cache; what may not be cached is fetched anew for every execution.

import { Stop } from "../../linker/isa/core.ts";
import { decode } from "../../linker/isa/decode.ts";
import type { Instruction } from "../../linker/isa/instruction-set.ts";
import { lengthOf } from "../../linker/isa/lookup.ts";
import { decodedFrame, fill, MAX_LENGTH, WORDS_PER_BYTE } from "./decode-cache.ts";
import { CODE, historyOf, type Value } from "./histories.ts";
import { noteFetch } from "./instruction-tlb.ts";
import { Global } from "./layout.ts";
import { isSettled, translate } from "./page-table.ts";
import type { Core } from "./state.ts";
import { choose, type Machine, PAGE } from "./state.ts";
import { byteOf, fetched, visible, whenCame } from "./visibility.ts";
import { note } from "./watch.ts";

/** Makes the page of `pc` the core's code page, with the instruction at `pc` decoded in it.
 * @returns false when it may not be cached: it crosses into another page, is in flux or watched, or faults; then `fetchOnce` */
export function fetch(core: Core, pc: number): boolean {
	const { machine } = core;
	if (machine.instructionTlbs !== undefined) noteFetch(machine, machine.instructionTlbs, core.id, pc);
	if (machine.watch?.addresses.has(pc >>> 0) || !isSettled(machine, core.id, pc)) return false;
	const physical = translate(machine, core.id, pc, "x");
	if (physical < 0 || inFlux(machine, physical)) return false;
	const frame = physical >>> 12;
	const offset = pc & (PAGE - 1);
	const code = decodedFrame(machine, frame);
	if (code[offset * WORDS_PER_BYTE] === 0 && !fill(machine, frame, code, offset)) return false;
	core.codePage = pc & ~(PAGE - 1);
	core.code = code;
	return true;
}

/** Fetches the instruction at `pc` as this CPU may see it now. @returns undefined with the core's trap set */
export function fetchOnce(core: Core, pc: number): Instruction | undefined {
	const bytes = fetchBytes(core, pc);
	const instruction = decode(bytes, 0);
	core.fetched = instruction;
	core.fetchedBytes = bytes;
	if (core.machine.watch !== undefined) note(core.machine.watch, core, pc, bytes);
	if (instruction !== undefined) return instruction;
	const faulted = bytes.length === 0 || bytes.length < lengthOf(bytes[0]!);
	core.stop = faulted ? Stop.fetchFault : Stop.illegal;
	core.stopValue = faulted ? pc + bytes.length : bytes[0]!;
	return undefined;
}

/** The bytes of one instruction: no more are looked at than it has, and fewer where a page refuses. Bytes of one unit come
 * together. What its queue holds behind an instruction in flux was fetched no earlier than that one came; one that nobody
 * changes may have been fetched at any time. */
function fetchBytes(core: Core, pc: number): Uint8Array {
	const { machine, id } = core;
	const unit = Math.max(1, machine.config.model.unit);
	const bytes = new Uint8Array(MAX_LENGTH);
	let length = 1;
	let frame = -1;
	let base = -1;
	let value: Value | undefined;
	let time = 0;
	let i = 0;
	for (; i < length; i++) {
		const address = pc + i;
		if (i === 0 || (address & (PAGE - 1)) === 0) {
			frame = translate(machine, id, address, "x") & ~(PAGE - 1);
			if (frame < 0) break;
		}
		const physical = frame + (address & (PAGE - 1));
		if (physical - (physical % unit) !== base) {
			base = physical - (physical % unit);
			const history = machine.words[Global.histories] === 0 ? undefined : historyOf(machine, CODE, base);
			value = history === undefined ? undefined : seenOf(machine, id, history, base);
			if (value !== undefined) time = Math.max(time, whenCame(machine, history!, id, value));
		}
		bytes[i] = value === undefined ? machine.memory[physical]! : byteOf(value, physical - base);
		if (i === 0) length = lengthOf(bytes[0]!);
	}
	fetched(machine, id, time);
	return bytes.subarray(0, i);
}

/** What a CPU sees of a unit in flux, this time. */
function seenOf(machine: Machine, cpu: number, history: number, unit: number): Value {
	const values = visible(machine, history, cpu);
	const taken = choose(machine, values.length);
	machine.fetches?.push({ cpu, unit, options: values, taken });
	return values[taken]!;
}

function inFlux(machine: Machine, physical: number): boolean {
	if (machine.words[Global.histories] === 0) return false;
	const unit = Math.max(1, machine.config.model.unit);
	for (let at = physical - (physical % unit); at < physical + MAX_LENGTH; at += unit) {
		if (historyOf(machine, CODE, at) !== undefined) return true;
	}
	return false;
}
