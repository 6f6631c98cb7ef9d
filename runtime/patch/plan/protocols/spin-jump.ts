import { type Protocol, sync, write } from "../protocol.ts";

/** HotSpot's way: a jump to itself over the head holds CPUs at the site without a trap while the tail changes. */
export const spinJump: Protocol = {
	name: "spin-jump",
	brief: "a jump to itself over the head, the tail, the head; sites inside an aligned 8 bytes",
	requires: "aligned",
	phases: [
		write("spin"), // who comes to the site in new bytes waits there
		write("tail"), // a fetch of the whole unit finds the old instruction or the jump to itself
		write("head"), // or the new instruction
		sync("serialize"), // from here on everybody runs the new instruction
	],
};
