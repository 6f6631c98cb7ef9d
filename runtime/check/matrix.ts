// The verdict matrix: every protocol on every model, over numbers of CPUs, kinds of sites and where they lie.

import type { Model } from "../machine/model.ts";
import { models } from "../machine/models/index.ts";
import type { Protocol } from "../patch/protocol.ts";
import { protocols } from "../patch/protocols/index.ts";
import { check, type Verdict } from "./check.ts";
import { phaseText, type Scenario } from "./scenario.ts";

/** What the site is and becomes. */
export const siteKinds = ["call", "tail", "conditional", "null", "ret0"] as const;
export type SiteKind = (typeof siteKinds)[number];
/** Inside an aligned 8 bytes, or across the boundary between two. */
export const placements = ["aligned", "straddling"] as const;
export type Placement = (typeof placements)[number];

export interface Cell {
	readonly protocol: Protocol;
	readonly model: Model;
	readonly cpus: number;
	readonly kind: SiteKind;
	readonly placement: Placement;
}

/** Every cell. @param most CPUs at most */
export function cells(most = 3): Cell[] {
	const all: Cell[] = [];
	for (const protocol of protocols)
		for (const model of models)
			for (const kind of siteKinds)
				for (const placement of placements)
					for (let cpus = 1; cpus <= most; cpus++) all.push({ protocol, model, cpus, kind, placement });
	return all;
}

export function checkCell(cell: Cell): Verdict {
	return check(scenarioOf(cell));
}

/** CPUs that run through one site for ever while one patcher retargets it. */
export function scenarioOf({ protocol, model, cpus, kind, placement }: Cell): Scenario {
	return {
		name: `${protocol.name} on ${model.name}, ${cpus} CPUs, ${kind}, ${placement}`,
		program: programOf(kind, placement),
		model,
		cpus: [{ entry: "caller", count: cpus }],
		patchers: [{ poke: { site: kind === "null" || kind === "ret0" ? kind : "deadline" }, protocol: textOf(protocol) }],
	};
}

/** A registered protocol goes by its name, which keeps its requirements; a changed one by its phases. */
function textOf(protocol: Protocol): string | readonly string[] {
	return protocols.includes(protocol) ? protocol.name : protocol.phases.map(phaseText);
}

const siteText: Record<SiteKind, string> = {
	call: "call fifo",
	null: "call fifo",
	ret0: "call fifo",
	tail: "jmp fifo",
	conditional: "jeq fifo",
};

/** `fifo` lies before the site and `deadline` far behind it, so that every byte of the displacement differs; both ways of
 * the condition are taken. */
function programOf(kind: SiteKind, placement: Placement): string {
	const at = `\t.align 8\n\t.space ${placement === "aligned" ? 0 : 5}\n`;
	const site = `site:\t${siteText[kind]}\n`;
	const [caller, hook] = siteText[kind].startsWith("call")
		? [`${at}caller:\n${site}\tjmp caller\n`, "hook:\n"]
		: ["caller:\txori r8, r8, 1\n\tcmpi r8, 0\n\tcall hook\n\tjmp caller\n", `${at}hook:\n${site}\tret\n`];
	return `\t.global caller, fifo, deadline, hook
	.type caller, @function
	.type fifo, @function
	.type deadline, @function
fifo:	ret
	.space 4096
${hook}
	.space 4096
${caller}
	.space 0x12345
deadline:
	ret
`;
}
