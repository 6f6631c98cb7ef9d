import { copy, maintain, map, restrict, sync } from "../../patch/plan/protocol.ts";
import type { Fill } from "../fill.ts";

/** Without text_poke, and for compilers that write in place: whole pages of one piece, first writable, then executable. */
export const rwThenRox: Fill = {
	name: "rw-then-rox",
	brief: "writable, read-only, TLBs flushed, executable, every CPU serialized",
	text: true,
	before: "nothing",
	release: "unmap",
	alloc: [map("rw")],
	write: [copy()],
	finish: [
		restrict("r"), // a TLB may still have the right to write
		sync("flush"), // from here on nobody writes
		maintain(), // fetches find what was written, but for those that were made before
		map("rx"), // from here on who comes early may find something older
		sync("serialize"), // from here on everybody finds the new code
	],
};
