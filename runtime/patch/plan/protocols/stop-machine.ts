import { type Protocol, release, sync, write } from "../protocol.ts";

export const stopMachine: Protocol = {
	name: "stop-machine",
	brief: "every other CPU parked with interrupts off, plain stores, released through an instruction barrier",
	phases: [
		sync("park"), // nobody executes
		write("whole"), // nobody sees it happen
		release(), // everybody runs the new instruction: the barrier drops what was fetched before parking
	],
};
