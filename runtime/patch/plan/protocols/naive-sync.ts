import { type Protocol, sync, write } from "../protocol.ts";

export const naiveSync: Protocol = {
	name: "naive-sync",
	brief: "plain stores, then every CPU serialized",
	phases: [
		write("whole"), // mixtures may run
		sync("serialize"), // from here on everybody runs the new instruction
	],
};
