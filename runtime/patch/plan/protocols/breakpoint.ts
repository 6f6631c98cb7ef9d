import { arm, disarm, type Protocol, sync, write } from "../protocol.ts";

/** Linux's text_poke_bp: sites are patched under running CPUs, three rounds of interrupts for any number of them. */
export const breakpoint: Protocol = {
	name: "breakpoint",
	brief: "breakpoint over the head, then the tail, then the head, every CPU serialized after each",
	phases: [
		arm(), // from here on a breakpoint at a site runs the new instruction
		write("breakpoint"),
		sync("serialize"), // from here on nobody decodes the old head
		write("tail"),
		sync("serialize"), // from here on nobody holds an old tail
		write("head"),
		sync("serialize"), // from here on everybody runs the new instruction
		disarm(), // nobody can meet the breakpoint any more
	],
};
