// The one door to code from outside: updates, fills, releases and probes are plans, and are carried out here. At once while
// the system is quiet, else by driving the machine until they are done; what its CPUs do meanwhile happens.

import type { Change, Update } from "../change/change.ts";
import { type Changed, countChanged } from "../change/patched-text.ts";
import type { Refusal } from "../change/planned-change.ts";
import { planUpdate } from "../change/update.ts";
import { early } from "../plan/protocols/index.ts";
import type { System } from "../system.ts";
import { applyNow, type Submitted, submit } from "./patchers.ts";
import { isQuiet } from "./quiet.ts";
import { now, type RunEnd, settle } from "./run.ts";

/** What became of a plan: complete, with how many sites and trampolines were changed; refused, with nothing changed; or the
 * run ended before it was complete. */
export type Updated = Changed | Refusal | { readonly ended: RunEnd };

/** How the machine is driven. */
export interface Driving {
	/** Cycles that each wait may take; 1e9 unless said otherwise. */
	readonly cycles?: number | undefined;
	/** Gets a trapped CPU on its way again. @returns false when it cannot: then the run has ended */
	readonly trapped?: ((system: System, cpu: number) => boolean) | undefined;
}

/** By plain stores where nobody runs yet, else by the system's protocol. */
export function planQuietly(system: System, changes: readonly Change[]): Update | Refusal {
	const quiet = planUpdate(system, changes, early);
	return "refused" in quiet ? planUpdate(system, changes, system.protocol) : quiet;
}

/** Waits until nobody else patches, plans against what is there then, and drives the machine until it is done. */
export function carryOut(system: System, planned: () => Submitted | Refusal, driving: Driving = {}): Updated {
	const before = settled(system, driving);
	if (before !== undefined) return { ended: before };
	const plan = planned();
	if ("refused" in plan) return plan;
	const changed = countChanged(system.image, plan.edits);
	// Data alone, and text that was never executable, need nobody's cooperation: `early` was held to that.
	if (isQuiet(system.machine) || plan.transaction?.protocol === early) {
		applyNow(system, plan);
		return changed;
	}
	const submitted = submit(system, plan, now(system));
	if (typeof submitted === "object") return submitted;
	const after = settled(system, driving);
	return after === undefined ? changed : { ended: after };
}

function settled(system: System, { cycles, trapped }: Driving): RunEnd | undefined {
	for (;;) {
		const ended = settle(system, cycles);
		if (ended?.kind !== "trapped" || trapped?.(system, ended.cpu) !== true) return ended;
	}
}
