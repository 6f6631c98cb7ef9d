// Checks protocols away from the page: a verdict and the states on its way, a little at a time, so that a newer question
// ends an older one.

import { problemOf } from "../../linker/compile/index.ts";
import {
	type Cell,
	checking,
	lanesOf,
	type Placement,
	protocolOf,
	type SiteKind,
	scenarioOf,
} from "../../runtime/check/index.ts";
import { models } from "../../runtime/machine/index.ts";
import { phaseText, protocols } from "../../runtime/patch/index.ts";
import type { Checked, Question } from "./question.ts";

/** States that a page looks at, and bytes. */
const BOUNDS = { states: 200_000, memory: 200 * 2 ** 20 };
/** States and steps between two looks at what else is asked. */
const EFFORT = 4000;

let newest = 0;

addEventListener("message", async ({ data }: MessageEvent<Question & { readonly id: number }>) => {
	newest = data.id;
	try {
		postMessage({ id: data.id, result: await answer(data) });
	} catch (error) {
		const problem = problemOf(error);
		if (problem === undefined) postMessage({ id: data.id, failed: String(error) });
		else postMessage({ id: data.id, result: { problem: problem.reason } satisfies Checked });
	}
});

async function answer({
	id,
	phases,
	kind,
	placement,
	cpus,
	model,
}: Question & { readonly id: number }): Promise<Checked> {
	const began = performance.now();
	const cell: Cell = {
		protocol: protocolFor(phases),
		model: models.find(({ name }) => name === model) ?? models[0]!,
		cpus,
		kind: kind as SiteKind,
		placement: placement as Placement,
	};
	const checked = checking(scenarioOf(cell), { bounds: BOUNDS });
	for (;;) {
		const verdict = checked.advance(EFFORT);
		if (verdict !== undefined) {
			const { scenario: _, ...summary } = verdict;
			const hasWay = verdict.trace !== undefined || verdict.sample !== undefined;
			return { verdict: summary, lanes: hasWay ? lanesOf(verdict) : undefined, took: performance.now() - began };
		}
		postMessage({ id, progress: { found: checked.found, expanded: checked.expanded } });
		await new Promise((go) => setTimeout(go));
		if (id !== newest) return { superseded: true };
	}
}

/** A registered protocol keeps its name, and with it what it requires of sites. */
function protocolFor(phases: readonly string[]) {
	const same = ({ phases: known }: (typeof protocols)[number]): boolean =>
		known.length === phases.length && known.every((phase, i) => phaseText(phase) === phases[i]);
	return protocols.find(same) ?? protocolOf(phases, "the protocol");
}
