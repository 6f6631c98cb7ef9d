import { copy, maintain, map, syncUnlessCoherent } from "../../patch/plan/protocol.ts";
import type { Fill } from "../fill.ts";

/** Memory that nobody has mapped while it is written. What is absent is in no TLB, so there is nothing to flush. */
export const jitMap: Fill = {
	name: "jit-map",
	brief: "written while nothing is mapped, then mapped executable; serialized only where fetches are not coherent",
	text: true,
	before: "nothing",
	release: "unmap",
	alloc: [map("")], // an address, and memory for it; nobody reaches it
	write: [copy()],
	finish: [
		maintain(), // fetches find what was written, but for those that were made before
		map("rx"), // on a coherent machine everybody finds the new code
		syncUnlessCoherent("serialize"), // from here on everybody does
	],
};
