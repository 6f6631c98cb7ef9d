// What passing a site costs, off and on, in cycles over the same loop without it: the reason for patching code instead of
// looking at a variable. One CPU, no update under way.

import { assemble } from "../../linker/compile/assemble.ts";
import { link } from "../../linker/link/link.ts";
import { load } from "../load.ts";
import { Cpu } from "../machine/layout.ts";
import { type CostProfile, ticksToCycles } from "../machine/profile.ts";
import { getCounter } from "../machine/state.ts";
import { planUpdate } from "../patch/change/update.ts";
import { createSystem } from "../patch/create-system.ts";
import { boot } from "../patch/drive/boot.ts";
import { applyNow } from "../patch/drive/patchers.ts";
import { run } from "../patch/drive/run.ts";
import { early } from "../patch/plan/protocols/index.ts";
import type { BootOptions } from "../patch/system.ts";

/** What passing a site of one kind costs. */
export interface PassCost {
	readonly site: string;
	/** Cycles more than without the site. */
	readonly cycles: number;
}

interface Way {
	readonly site: string;
	readonly text: string;
	/** What it is measured against. */
	readonly without: "" | "call work";
	readonly traced?: true;
	/** Settled before it runs; nothing is, otherwise. */
	readonly boot?: BootOptions;
}

const test = "movi r4, __SK__variable; ld r4, [r4+0]; cmpi r4, 0; jne 1f; 1:";
const ways: readonly Way[] = [
	{ site: "branch of a static key, off", text: ".static_branch off, next", without: "" },
	{ site: "branch of a static key, on", text: ".static_branch on, next", without: "" },
	{ site: "test of a variable", text: test, without: "" },
	{ site: "entry of a function, NOP5", text: "call entered", without: "call work" },
	{ site: "entry of a function, traced", text: "call entered", without: "call work", traced: true },
	{ site: "plain call", text: "call work", without: "" },
	{ site: "call of an operation, as compiled", text: ".pv_call operation", without: "" },
	{ site: "call of an operation, direct", text: ".pv_call operation", without: "", boot: { inline: false } },
	{ site: "call of an operation, inlined", text: ".pv_call operation, 6", without: "", boot: {} },
];

/** So many passes are the mean of `PassCost`. */
export const PASSES = 1000;

/** Measures what passing each kind of site costs, on and off, in cycles per pass. */
export function passCosts(profile: CostProfile): PassCost[] {
	const baseline = new Map(["", "call work"].map((text) => [text, loopCycles(profile, { text })]));
	return ways.map((way) => ({
		site: way.site,
		cycles: (loopCycles(profile, way) - baseline.get(way.without)!) / PASSES,
	}));
}

/** The label that a branch jumps to is where it would come anyway. */
function loopCycles(profile: CostProfile, { text, traced, boot: settling }: Omit<Way, "site" | "without">): number {
	const source = `
        .global main
        .static_key on, 1
        .static_key off, 0
        .static_key variable, 0
        .paravirt operation, work
        .type main, @function
main:   movi    r8, 0
again:  ${text}
next:   addi    r8, r8, 1
        cmpi    r8, ${PASSES}
        jlt     again
        ret
        .type entered, @function
entered: .entry_nop
        addi    r9, r9, 1
        ret
        .type work, @function
work:   addi    r9, r9, 1
        ret
        .size work, . - work
`;
	const image = link([assemble(source, { file: "pass.s" })], { name: "pass" });
	const system = createSystem(load(image, { profile }), image, early);
	if (settling !== undefined) boot(system, settling);
	const functions = traced === true ? image.entries.map(({ address }) => address) : [];
	const update = planUpdate(system, [{ functions, traced: true }], early);
	if ("refused" in update) throw new Error(`assert: ${update.refused}`);
	applyNow(system, update);
	run(system);
	return ticksToCycles(getCounter(system.machine, 0, Cpu.clock));
}
