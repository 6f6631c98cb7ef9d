// Every real architecture; a new one is a literal beside and a line here. The toy machine has one too (toy.ts), which is
// not in this list: whoever lists files of real machines need not load its instruction table.

import type { ElfObject } from "../../elf/object.ts";
import { LinkError } from "../../errors.ts";
import { aarch64 } from "./aarch64.ts";
import type { RealArchitecture } from "./architecture.ts";
import { riscv } from "./riscv.ts";
import { x86 } from "./x86-64.ts";

export * from "./architecture.ts";

/** The architectures of processors that exist. */
export const architectures: readonly RealArchitecture[] = [x86, aarch64, riscv];

/** The real architecture of an object. @param machine e_machine */
export function architectureOf(machine: number): RealArchitecture | undefined {
	return architectures.find((architecture) => architecture.machine === machine);
}

/** The real architecture of an object. @throws LinkError for a machine that is none of these */
export function requireArchitecture(object: ElfObject): RealArchitecture {
	const architecture = architectureOf(object.machine);
	if (architecture !== undefined) return architecture;
	const known = architectures.map(({ name, machine }) => `${machine} (${name})`).join(", ");
	throw new LinkError(`${object.name}: ELF header: e_machine ${object.machine} is not one of ${known}`);
}
