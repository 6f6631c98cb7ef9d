// The registers of a litmus test, and the toy registers that stand for them.

import { LinkError } from "../../../linker/errors.ts";
import { type LitmusArch, ZERO } from "./instruction.ts";

/** Registers for those of the test: `r0` to `r10`. */
const MOST_REGISTERS = 11;

/** Gives each register of a test a toy register, the same in all threads. */
export class Registers {
	private readonly numbers = new Map<string, number>();
	private readonly arch: LitmusArch;
	private readonly file: string;

	constructor(arch: LitmusArch, file: string) {
		this.arch = arch;
		this.file = file;
	}

	named(register: string, at: string): string {
		const name = this.arch.canonical(register);
		if (name === undefined) throw new LinkError(`${at}: '${register}' is no register of ${this.arch.name}`);
		if (name === this.arch.zero) return ZERO;
		const number = this.numbers.get(name) ?? this.numbers.size;
		this.numbers.set(name, number);
		if (number >= MOST_REGISTERS)
			throw new LinkError(`${this.file}: more than ${MOST_REGISTERS} registers, with ${register} at ${at}`);
		return `r${number}`;
	}
}
