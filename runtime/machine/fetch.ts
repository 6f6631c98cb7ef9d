// Instruction fetch for the dispatcher: from a virtual address to a decoded instruction, through the page table and the
// decode cache. A fetch that cannot be satisfied sets the core's trap and changes nothing else.

import { Stop } from "../../linker/isa/core.ts";
import { decode } from "../../linker/isa/decode.ts";
import type { Core } from "./core.ts";
import { decodedFrame, fill, MAX_LENGTH, pack, WORDS_PER_BYTE } from "./decode-cache.ts";
import { PAGE } from "./machine.ts";
import { translate } from "./memory.ts";

/** Makes the page of `pc` the core's current code page. @returns its decoded form, or undefined on a fetch fault */
export function enterPage(core: Core, pc: number): Int32Array | undefined {
	const physical = translate(core.machine, core.id, pc, "x");
	if (physical < 0) {
		core.stop = Stop.fetchFault;
		core.stopValue = pc;
		return undefined;
	}
	const code = decodedFrame(core.machine, physical >>> 12);
	core.codePage = pc & ~(PAGE - 1);
	core.codeFrame = physical >>> 12;
	core.code = code;
	return code;
}

/** Decodes the instruction at `offset` of the current page into the cache, or past it when it crosses into the next page.
 * @returns its packed word (and `core.fetchedImm`), or 0 with the trap set */
export function fetchInstruction(core: Core, code: Int32Array, offset: number): number {
	if (fill(core.machine, core.codeFrame, code, offset)) {
		core.fetchedImm = code[offset * WORDS_PER_BYTE + 1]!;
		return code[offset * WORDS_PER_BYTE]!;
	}
	const bytes = fetchBytes(core);
	const instruction = decode(bytes, 0);
	if (instruction === undefined) {
		const cut = bytes.length < MAX_LENGTH && offset + bytes.length >= PAGE;
		core.stop = cut ? Stop.fetchFault : Stop.illegal;
		core.stopValue = cut ? core.pc + bytes.length : bytes[0]!;
		return 0;
	}
	const { word, imm } = pack(instruction);
	core.fetchedImm = imm;
	return word;
}

/** Up to the longest instruction's bytes at pc, fewer where an executable page ends. */
function fetchBytes(core: Core): Uint8Array {
	const bytes: number[] = [];
	for (let i = 0; i < MAX_LENGTH; i++) {
		const physical = translate(core.machine, core.id, core.pc + i, "x");
		if (physical < 0) break;
		bytes.push(core.machine.memory[physical]!);
	}
	return Uint8Array.from(bytes);
}
