// The bytes of a patched branch (a jump label), and back: NOP5 falls through, JMP goes to the label. The linker binds
// with it, patchers toggle and validate with it.

import { SITE_BYTES } from "../format/static-calls.ts";
import { decode, encode } from "../isa/index.ts";

/** A branch that follows a static key: a NOP while the key is as expected, a jump otherwise. */
export interface Label {
	/** Address of the instruction. */
	readonly address: number;
	/** Where it jumps if it does; in the same section, so always in reach. */
	readonly target: number;
	/** Jumps while its key is enabled and this is false, or the other way round. */
	readonly expected: boolean;
}

/** The five bytes of such a branch while its key is enabled, or is not. */
export function labelBytes({ address, target, expected }: Label, enabled: boolean): Uint8Array {
	return enabled === expected ? encode("nop5") : encode("jmp", { imm: target - (address + SITE_BYTES) });
}

/** Whether the key is enabled as the bytes have it; undefined when they are no form of this label. */
export function enabledAt(bytes: Uint8Array, { address, target, expected }: Label): boolean | undefined {
	const instruction = bytes.length === SITE_BYTES ? decode(bytes, 0) : undefined;
	if (instruction?.row.mnemonic === "nop5") return expected;
	const jumps = instruction?.row.mnemonic === "jmp" && address + SITE_BYTES + instruction.imm === target;
	return jumps ? !expected : undefined;
}
