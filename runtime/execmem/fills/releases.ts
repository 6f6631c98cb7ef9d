import { maintain, poison, restrict, retire, sync, write } from "../../patch/plan/protocol.ts";
import type { Release } from "../fill.ts";

/** Whole pages: of one piece, or that hold no piece any more. */
export const unmap: Release = {
	name: "unmap",
	brief: "every mapping revoked at once; later, for many, one shootdown, breakpoints, every CPU serialized",
	free: [
		restrict(""), // a TLB may still have the old rights
	],
	flush: [
		sync("flush"), // from here on nobody executes or writes there
		poison(),
		maintain(),
		sync("serialize"), // from here on nobody holds anything older than breakpoints
		retire(), // from here on it is memory like any other
	],
};

/** Pieces of pages that stay executable. */
export const pokeTraps: Release = {
	name: "poke-traps",
	brief: "breakpoints through the alias at once; later, for many, every CPU serialized",
	free: [
		write("whole"), // a CPU may still hold the old code
	],
	flush: [
		sync("serialize"), // from here on whoever comes meets a breakpoint
	],
};

/** Pieces of pages that are never executable. */
export const poisoned: Release = {
	name: "poison",
	brief: "breakpoints over data that nobody uses any more",
	free: [
		poison(), // whoever still reads it reads nothing of value
	],
	flush: [],
};
