// Updates from outside: at once while nobody has begun to run, else by driving the machine until they are complete; what
// its CPUs do meanwhile happens.

import type { Change, Update } from "../change/change.ts";
import type { Refusal } from "../change/planned-change.ts";
import { planUpdate } from "../change/update.ts";
import { early } from "../plan/protocols/index.ts";
import type { System } from "../system.ts";
import { applyNow, submit } from "./patchers.ts";
import { now, type RunEnd, settle } from "./run.ts";

/** What became of an update: complete, with how many sites were changed (a trampoline is one); refused, with nothing
 * changed; or the run ended before it was complete. */
export type Updated = { readonly sites: number } | Refusal | { readonly ended: RunEnd };

/** By plain stores where nobody runs yet, else by the system's protocol. */
export function planQuietly(system: System, changes: readonly Change[]): Update | Refusal {
	const quiet = planUpdate(system, changes, early);
	return "refused" in quiet ? planUpdate(system, changes, system.protocol) : quiet;
}

/** Waits until nobody else patches, plans against what is there then, and drives the machine until it is done. */
export function carryOut(system: System, planned: () => Update | Refusal, cycles?: number): Updated {
	const before = settle(system, cycles);
	if (before !== undefined) return { ended: before };
	const update = planned();
	if ("refused" in update) return update;
	if (update.transaction?.protocol === early) {
		applyNow(system, update);
		return { sites: update.edits.length };
	}
	const submitted = submit(system, update, now(system));
	if (typeof submitted === "object") return submitted;
	const after = settle(system, cycles);
	return after === undefined ? { sites: update.edits.length } : { ended: after };
}
