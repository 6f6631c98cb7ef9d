// What a hit costs, by making some: a loop around one instruction runs with a probe and without.

import { assemble } from "../../linker/compile/assemble.ts";
import { link } from "../../linker/link/link.ts";
import { load } from "../load.ts";
import { Cpu } from "../machine/layout.ts";
import type { Model } from "../machine/model.ts";
import { type CostProfile, ticksToCycles } from "../machine/profile.ts";
import { getCounter, PAGE } from "../machine/state.ts";
import { createSystem } from "../patch/create-system.ts";
import { run } from "../patch/drive/run.ts";
import { breakpoint } from "../patch/plan/protocols/index.ts";
import { createProbes } from "../probe/create-probes.ts";
import { insert } from "../probe/insert.ts";
import type { ProbeOptions } from "../probe/probe.ts";

/** A way to be told of an instruction. */
export interface HitWay {
	readonly name: string;
	readonly instruction: string;
	readonly options: ProbeOptions;
	/** Hits a second that Linux was measured to make, in millions, on one Intel machine (commit ba2bfc97b462). */
	readonly published: number;
}

const inSlot: ProbeOptions = { outOfLine: "always" };
/** The ways of executing a probed instruction whose costs are measured, with published speeds of uprobes. */
export const hitWays: readonly HitWay[] = [
	{ name: "emulated", instruction: "nop", options: {}, published: 3.229 },
	{ name: "emulated", instruction: "push", options: {}, published: 3.086 },
	{ name: "out of line", instruction: "ret", options: inSlot, published: 1.114 },
	{ name: "out of line", instruction: "nop5", options: inSlot, published: 1.121 },
	{ name: "a call, optimised", instruction: "nop5", options: { optimise: true }, published: 7.038 },
];

/** What the loop does around the instruction at `site`. */
const bodies: Readonly<Record<string, string>> = {
	nop: "site: nop",
	nop5: "site: nop5",
	push: "site: push r1\n\taddi sp, sp, 4",
	ret: "call callee",
};

/** So many hits are the mean of `hitCost`. */
export const HITS = 1000;

/** Cycles that a probe adds to one execution of the instruction. Hits before a probe becomes a call do not count. */
export function hitCost({ instruction, options }: HitWay, profile: CostProfile, model: Model): number {
	const more = (rounds: number): number => cycles(instruction, options, rounds, profile, model);
	return (more(2 * HITS) - more(HITS) - plain(instruction, profile, model)) / HITS;
}

/** Cycles of so many rounds without a probe. */
function plain(instruction: string, profile: CostProfile, model: Model): number {
	const of = (rounds: number): number => cycles(instruction, undefined, rounds, profile, model);
	return of(2 * HITS) - of(HITS);
}

function cycles(
	instruction: string,
	options: ProbeOptions | undefined,
	rounds: number,
	profile: CostProfile,
	model: Model,
): number {
	const source = `
	.global main
	.type main, @function
main:	movi r8, ${rounds}
again:	${bodies[instruction]}
	addi r8, r8, -1
	cmpi r8, 0
	jne again
	hlt
	.size main, . - main
	.type callee, @function
callee:
${instruction === "ret" ? "site:\t" : ""}ret
	.size callee, . - callee
`;
	const image = link([assemble(source, { file: "cost.s" })], { name: "cost" });
	const machine = load(image, { profile, model, stack: PAGE, spare: 32 });
	const system = createSystem(machine, image, breakpoint);
	if (options !== undefined) {
		const probe = insert(createProbes(system, options), 0, image.symbolNamed("site")!.address);
		if (!("hits" in probe)) throw new Error("assert: the instruction can be probed");
	}
	run(system);
	return ticksToCycles(getCounter(machine, 0, Cpu.clock));
}
