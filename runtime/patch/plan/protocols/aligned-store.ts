import { type Protocol, sync, write } from "../protocol.ts";

/** One atomic store per site. Safe where a fetch takes the aligned unit whole. */
export const alignedStore: Protocol = {
	name: "aligned-store",
	brief: "one atomic store to a site inside an aligned 8 bytes, then every CPU serialized",
	requires: "aligned",
	phases: [
		write("whole"), // memory holds the old instruction or the new one, never a mixture
		sync("serialize"), // from here on everybody runs the new instruction
	],
};
