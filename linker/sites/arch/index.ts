// Every real architecture; a new one is a literal beside and a line here.

import { aarch64 } from "./aarch64.ts";
import type { Architecture } from "./architecture.ts";
import { riscv } from "./riscv.ts";
import { x86 } from "./x86-64.ts";

export * from "./architecture.ts";

export const architectures: readonly Architecture[] = [x86, aarch64, riscv];

/** @param machine e_machine */
export function architectureOf(machine: number): Architecture | undefined {
	return architectures.find((architecture) => architecture.machine === machine);
}
