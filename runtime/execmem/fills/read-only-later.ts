import { copy, map, restrict, sync } from "../../patch/plan/protocol.ts";
import type { Fill } from "../fill.ts";

/** Data that init writes and nobody afterwards: whole pages of one piece. */
export const readOnlyLater: Fill = {
	name: "read-only-later",
	brief: "writable until it is finished, then read-only, TLBs flushed",
	text: false,
	before: "nothing",
	release: "unmap",
	alloc: [map("rw")],
	write: [copy()],
	finish: [
		restrict("r"), // a TLB may still have the right to write
		sync("flush"), // from here on nobody writes
	],
};
