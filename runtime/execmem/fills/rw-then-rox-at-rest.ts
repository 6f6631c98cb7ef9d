import { copy, maintain, map, restrict, sync } from "../../patch/plan/protocol.ts";
import type { Fill } from "../fill.ts";

/** Nobody is interrupted for the code, only for the right to write: every CPU serializes when it next rests. */
export const rwThenRoxAtRest: Fill = {
	name: "rw-then-rox-at-rest",
	brief: "writable, read-only, TLBs flushed, executable, once every CPU has rested",
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
		sync("serialize-at-rest"), // from here on everybody finds the new code
	],
};
