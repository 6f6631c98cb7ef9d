// Instruction fetch: from a virtual address to an instruction, through what the CPU sees of page tables and memory.
// `fetch` serves the dispatcher from the decode cache; what may not be cached is fetched anew for every execution.

import { Stop } from "../../linker/isa/core.ts";
import { decode } from "../../linker/isa/decode.ts";
import type { Instruction } from "../../linker/isa/instruction-set.ts";
import type { Core } from "./core.ts";
import { decodedFrame, fill, MAX_LENGTH, WORDS_PER_BYTE } from "./decode-cache.ts";
import { Global } from "./layout.ts";
import { isSettled, translate } from "./memory.ts";
import { choose, type Machine, PAGE } from "./state.ts";
import { CODE, fetched, historyOf, type Value, visible } from "./visibility.ts";
import { note } from "./watch.ts";

/** Makes the page of `pc` the core's code page, with the instruction at `pc` decoded in it.
 * @returns false when it may not be cached: it crosses into another page, is in flux or watched, or faults; then `fetchOnce` */
export function fetch(core: Core, pc: number): boolean {
	const { machine } = core;
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
	const faulted = bytes.length < MAX_LENGTH;
	core.stop = faulted ? Stop.fetchFault : Stop.illegal;
	core.stopValue = faulted ? pc + bytes.length : bytes[0]!;
	return undefined;
}

/** The bytes of one instruction, as they are found: no more are looked at than it has. Fewer where a page refuses. An
 * instruction in flux ends what its queue may hold; one that nobody changes may have been fetched at any time. */
function fetchBytes(core: Core, pc: number): Uint8Array {
	const { machine } = core;
	const seen = new Map<number, Value>();
	const bytes: number[] = [];
	let frame = -1;
	for (let i = 0; i < MAX_LENGTH; i++) {
		const address = pc + i;
		if (i === 0 || (address & (PAGE - 1)) === 0) {
			const physical = translate(machine, core.id, address, "x");
			if (physical < 0) break;
			frame = physical & ~(PAGE - 1);
		}
		bytes.push(byteAt(machine, core.id, frame + (address & (PAGE - 1)), seen));
		if (decode(Uint8Array.from(bytes), 0) !== undefined) break;
	}
	if (seen.size > 0) fetched(machine, core.id);
	return Uint8Array.from(bytes);
}

/** One byte as the CPU sees it; bytes of one unit come together. */
function byteAt(machine: Machine, cpu: number, physical: number, seen: Map<number, Value>): number {
	const { unit } = machine.config.model;
	const base = physical - (physical % Math.max(1, unit));
	const history = machine.words[Global.histories] === 0 ? undefined : historyOf(machine, CODE, base);
	if (history === undefined) return machine.memory[physical]!;
	let value = seen.get(base);
	if (value === undefined) {
		const values = visible(machine, history, cpu);
		value = values[choose(machine, values.length)]!;
		seen.set(base, value);
	}
	const offset = physical - base;
	return (value[offset >> 2]! >> (8 * (offset & 3))) & 0xff;
}

function inFlux(machine: Machine, physical: number): boolean {
	if (machine.words[Global.histories] === 0) return false;
	const unit = Math.max(1, machine.config.model.unit);
	for (let at = physical - (physical % unit); at < physical + MAX_LENGTH; at += unit) {
		if (historyOf(machine, CODE, at) !== undefined) return true;
	}
	return false;
}
