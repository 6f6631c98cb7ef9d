import { type Protocol, write } from "../protocol.ts";

/** Text that nobody executes yet: at load time, before its pages are mapped executable, or with no CPU started. */
export const early: Protocol = {
	name: "early",
	brief: "plain stores to bytes that nobody runs yet",
	requires: "quiet",
	phases: [
		write("whole"), // nobody could have fetched the old bytes
	],
};
