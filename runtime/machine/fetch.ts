// Instruction fetch for the dispatcher: from a virtual address to a decoded instruction, through the page table and the
// decode cache. A fetch that cannot be satisfied sets the core's trap and changes nothing else.

import { Stop } from "../../linker/isa/core.ts";
import { decode } from "../../linker/isa/decode.ts";
import type { Core } from "./core.ts";
import { decodedFrame, fill, MAX_LENGTH, put, WORDS_PER_BYTE } from "./decode-cache.ts";
import { translate } from "./memory.ts";
import { PAGE } from "./state.ts";

/** Makes the page of `pc` the core's code page and sees that the instruction at `pc` is decoded in it.
 * @returns the decoded page */
export function fetch(core: Core, pc: number): Int32Array {
	const physical = translate(core.machine, core.id, pc, "x");
	core.codePage = pc & ~(PAGE - 1);
	if (physical < 0) return fault(core, Stop.fetchFault, pc);
	const frame = physical >>> 12;
	const offset = pc & (PAGE - 1);
	core.code = decodedFrame(core.machine, frame);
	if (core.code[offset * WORDS_PER_BYTE] !== 0 || fill(core.machine, frame, core.code, offset)) return core.code;
	return fetchCrossing(core, pc);
}

/** An instruction that crosses into another page is not kept: it is decoded anew, into a page of the core's own, every
 * time the dispatcher arrives at it. */
function fetchCrossing(core: Core, pc: number): Int32Array {
	const bytes = fetchBytes(core, pc);
	const instruction = decode(bytes, 0);
	if (instruction === undefined) {
		const cut = bytes.length < MAX_LENGTH && (pc & (PAGE - 1)) + bytes.length >= PAGE;
		return cut ? fault(core, Stop.fetchFault, pc + bytes.length) : fault(core, Stop.illegal, bytes[0]!);
	}
	core.forgetCrossing();
	core.code = core.crossing;
	put(core.crossing, pc & (PAGE - 1), instruction, core.machine.config.profile);
	return core.crossing;
}

function fault(core: Core, stop: number, value: number): Int32Array {
	core.stop = stop;
	core.stopValue = value | 0;
	return core.code;
}

/** Up to the longest instruction's bytes at pc, fewer where an executable page ends. */
function fetchBytes(core: Core, pc: number): Uint8Array {
	const bytes: number[] = [];
	for (let i = 0; i < MAX_LENGTH; i++) {
		const physical = translate(core.machine, core.id, pc + i, "x");
		if (physical < 0) break;
		bytes.push(core.machine.memory[physical]!);
	}
	return Uint8Array.from(bytes);
}
