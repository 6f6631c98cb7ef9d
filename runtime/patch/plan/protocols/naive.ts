import { type Protocol, write } from "../protocol.ts";

export const naive: Protocol = {
	name: "naive",
	brief: "plain stores, nothing else",
	phases: [
		write("whole"), // a CPU may run the old instruction, the new one, or any mixture that its fetches allow
	],
};
