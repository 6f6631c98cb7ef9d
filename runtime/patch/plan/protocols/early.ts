import { type Protocol, release, write } from "../protocol.ts";

/** Text that nobody executes yet: at load time, before its pages are mapped executable, or with no CPU started. */
export const early: Protocol = {
	name: "early",
	brief: "plain stores to bytes that nobody runs yet",
	requires: "quiet",
	phases: [
		write("whole"), // nobody else could have fetched the old bytes
		release(), // nor does who patches hold them: it goes on through an instruction barrier
	],
};
