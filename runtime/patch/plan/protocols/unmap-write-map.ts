import { type Protocol, protect, sync, write } from "../protocol.ts";

/** For machines without a private alias: the page is nobody's while it changes; who faults there waits and retries. */
export const unmapWriteMap: Protocol = {
	name: "unmap-write-map",
	brief: "pages unmapped, TLBs flushed, stores, mapped again, every CPU serialized",
	phases: [
		protect(""),
		sync("flush"), // from here on nobody executes in the pages
		write("whole"),
		sync("serialize"), // from here on nobody holds old bytes
		protect("rx"), // everybody runs the new instruction
	],
};
