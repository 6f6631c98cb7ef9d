// How calls of static-call keys are made, as the command line names it, and what that means to compiler and linker.

import type { CompileOptions } from "../../linker/compile/index.ts";
import type { StaticCallMode } from "../../linker/link/index.ts";

/** How calls of static-call keys are made: three ways to link them, and two ways to do without. */
export const callModes = ["inline", "trampoline", "pointer", "ffp", "ffp-retpoline"] as const;
export type CallMode = (typeof callModes)[number];

/** How modules are compiled. */
export type CodeOptions = Pick<CompileOptions, "alignSites" | "entryNops" | "paravirt">;

/** In the forms with fast function pointers no static calls remain to be linked. */
export function linkMode(mode: CallMode): StaticCallMode {
	return mode === "ffp" || mode === "ffp-retpoline" ? "inline" : mode;
}
