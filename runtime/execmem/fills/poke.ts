import { sync, write } from "../../patch/plan/protocol.ts";
import type { Fill } from "../fill.ts";

/** With text_poke: pieces of large pages that are executable all the time, and full of breakpoints where nobody lives. */
export const poke: Fill = {
	name: "poke",
	brief: "executable memory full of breakpoints, stores through the alias, every CPU serialized",
	text: true,
	before: "mapped",
	release: "poke-traps",
	alloc: [], // who comes here meets a breakpoint
	write: [
		write("whole"), // whoever fetched here before may hold breakpoints
		sync("serialize"), // from here on everybody finds the new code
	],
	finish: [],
};
