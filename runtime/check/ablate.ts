// Which phases of a protocol are needed: each one dropped, and each two neighbours swapped, on a model.

import type { Model } from "../machine/model.ts";
import { type Phase, type Protocol, phaseText } from "../patch/plan/protocol.ts";
import type { Verdict } from "./check.ts";
import { type Cell, checkCell, type Placement, placements, siteKinds } from "./matrix.ts";

/** One change of a protocol on one model. */
export interface Ablation {
	readonly model: string;
	readonly change: "drop" | "swap";
	/** Index of the phase that was dropped, or of the first of the two. */
	readonly phase: number;
	readonly text: string;
	/** Whether some site breaks without it; `untouched`: the whole protocol was not safe there to begin with. */
	readonly verdict: "needed" | "not needed" | "untouched";
	/** The first site that breaks, and how. */
	readonly witness: Verdict | undefined;
}

/** @param cpus that run through the site */
export function ablate(protocol: Protocol, model: Model, cpus: number): Ablation[] {
	return [...ablating(protocol, model, cpus)];
}

/** Gives one ablation after the other, for who shows each when it is known: every phase dropped, then every two neighbours
 * swapped. @param cpus that run through the site */
export function* ablating(protocol: Protocol, model: Model, cpus: number): Generator<Ablation, void> {
	const { phases } = protocol;
	const sites = safeSites(protocol, model, cpus);
	for (const [i, phase] of phases.entries())
		yield judge(sites, model, "drop", i, phaseText(phase), phases.toSpliced(i, 1), protocol);
	for (const [i, phase] of phases.slice(1).entries()) {
		const before = phases[i]!;
		const text = `${phaseText(before)} <-> ${phaseText(phase)}`;
		yield judge(sites, model, "swap", i, text, phases.toSpliced(i, 2, phase, before), protocol);
	}
}

/** The sites for which the whole protocol is safe. */
function safeSites(protocol: Protocol, model: Model, cpus: number): Cell[] {
	const all = siteKinds.flatMap((kind) =>
		placements.map((placement: Placement): Cell => ({ protocol, model, cpus, kind, placement })),
	);
	return all.filter((cell) => checkCell(cell).verdict === "safe");
}

function judge(
	sites: readonly Cell[],
	model: Model,
	change: Ablation["change"],
	phase: number,
	text: string,
	phases: readonly Phase[],
	protocol: Protocol,
): Ablation {
	const changed: Protocol = { ...protocol, name: `${protocol.name} without ${text}`, phases };
	let witness: Verdict | undefined;
	for (const cell of sites) {
		const verdict = checkCell({ ...cell, protocol: changed });
		if (verdict.verdict === "safe") continue;
		witness = verdict;
		break;
	}
	const verdict = sites.length === 0 ? "untouched" : witness === undefined ? "not needed" : "needed";
	return { model: model.name, change, phase, text, verdict, witness };
}
