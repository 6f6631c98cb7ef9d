import { type Protocol, protect, sync, write } from "../protocol.ts";

/** For machines that write text in place: executable, read-only, writable, read-only, executable. Each change of rights is
 * flushed before the opposite right is given, so no view of a page is ever writable and executable. */
export const rwFlip: Protocol = {
	name: "rw-flip",
	brief: "pages made writable instead of executable, stores, and back, TLBs flushed in between",
	phases: [
		protect("r"),
		sync("flush"), // from here on nobody executes in the pages
		protect("rw"),
		write("whole"),
		protect("r"),
		sync("flush"), // from here on nobody may write them
		sync("serialize"), // from here on nobody holds old bytes
		protect("rx"), // everybody runs the new instruction
	],
};
